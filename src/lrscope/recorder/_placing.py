"""Parameters and gradients of a model straight into the arrays of its records.

The numbers are turned into the byte order of the file on the way, and pass by the processor's caches, which hold what
the training needs next.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lrscope.probes import Parameter
from lrscope.recorder._kernel import Kernel, Parts, kernel_for
from lrscope.recorder._layout import Column, Layout


@dataclass(frozen=True)
class Source:
    """Where a variable comes from: a parameter or its gradient, and how it becomes (neuron, input).

    Attributes
    ----------
    number : its place among those of `lrscope.recorder._vectors.Vectors`
    """

    number: int
    variable: str
    parameter: nn.Parameter
    described: Parameter
    gradient: bool

    @torch.no_grad()  # a gradient may have one itself
    def copied(self, dtype: torch.dtype, scale: Tensor | None) -> Tensor:
        """Return the numbers side by side."""
        one = self.parameter.grad if self.gradient else self.parameter.detach()
        if one is None:
            return torch.zeros(self.described.shape, dtype=dtype)  # as for a layer that was not used
        exact = self.described.by_neuron(one.to_dense()).to("cpu", dtype)
        if self.gradient and scale is not None:
            exact = exact / scale.to("cpu")
        return exact.resolve_neg().contiguous()


class Placer:
    """Writes a model, as it is at some moment, to one row of each of its variables.

    Parameters
    ----------
    kernel : of the records' type
    sources : at least one
    dtype : of the records
    """

    def __init__(self, kernel: Kernel, sources: Sequence[Source], dtype: torch.dtype) -> None:
        self._kernel, self._sources, self._dtype = kernel, sources, dtype
        self._numbers = [source.number for source in sources]
        self._sizes = [source.parameter.numel() for source in sources]
        self._from = Parts(self._sizes)
        self._turned = [number for number, source in enumerate(sources) if source.described.inputs_first]
        self._targets: dict[int, Parts] = {}

    def place(
        self, row: int, arrays: Mapping[str, np.ndarray], places: Sequence[int], scale: Tensor | None = None
    ) -> None:
        """Write to one row of arrays (member, row, ...) of one member.

        Parameters
        ----------
        arrays : contiguous and big-endian, the same ones at each call with the same mapping
        places : of what the sources are numbered by; of those that are 0 a copy is made
        scale : of the gradients

        Raises
        ------
        IndexError : the arrays have no such row.
        """
        room = arrays[self._sources[0].variable].shape[1]
        if row >= room:
            raise IndexError(f"row {row} must be one of {room}")
        own = [places[number] for number in self._numbers]
        if self._turned or not all(own):
            copies = {n: self._sources[n].copied(self._dtype, scale) for n in self._not_simple(own)}
            for number, copy in copies.items():
                own[number] = copy.data_ptr()
        self._from.lie_at(own)
        self._kernel.place(self._from, self._target(arrays), row)

    def _not_simple(self, places: Sequence[int]) -> list[int]:
        return [number for number, place in enumerate(places) if not place or number in self._turned]

    def _target(self, arrays: Mapping[str, np.ndarray]) -> Parts:
        target = self._targets.get(id(arrays))
        if target is None:
            target = Parts(self._sizes)
            target.lie_at([arrays[source.variable].ctypes.data for source in self._sources])
            self._targets[id(arrays)] = target
        return target


def can_place(parameters: Iterable[nn.Parameter], dtype: torch.dtype) -> bool:
    """Tell whether parameters can be placed: they are on the CPU, and there is a compiled loop."""
    return all(one.is_cpu for one in parameters) and kernel_for(dtype) is not None


def placer_for(
    layout: Layout, columns: Iterable[Column], parameters: Sequence[nn.Parameter], dtype: torch.dtype
) -> Placer | None:
    """Return what places those of the columns that do not stand in a row; None if all do."""
    kernel, described = kernel_for(dtype), layout.structure.parameters
    if not layout.placed or kernel is None:
        return None
    sources = []
    for column in columns:
        if column.parameter is not None:
            first = described.index(column.parameter)
            number = first + len(described) * column.of_gradient
            sources.append(Source(number, column.label.name, parameters[first], column.parameter, column.of_gradient))
    return Placer(kernel, sources, dtype) if sources else None
