"""Steps that were measured, gathered into blocks of records.

A step is added by one `list.append`, and forgotten only when the block that holds it was handed over. So whatever
interrupts a Recorder leaves whole steps; a step that was handed over twice counts once when it is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, missing, new_block
from lrscope.sweep import Sweep

BLOCK_BYTES = 24 * 2**20
"""Records are written when they reach this size ..."""
BLOCK_SECONDS = 5.0
"""... or this age, so that little is lost when the process is killed."""
MAX_STEPS = 4096
ENTRY_BYTES = 48
"""Of member, step and labels of an entry, about."""
_FLOAT64 = np.dtype("float64")
Value = Tensor | float


@dataclass(frozen=True)
class Column:
    """A variable: its step dimension, its label, and type and shape of one value."""

    dim: str
    label: Variable
    dtype: np.dtype = _FLOAT64
    shape: tuple[int, ...] = ()

    @property
    def nbytes(self) -> int:
        """Of one value."""
        return self.dtype.itemsize * int(np.prod(self.shape))


@dataclass(frozen=True)
class Step:
    """What was measured at one step.

    Attributes
    ----------
    values : step dimension -> name -> value
    finite : loss and largest gradient, which show whether the training goes on; None for numbers noted between steps
    """

    step: int
    values: Mapping[str, Mapping[str, Value]]
    finite: tuple[Tensor, Tensor] | None = None


class BlockBuffer:
    """Takes steps and hands out blocks.

    Attributes
    ----------
    columns : name -> variable
    nbytes : of the steps that are not yet part of a block
    """

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self._record_bytes: dict[str, int] = {}
        self._steps: list[Step] = []
        self.nbytes = 0
        self._wrong_since = self._last = -1

    def clear(self) -> None:
        """Expect nothing."""
        self.columns, self._record_bytes = {}, {}

    def expect(self, column: Column) -> None:
        """Have a variable in every block of its step dimension."""
        self.columns[column.label.name] = column
        self._record_bytes[column.dim] = self._record_bytes.get(column.dim, ENTRY_BYTES) + column.nbytes

    def bytes_of(self, dims: frozenset[str] | None = None) -> int:
        """Return the bytes of a record of some step dimensions, or of all."""
        return sum(size for dim, size in self._record_bytes.items() if dims is None or dim in dims)

    def append(self, step: Step) -> None:
        """Take a step."""
        self._steps.append(step)
        self.nbytes += self.bytes_of(frozenset(step.values))

    @property
    def full(self) -> bool:
        """Whether it is time for a block."""
        return self.nbytes >= BLOCK_BYTES or len(self._steps) >= MAX_STEPS

    def block(self, members: Mapping[str, np.ndarray], sweep: Sweep, *, final: bool) -> tuple[xr.Dataset, int]:
        """Return a block (member, step, ...) of all steps, and their number, for `drop`.

        Values after a divergence are NaN. A single step at the end that is not finite is one only if it is the last.
        """
        steps = list(self._steps)
        wrong_since, last = self._followed(steps)
        diverged_at = wrong_since if final or wrong_since < last else -1
        values: dict[str, np.ndarray] = {}
        numbers: dict[str, np.ndarray] = {}
        for dim in self._record_bytes:
            by_step: dict[int, dict[str, Value]] = {}
            for one in steps:
                if dim in one.values:
                    by_step.setdefault(one.step, {}).update(one.values[dim])
            if by_step:
                numbers[dim] = np.array(list(by_step), np.int64)
                rows = list(by_step.values())
                for name, column in self.columns.items():
                    if column.dim == dim:
                        values[name] = _stacked([row.get(name) for row in rows], column)[None]
        labels = {name: self.columns[name].label for name in values}
        dims = {name: self.columns[name].dim for name in values}
        if diverged_at >= 0:
            for name, array in values.items():
                if array.dtype.kind == "f":
                    array[:, numbers[dims[name]] > diverged_at] = np.nan
        if STEP in numbers:
            late = (diverged_at >= 0) & (numbers[STEP] >= diverged_at)
            values[DIVERGED_AT], dims[DIVERGED_AT] = np.where(late, diverged_at, -1)[None], STEP
            labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "first step that is not finite", "updates")
        axes = {name: members[name] for name in (MEMBER, *sweep.axes)}
        return new_block(values, labels, numbers, axes, sweep.attrs(), dims), len(steps)

    def drop(self, count: int) -> None:
        """Forget the first so many steps: their block was handed over."""
        self._wrong_since, self._last = self._followed(self._steps[:count])
        self._steps = self._steps[count:]
        self.nbytes = sum(self.bytes_of(frozenset(step.values)) for step in self._steps)

    def _followed(self, steps: list[Step]) -> tuple[int, int]:
        """Return since when all steps are not finite, -1 if the last one is, and the last step.

        One that is finite again shows that the training has gone on.
        """
        wrong_since, last = self._wrong_since, self._last
        checked = [(one.step, one.finite) for one in steps if one.finite is not None]
        if checked:
            pairs = torch.stack([torch.stack((loss.double(), largest.double())) for _, (loss, largest) in checked])
            for (step, _), finite in zip(checked, pairs.isfinite().all(1).tolist(), strict=True):
                wrong_since = -1 if finite else step if wrong_since < 0 else wrong_since
                last = step
        return wrong_since, last


def _stacked(values: list[Value | None], column: Column) -> np.ndarray:
    """Return values (step, ...); one that is absent, or has another shape than the column, is missing."""
    if column.shape == () and not any(isinstance(value, Tensor) for value in values):
        return np.array([np.nan if value is None else value for value in values], column.dtype)
    present = [isinstance(value, Tensor) and tuple(value.shape) == column.shape for value in values]
    tensors = [value for value, is_present in zip(values, present, strict=True) if is_present]
    if len(tensors) == len(values):
        return np.asarray(torch.stack(tensors).cpu().numpy())  # type: ignore[arg-type]
    stacked = np.full((len(values), *column.shape), missing(column.dtype), column.dtype)
    if tensors:
        stacked[np.array(present)] = torch.stack(tensors).cpu().numpy()  # type: ignore[arg-type]
    return stacked
