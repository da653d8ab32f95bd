"""Steps that were measured, gathered into blocks and handed to the thread that writes the file.

A step counts once it was appended to a list, and is forgotten only when its block was handed over. So whatever
interrupts a Recorder leaves whole steps; a step that was handed over twice counts once when it is read.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrscope.errors import must_be
from lrscope.recorder._attaching import number_of
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, missing, new_block
from lrscope.store import Writer
from lrscope.sweep import Sweep

BLOCK_BYTES = 24 * 2**20
"""Records are written when they reach this size ..."""
BLOCK_SECONDS = 5.0
"""... or this age, so that little is lost when the process is killed."""
MAX_STEPS = 4096
ENTRY_BYTES = 48
"""Of member, step and labels of an entry, about."""
FIRST_BLOCK, BLOCK, CLOSING = 3200, 200, 2200
"""Bytes besides the values that each variable takes: in the first block, which makes its branch; in each block; and
when the file is closed, for its distribution at the last step."""
_FLOAT64 = np.dtype("float64")
Values = dict[str, dict[str, Tensor | float]]
"""Step dimension -> name -> value."""


@dataclass(frozen=True)
class Column:
    """A variable: its step dimension, its label, type and shape of one value."""

    dim: str
    label: Variable
    dtype: np.dtype = _FLOAT64
    shape: tuple[int, ...] = ()
    measured: bool = False  # by a probe, so that its values are tensors
    late: bool = False  # after the update

    @property
    def size(self) -> int:
        return prod(self.shape)


class Rows:
    """The values (step, element) of columns of one type and step dimension, measured together, side by side.

    Small tensors that are kept for thousands of steps would scatter over the heap whatever the training allocates.
    """

    def __init__(self, columns: Sequence[Column], device: torch.device) -> None:
        self._columns, self.late = columns, columns[0].late
        empty = np.empty((0, sum(column.size for column in columns)), columns[0].dtype)
        self._matrix = torch.from_numpy(empty).to(device)
        absent = self._matrix.new_full((), missing(columns[0].dtype))
        self._expected = [(column.label.name, column.shape, absent.expand(column.size)) for column in columns]

    def write(self, row: int, values: Mapping[str, Tensor | float]) -> None:
        """Copy the values of a step; one that is absent, or has another shape than its column, is missing."""
        if row == len(self._matrix):
            self._grow()
        pieces = []
        for name, shape, absent in self._expected:
            value = values.get(name)
            if not isinstance(value, Tensor) or value.shape != shape:
                value = absent
            pieces.append(value if value.ndim == 1 else value.reshape(-1))
        torch.cat(pieces, out=self._matrix[row])

    def _grow(self) -> None:
        old = self._matrix
        block = min(MAX_STEPS, BLOCK_BYTES // max(1, old.itemsize * old.shape[1]))
        self._matrix = old.new_empty(max(block, 2 * len(old)) + 1, old.shape[1])
        self._matrix[: len(old)] = old

    def arrays(self, count: int) -> dict[str, np.ndarray]:
        """Return views of the first rows, (step, ...), by variable."""
        matrix = self._matrix[:count].cpu().numpy()
        pieces = np.split(matrix, np.cumsum([column.size for column in self._columns])[:-1], axis=1)
        pairs = zip(self._columns, pieces, strict=True)
        return {column.label.name: piece.reshape(count, *column.shape) for column, piece in pairs}


@dataclass(frozen=True)
class Step:
    """What belongs to one step: by step dimension, the row of what was measured, and the numbers that were given."""

    step: int
    rows: Mapping[str, int]
    numbers: Mapping[str, Mapping[str, Tensor | float]]
    finite: tuple[Tensor, Tensor] | None
    """Loss and largest gradient, which show whether the training goes on; None for numbers noted between steps."""


class BlockBuffer:
    """Takes steps and hands them out; `nbytes` are those of the steps that it has."""

    def __init__(self) -> None:
        self.clear(torch.device("cpu"))
        self._steps: list[Step] = []
        self._rows: dict[str, list[Rows]] = {}
        self.nbytes = 0

    def clear(self, device: torch.device) -> None:
        """Expect nothing so far; what is measured will be on this device."""
        self.columns: dict[str, Column] = {}
        self._record_bytes: dict[str, int] = {}
        self._device = device

    def expect(self, column: Column) -> None:
        """Have a variable in every block of its step dimension."""
        self.columns[column.label.name] = column
        size = column.dtype.itemsize * column.size
        self._record_bytes[column.dim] = self._record_bytes.get(column.dim, ENTRY_BYTES) + size

    def bytes_of(self, dims: frozenset[str] | None = None) -> int:
        return sum(size for dim, size in self._record_bytes.items() if dims is None or dim in dims)

    @torch.inference_mode()
    def hold(self, values: Values) -> None:
        """Take what was measured before the update of the next step, which counts once it is appended."""
        for dim, named in values.items():
            for some in self._rows_of(dim):
                if not some.late:
                    some.write(self._next_row(dim), named)

    @torch.inference_mode()
    def append(
        self, step: int, values: Values, finite: tuple[Tensor, Tensor] | None = None, *, held: bool = False
    ) -> None:
        """Take what was measured and given for a step, or the rest of it if `held`; `finite` as of `Step`."""
        rows, numbers = {}, {}
        for dim, named in values.items():
            rows[dim] = self._next_row(dim)
            for some in self._rows_of(dim):
                if some.late or not held:
                    some.write(rows[dim], named)
            numbers[dim] = {name: value for name, value in named.items() if not self.columns[name].measured}
        self._steps.append(Step(step, rows, numbers, finite))
        self.nbytes += self.bytes_of(frozenset(values))

    def _next_row(self, dim: str) -> int:
        return next((one.rows[dim] + 1 for one in reversed(self._steps) if dim in one.rows), 0)

    def _rows_of(self, dim: str) -> list[Rows]:
        """Return the rows of a step dimension, one for each type and moment of measuring."""
        if dim not in self._rows:
            together: dict[tuple[np.dtype, bool], list[Column]] = {}
            for column in self.columns.values():
                if column.dim == dim and column.measured:
                    together.setdefault((column.dtype, column.late), []).append(column)
            self._rows[dim] = [Rows(columns, self._device) for columns in together.values()]
        return self._rows[dim]

    @property
    def full(self) -> bool:
        return self.nbytes >= BLOCK_BYTES or len(self._steps) >= MAX_STEPS

    def steps_of_block(self) -> "BlockSteps":
        """Return all steps, with what is known of them."""
        rows = {dim: self._rows_of(dim) for dim in self._record_bytes}
        stream = torch.cuda.current_stream(self._device) if self._device.type == "cuda" else None
        return BlockSteps(list(self._steps), rows, dict(self.columns), stream)

    def drop(self) -> None:
        """Forget the steps: they were handed over."""
        self._rows = {}  # a block will have views of them
        self._steps = []
        self.nbytes = 0


@dataclass
class Divergence:
    """Whether a training still goes on, from the steps of one block after the other.

    Attributes
    ----------
    since : step from which on all are not finite, -1 if the last one is
    last : step
    """

    since: int = -1
    last: int = -1

    def follow(self, steps: Iterable[Step]) -> None:
        """Take in the next steps. One that is finite again shows that the training has gone on."""
        checked = [(one.step, one.finite) for one in steps if one.finite is not None]
        if checked:
            pairs = torch.stack([number for _, pair in checked for number in pair]).reshape(-1, 2)
            for (step, _), finite in zip(checked, pairs.isfinite().all(1).tolist(), strict=True):
                self.since = -1 if finite else step if self.since < 0 else self.since
                self.last = step


@dataclass(frozen=True)
class BlockSteps:
    """Steps that were handed over: those of a block, with their rows and columns by step dimension and name.

    The block is made by the thread that writes it, so that it is that thread which waits for a GPU. It waits for the
    stream of the training: a thread has another one by default, which would read values that are still to be computed.
    """

    steps: list[Step]
    rows: Mapping[str, list[Rows]]
    columns: Mapping[str, Column]
    stream: torch.cuda.Stream | None = None
    """Of a GPU."""

    def block(
        self, members: Mapping[str, np.ndarray], sweep: Sweep, divergence: Divergence, *, final: bool
    ) -> xr.Dataset:
        """Return the block (member, step, ...).

        Values after a divergence are NaN. A single step at the end that is not finite is one only if it is the last.
        """
        with torch.cuda.stream(self.stream) if self.stream else nullcontext():
            return self._block(members, sweep, divergence, final=final)

    def _block(
        self, members: Mapping[str, np.ndarray], sweep: Sweep, divergence: Divergence, *, final: bool
    ) -> xr.Dataset:
        divergence.follow(self.steps)
        diverged_at = divergence.since if final or divergence.since < divergence.last else -1
        values: dict[str, np.ndarray] = {}
        steps: dict[str, np.ndarray] = {}
        for dim in self.rows:
            own = [one for one in self.steps if dim in one.rows]
            if own:
                steps[dim] = np.array([one.step for one in own])
                late = steps[dim] > diverged_at if diverged_at >= 0 else np.zeros(len(own), bool)
                values |= {name: _without(array, late)[None] for name, array in self._arrays(dim, own).items()}
        labels = {name: self.columns[name].label for name in values}
        dims = {name: self.columns[name].dim for name in values}
        if STEP in steps:
            late = (diverged_at >= 0) & (steps[STEP] >= diverged_at)
            values[DIVERGED_AT], dims[DIVERGED_AT] = np.where(late, diverged_at, -1)[None], STEP
            labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "first step that is not finite", "updates")
        axes = {name: members[name] for name in (MEMBER, *sweep.axes)}
        return new_block(values, labels, steps, axes, sweep.attrs(), dims)

    def _arrays(self, dim: str, steps: list[Step]) -> dict[str, np.ndarray]:
        measured: dict[str, np.ndarray] = {}
        for rows in self.rows[dim]:
            measured |= rows.arrays(len(steps))
        names = [name for name, column in self.columns.items() if column.dim == dim]
        given = [one.numbers[dim] for one in steps]
        return {
            name: measured[name] if name in measured else np.array([float(one.get(name, np.nan)) for one in given])
            for name in names
        }


def _without(array: np.ndarray, late: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f" or not late.any():
        return array
    return np.where(late.reshape(-1, *[1] * (array.ndim - 1)), np.nan, array).astype(array.dtype)


class RecordsFile:
    """Writes the blocks of a buffer into a new file.

    Attributes
    ----------
    flushed : whether a block was handed over
    closed : whether the file has ended
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        metadata: Mapping[str, object],
        compression: str,
        sweep: Sweep,
        buffer: BlockBuffer,
    ) -> None:
        self._writer = Writer(path, metadata, compression=compression)
        self.path = self._writer.path
        self._buffer, self._sweep = buffer, sweep
        self._members = sweep.members() | {MEMBER: np.array([number_of(sweep)])}
        self._divergence = Divergence()
        self._bytes = self.path.stat().st_size
        self._began = time.perf_counter()
        self.flushed = self.closed = False

    @property
    def seconds(self) -> float:
        """Processor time of the thread that writes, which is a cost as well."""
        return self._writer.seconds

    @property
    def used(self) -> int:
        """Bytes of the file, of what is about to be written, and of what closing the file adds."""
        if self.closed or not self._buffer.columns:
            return self._bytes
        reserved = CLOSING + BLOCK + (0 if self.flushed else FIRST_BLOCK)
        return self._bytes + self._buffer.nbytes + reserved * self._variables

    def check_size(self, budget: int) -> None:
        """Raise an `InputError` if two records would not fit."""
        least = self._bytes + 2 * self._buffer.bytes_of() + self._variables * (FIRST_BLOCK + BLOCK + CLOSING)
        if budget < least:
            remedy = "Give more, or record less: fewer probes, or fewer layers by include and exclude."
            raise must_be(
                "size_budget", f"at least {-(-least // 1000)} kB for this model and these probes", budget, remedy
            )

    @property
    def _variables(self) -> int:
        return len(self._buffer.columns) + 1

    def due(self, now: float) -> bool:
        return self._buffer.full or now - self._began > BLOCK_SECONDS

    def write(self, *, final: bool, background: bool = True) -> None:
        """Hand what was measured to the thread that writes, once it has written the block before.

        If that is interrupted nothing is lost: the buffer still has everything.
        """
        if self._buffer.nbytes:
            self._writer.wait()
            coming = self._buffer.nbytes + self._variables * (BLOCK if self.flushed else FIRST_BLOCK)
            self._bytes = self.path.stat().st_size + coming
            steps = self._buffer.steps_of_block()
            block = partial(steps.block, self._members, self._sweep, self._divergence, final=final)
            self._writer.extend(block, background=background)
            self.flushed = True
            self._buffer.drop()
        self._began = time.perf_counter()

    def give_up(self, error: BaseException) -> None:
        """Close the file after an error: what was written stays; without a block it is removed."""
        self.closed = True
        self._writer.__exit__(type(error), error, None)

    def complete(self, warnings: list[str]) -> None:
        self._writer.warnings = warnings
        self._writer.close()
        self._bytes, self.closed = self.path.stat().st_size, True
