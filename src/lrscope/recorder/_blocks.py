"""Rows and single values gathered into blocks of records, in memory that is used again.

The arrays are in the byte order of the file, so that the thread that writes them need not turn them again; two sets of
them take turns, one being filled while the other is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrscope.recorder._layout import Column
from lrscope.recorder._placing import Placer
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, missing, new_block
from lrscope.sweep import Sweep

BLOCK_BYTES = 24 * 2**20
"""The records that are gathered are written when they reach this size ..."""
BLOCK_SECONDS = 5.0
"""... or this age, so that little is lost when the process is killed. Arrays much larger than this would be handed
back to the system and fetched again, page by page, for each block."""
_MOST_STEPS = 4096
_DOUBLE = np.dtype("float64")
ENTRY = 48
"""Bytes of member, step and labels of an entry, about."""


@dataclass
class Gathered:
    """What was gathered of one step dimension since the last block.

    Attributes
    ----------
    columns : variables that come as rows; those of the last steps may not be there yet
    placer : of those that are placed instead
    singles : variables that come one by one: label, shape and type
    record_bytes : of one step
    """

    dim: str
    columns: list[Column]
    dtype: np.dtype
    placer: Placer | None = None
    steps: list[int] = field(default_factory=list)
    singles: dict[str, tuple[Variable, tuple[int, ...], np.dtype]] = field(default_factory=dict)
    _sets: list[dict[str, np.ndarray]] = field(default_factory=lambda: [{}, {}])
    _turn: int = 0
    _stale: bool = False

    def __post_init__(self) -> None:
        self.record_bytes = self._record_bytes()

    def _record_bytes(self) -> int:
        """Return the bytes of one step."""
        rows = sum(column.stop - column.start for column in self.columns) * self.dtype.itemsize
        return rows + sum(int(np.prod(shape)) * dtype.itemsize for _, shape, dtype in self.singles.values()) + ENTRY

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        return self._sets[self._turn]

    def begin(self, step: int) -> None:
        """Begin a step. By now the set in hand is written, so what is left in it of single values can go."""
        if self._stale:
            self._stale = False
            for name, (_, _, dtype) in self.singles.items():
                if name in self._arrays:
                    self._arrays[name].fill(missing(dtype))
        self.steps.append(step)

    @cached_property
    def room(self) -> int:
        """How many steps a block may have."""
        return max(1, min(_MOST_STEPS, BLOCK_BYTES // self.record_bytes))

    def place(self, places: Sequence[int], scale: Tensor | None) -> None:
        """Take what is placed, for the step that is about to begin.

        Parameters
        ----------
        places : of parameters and gradients, as `Vectors` has them
        scale : of the gradients

        Raises
        ------
        IndexError : there is no room.
        """
        if self.placer is not None:
            if self.columns[-1].label.name not in self._arrays:
                for column in self.columns:
                    self._of_column(column)
            self.placer.place(len(self.steps), self._arrays, places, scale)

    def add_rows(self, rows: Tensor, scalars: np.ndarray) -> None:
        """Take rows (step, element) and scalars (step, scalar) of the last steps; if it is interrupted, again."""
        last = slice(len(self.steps) - len(rows), len(self.steps))
        host = rows.cpu()
        for column in self.columns:
            if column.scalar:
                self._of_column(column)[0, last] = scalars[:, column.start]
            elif self.placer is None or column.parameter is None:
                self._of_column(column)[0, last] = _arranged(host[:, column.start : column.stop], column)

    def _of_column(self, column: Column) -> np.ndarray:
        return self._array(column.label, column.shape, _DOUBLE if column.exact else self.dtype, blank=False)

    def expect(self, label: Variable) -> None:
        """Have a number in every block, also in those in which it is not given."""
        self.singles[label.name] = label, (), _DOUBLE
        self.record_bytes = self._record_bytes()

    def put(self, label: Variable, value: np.ndarray | float) -> None:
        """Take a single value, of the last step; a number is kept as float64, what has another shape is missing."""
        array = self._arrays.get(label.name)
        if array is None:
            given = np.asarray(value)
            if label.name not in self.singles:
                self.singles[label.name] = label, given.shape, given.dtype
                self.record_bytes = self._record_bytes()
            array = self._array(*self.singles[label.name])
        if np.shape(value) == array.shape[2:]:
            array[0, len(self.steps) - 1] = value

    def _array(self, label: Variable, shape: tuple[int, ...], dtype: np.dtype, *, blank: bool = True) -> np.ndarray:
        """Return the array (member, step, ...) of a variable; if it is made `blank`, what is not written is missing."""
        arrays = self._arrays
        if label.name not in arrays:
            made = arrays[label.name] = np.empty((1, self.room, *shape), dtype.newbyteorder(">"))
            if blank:
                made.fill(missing(dtype))
        return arrays[label.name]

    def full(self) -> bool:
        """Tell whether another step has no room."""
        return len(self.steps) >= self.room

    def drop_behind(self, step: int) -> None:
        """Drop what was begun behind a step, and interrupted."""
        while self.steps and self.steps[-1] > step:
            for name, (_, _, dtype) in self.singles.items():
                if name in self._arrays:
                    self._arrays[name][0, len(self.steps) - 1] = missing(dtype)
            self.steps.pop()

    def gathered(self) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Variable]]:
        """Return steps, arrays (member, step, ...) and labels."""
        count = len(self.steps)
        for single in self.singles.values():
            self._array(*single)
        steps = np.array(self.steps, np.int64)
        arrays = {name: array[:, :count] for name, array in self._arrays.items()}
        labels = {column.label.name: column.label for column in self.columns}
        labels |= {name: label for name, (label, _, _) in self.singles.items()}
        return steps, arrays, labels

    def begin_anew(self) -> None:
        """Begin in the other set. It may still be being written: nothing is written to it before `begin`."""
        self.steps, self._turn, self._stale = [], 1 - self._turn, True


def _arranged(rows: Tensor, column: Column) -> np.ndarray:
    """Return a variable (step, ...) of its part of the rows (step, element)."""
    one = column.parameter
    if one is not None and column.turned:
        turned = torch.stack([one.by_neuron(row.reshape(one.shape)) for row in rows])
        return np.asarray(turned.numpy())
    return np.asarray(rows.numpy().reshape(len(rows), *column.shape))


def block_of(
    gathered: Mapping[str, Gathered], members: Mapping[str, np.ndarray], sweep: Sweep, diverged_at: int
) -> xr.Dataset:
    """Return what was gathered as a block (member, step, ...); values measured after a divergence become NaN.

    Nothing of it is forgotten, so that this may be interrupted.
    """
    values: dict[str, np.ndarray] = {}
    labels: dict[str, Variable] = {}
    steps: dict[str, np.ndarray] = {}
    dims: dict[str, str] = {}
    for dim, one in gathered.items():
        if not one.steps:
            continue
        steps[dim], arrays, own = one.gathered()
        values |= arrays
        labels |= own
        dims |= dict.fromkeys(arrays, dim)
    if diverged_at >= 0:
        _blank_after(diverged_at, values, steps, dims)
    if STEP in steps:
        found = np.where((diverged_at >= 0) & (steps[STEP] >= diverged_at), diverged_at, -1)
        values[DIVERGED_AT], dims[DIVERGED_AT] = found[None], STEP
        labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "first step that is not finite", "updates")
    columns = {name: members[name] for name in (MEMBER, *sweep.axes)}
    return new_block(values, labels, steps, columns, sweep.attrs(), dims)


def _blank_after(
    diverged_at: int, values: Mapping[str, np.ndarray], steps: Mapping[str, np.ndarray], dims: Mapping[str, str]
) -> None:
    for name, array in values.items():
        if array.dtype.kind == "f":
            array[:, steps[dims[name]] > diverged_at] = np.nan
