"""Groups of parameters whose learning rate is a multiple of the network's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby

import torch
from torch import Tensor

from lrscope.errors import InputError, unknown
from lrscope.records import identifier
from lrscope.sweep import GROUP
from lrscope.trees import Layout


@dataclass(frozen=True)
class Groups:
    """Which elements of the vector of parameters belong to which group.

    Attributes
    ----------
    runs : the axis of the sweep that multiplies the rate, "" for the rest, and the number of elements; in the order
        of the vector
    """

    runs: tuple[tuple[str, int], ...]

    def multipliers(self, numbers: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
        """Return what the learning rate of each parameter is multiplied by, (parameter).

        Parameters
        ----------
        numbers : axis -> multiplier, a scalar
        dtype : of the result
        """
        one = torch.ones_like(numbers["lr"])
        return torch.cat([(numbers[axis] if axis else one).to(dtype).expand(count) for axis, count in self.runs])


def groups_of(axes: Sequence[str], layout: Layout, tied: Mapping[str, str]) -> Groups | None:
    """Return the groups that the axes ``lr_<module>`` of a sweep name; None if there are no such axes.

    The parameters whose names begin with the module belong to the group, dots written as underscores. If there are
    none, those that have it anywhere in their names do, such as the matrices ``lora_A`` of all layers.

    Parameters
    ----------
    tied : further names of parameters -> the name in the layout

    Raises
    ------
    InputError : no parameter has the name, some belong to two groups, or one is that of a module outside as well, which
        has its name.
    """
    if not axes:
        return None
    owner: dict[str, str] = {}
    for axis in axes:
        members = _members(axis, [*layout.shapes, *tied])
        for parameter in members:
            if tied.get(parameter, parameter) not in members:
                raise InputError(
                    f"{axis} must be of a module with parameters of its own; {parameter} is tied to {tied[parameter]}. "
                    "Name the module of that one."
                )
            if parameter in owner:
                raise InputError(
                    f"{owner[parameter]} and {axis} must have no parameter in common; both have {parameter}. "
                    "Name the modules inside one by one."
                )
            owner[parameter] = axis
    sized = zip((owner.get(name, "") for name in layout.shapes), layout.sizes, strict=True)
    runs = groupby(sized, key=lambda one: one[0])
    return Groups(tuple((axis, sum(size for _, size in run)) for axis, run in runs))


def _members(axis: str, parameters: Sequence[str]) -> list[str]:
    module = axis.removeprefix(GROUP)
    named = {parameter: list(_parts(parameter)) for parameter in parameters}
    inside = [parameter for parameter, parts in named.items() if any(module == part for _, part in parts)]
    if not inside:
        top = [identifier(parameter.split(".")[0]) for parameter in parameters]
        every = dict.fromkeys(part for parts in named.values() for _, part in parts)
        near = get_close_matches(module, every, n=1, cutoff=0.4)
        raise unknown("a module with a learning rate of its own", module, dict.fromkeys([*top, *near]))
    first = [parameter for parameter in inside if (0, module) in named[parameter]]
    return first or inside


def _parts(parameter: str) -> Iterable[tuple[int, str]]:
    """Yield every run of components of a parameter's name, as an identifier, after the number of its first one."""
    components = parameter.split(".")
    for start in range(len(components)):
        for stop in range(start + 1, len(components) + 1):
            yield start, identifier(".".join(components[start:stop]))
