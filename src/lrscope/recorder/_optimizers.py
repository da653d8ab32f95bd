"""The optimisers that a Recorder watches: those inside of wrappers, which parameters they update, at which rates."""

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from numbers import Real
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.errors import InputError, must_be
from lrscope.recorder._attaching import Settings, Warnings
from lrscope.records import check_name
from lrscope.sweep import Sweep

_MOVES_FIRST = {"schedulefree"}
"""Libraries whose wrappers move the parameters before the optimiser inside is called."""


class Optimizers:
    """What updates a model.

    Parameters
    ----------
    given : an optimiser, or several in a sequence or as values of a mapping; of wrappers those inside are taken
    model : what they update

    Attributes
    ----------
    all : the optimisers, each once

    Raises
    ------
    InputError : something that is no optimiser, updates nothing of the model, or has no learning rate.
    """

    def __init__(self, given: Any, model: nn.Module, warnings: Warnings) -> None:
        self._warnings = warnings
        several = isinstance(given, Iterable) and not isinstance(given, Optimizer)
        chosen = list(given.values() if isinstance(given, Mapping) else given) if several else [given]
        of_model = {id(one) for one in model.parameters()}
        for one in chosen or [None]:
            inside = list(_inside(one, set()))
            if not inside:
                remedy = "Give the one whose step() updates the model: its hook shows when an update is made."
                raise must_be("optimizer", "a torch.optim.Optimizer", type(one).__name__, remedy)
            if not of_model & {id(parameter) for each in inside for parameter in parameters_of(each)}:
                remedy = "Make the optimizer of model.parameters(), and the Recorder with both."
                raise must_be("optimizer", "one that updates the model", "one with none of its parameters", remedy)
        self.all = list({id(each): each for one in chosen for each in _inside(one, set())}.values())
        for one in self.all:
            if not all(_is_rate(group.get("lr", False)) for group in one.param_groups):
                raise InputError(
                    f"optimizer must have a learning rate in each of its param_groups, and {type(one).__name__} has "
                    "none in some. Set group['lr'] = 0.1, for example."
                )

    @property
    def name(self) -> str:
        return ", ".join(dict.fromkeys(type(one).__name__ for one in self.all))

    def hook(self, hook: Any) -> Iterator[Any]:
        """Yield the handles of a hook before each update."""
        for one in self.all:
            try:
                yield one.register_step_pre_hook(hook)
            except AttributeError:  # it has never called Optimizer.__init__
                remedy = "Give the optimiser inside of it."
                got = f"a {type(one).__name__}, which takes none"
                raise must_be("optimizer", "one that takes hooks", got, remedy) from None

    def parameters(self) -> Iterator[Tensor]:
        for one in self.all:
            yield from parameters_of(one)

    def rates(self) -> list[float]:
        """Return the learning rate of each group, NaN where the optimiser chooses it by itself."""
        rates = (group["lr"] for one in self.all for group in one.param_groups)
        return [math.nan if rate is None else float(rate) for rate in rates]

    def updated(self, parameters: Mapping[str, Tensor], trainable: Container[str]) -> list[str]:
        """Return the names of the parameters that are updated; a warning names others that require a gradient."""
        own = set(map(id, self.parameters()))
        wanted = [name for name, one in parameters.items() if one.requires_grad or name in trainable]
        left = [name for name in wanted if id(parameters[name]) not in own]
        if left:
            named = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
            self._warnings.add(
                f"parameters that the optimizer does not update are not recorded: {named}. If another optimizer "
                "updates them, give the Recorder both: Recorder(model, path, [first, second])."
            )
        return [name for name in wanted if id(parameters[name]) in own]

    def sweep(self, settings: Settings) -> Sweep:
        """Return the grid of one member: the learning rate, and what the labels say.

        The rate is that of the schedule, or the present one, of the first group that has any. Where all rates are zero,
        as in a warm-up by hand that begins there, the one that will be reached is not known: the axis is ``initial_lr``
        instead of ``lr``, and a warning says how to have the other. Where the optimiser chooses its rate by itself, the
        axis is ``optimizer``.
        """
        groups = [group for one in self.all for group in one.param_groups]
        given = [group.get("initial_lr") or group["lr"] for group in groups]
        rates = [float(rate) for rate in given if rate is not None]
        rate = next((one for one in rates if one), 0.0)
        known: dict[str, Any] = {"lr": rate}
        if not rates:
            known = {"optimizer": self.name}
        elif not rate:
            known = {"initial_lr": rate}
        if "lr" in settings.labels:
            known = {"lr": rate}
        elif "initial_lr" in known:
            self._warnings.add(
                "the optimizer's learning rate is 0 when the Recorder is made: the records have it step by step, and "
                "the axis initial_lr instead of lr. Name the rate that will be reached to have that axis: "
                "labels={'lr': 0.1}, for example."
            )
        for name in settings.labels:
            check_name("a label", name)
        return Sweep(**{name: [value] for name, value in {**known, **settings.labels}.items()})


class LeftOut:
    """Which updates a GradScaler leaves out of an optimiser that is fused: a flag on the device says it.

    Reading it waits for the device. Of steps that are only counted the flags are added up there, and read later.
    """

    def __init__(self) -> None:
        self._flag: Tensor | None = None  # of the step in hand
        self._sum: Tensor | float = 0.0

    def now(self, optimizer: Optimizer, *, wait: bool) -> bool:
        """Return whether an update will not be made; without waiting it is taken to be made for now."""
        infinite = vars(optimizer).get("found_inf")
        self._flag = infinite if isinstance(infinite, Tensor) else None  # others may call something else so
        return wait and self.in_hand()

    def count(self) -> None:
        """Count the step in hand, whose update was taken to be made."""
        if self._flag is not None:
            self._sum, self._flag = self._sum + (self._flag != 0), None

    def forget(self) -> None:
        """Forget the flag of the step in hand, which is left out for another reason."""
        self._flag = None

    def in_hand(self) -> bool:
        """Return whether the update in hand was taken to be made, and was not."""
        flag, self._flag = self._flag, None
        return flag is not None and bool(flag)

    def counted(self) -> int:
        """Return how many of the steps that were counted since the last call had no update."""
        left, self._sum = int(self._sum), 0.0
        return left


def parameters_of(optimizer: Any) -> Iterator[Tensor]:
    """Yield the parameters in the groups of an optimiser, or of what wraps one."""
    for group in getattr(optimizer, "param_groups", ()):
        yield from group["params"]


def _inside(given: Any, seen: set[int]) -> Iterator[Optimizer]:
    """Yield the optimisers that make the updates of `given`: those that it holds if they have all its parameters.

    Accelerate, Fabric, Opacus, Lookahead and their like hold the optimiser whose ``step`` they call. One that holds
    optimisers for a part of its parameters, such as ``ZeroRedundancyOptimizer``, updates the others itself.
    """
    if id(given) in seen:
        return
    seen.add(id(given))
    values = getattr(given, "__dict__", {}).values()
    held = [one for value in values for one in (value if isinstance(value, list | tuple) else [value])]
    deeper = [each for one in held if isinstance(one, Optimizer) for each in _inside(one, seen)]
    updated = {id(one) for each in deeper for one in parameters_of(each)}
    if deeper and {id(one) for one in parameters_of(given)} <= updated:
        if type(given).__module__.partition(".")[0] in _MOVES_FIRST:
            remedy = "Give one that is schedule-free by itself, such as AdamWScheduleFree."
            got = f"{type(given).__name__}, inside of which the parameters are others"
            raise must_be("optimizer", "one whose parameters are those of the gradient", got, remedy)
        yield from deeper
    elif isinstance(given, Optimizer):
        yield given


def _is_rate(rate: Any) -> bool:
    return rate is None or (isinstance(rate, Real | Tensor) and not isinstance(rate, bool))
