"""Values measured step by step, gathered into blocks of records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from lrscope.errors import InputError, must_be
from lrscope.probes import Probe, Structure, refuse_collisions
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, new_block
from lrscope.sweep import Sweep
from lrscope.training._plan import Members, Timetable

DIVERGENCE = Variable(DIVERGED_AT, DIVERGED_AT, "first step that is not finite", "updates")


@dataclass(frozen=True)
class Measured:
    """Measurements of some members at some steps.

    Attributes
    ----------
    values : name of a variable -> (member, step, ...)
    steps : step dimension -> (step)
    """

    values: dict[str, np.ndarray]
    steps: dict[str, np.ndarray]

    @property
    def nbytes(self) -> int:
        """Size of the values."""
        return sum(array.nbytes for array in self.values.values())


class BlockBuffer:
    """Collects what is measured and hands it out as a labelled block.

    Parameters
    ----------
    probes : in the order of their numbers
    structure : of the network
    table : when each probe measures

    Raises
    ------
    InputError : two probes that record the same variable, or two layers with the same name in a file.
    """

    def __init__(self, probes: tuple[Probe, ...], structure: Structure, table: Timetable) -> None:
        self._table = table
        self.variables: dict[str, Variable] = {DIVERGED_AT: DIVERGENCE}
        self._dim_of: dict[str, str] = {DIVERGED_AT: STEP}
        refuse_collisions(label for probe in probes for label in probe.labels(structure))
        for number, probe in enumerate(probes):
            for label in probe.labels(structure):
                _refuse_second(label, probe, self.variables)
                self.variables[label.name] = label
                self._dim_of[label.name] = table.dims[number]
        self._shapes: dict[str, torch.Size] = {}
        self._clear()

    def _clear(self) -> None:
        self._values: dict[str, list[Tensor]] = {}
        self._steps: dict[str, list[int]] = {}
        self.nbytes = 0

    def add(self, step: int, due: tuple[int, ...], values: Mapping[str, Tensor]) -> None:
        """Take what the due probes measured at a step, name -> (member, ...)."""
        dims = {self._table.dims[number] for number in due}
        for dim in dims:
            self._steps.setdefault(dim, []).append(step)
        for name, value in values.items():
            if self._dim_of[name] in dims:
                _refuse_ragged(name, value.shape, self._shapes.setdefault(name, value.shape))
                self._values.setdefault(name, []).append(value)
                self.nbytes += value.nbytes

    def bytes_of_run(self, values: Mapping[str, Tensor]) -> int:
        """Return the size of the records of a whole run with values (member, ...) like these, uncompressed."""
        return sum(value.nbytes * len(self._table.steps[self._dim_of[name]]) for name, value in values.items())

    def taken(self, diverged_at: np.ndarray) -> Measured:
        """Return what was added since the last call; values after a divergence become NaN.

        Parameters
        ----------
        diverged_at : (member) first step that was not finite; -1 if there was none yet
        """
        values = {name: torch.stack(values, 1).cpu().numpy() for name, values in self._values.items()}
        steps = {dim: np.array(numbers, dtype=np.int64) for dim, numbers in self._steps.items()}
        self._clear()
        if (diverged_at >= 0).any():
            self._blank_after(diverged_at, values, steps)
        return Measured(values, steps)

    def block(self, members: Members, sweep: Sweep, measured: Sequence[Measured]) -> xr.Dataset:
        """Return measurements of some members, in the order of their steps, as a block of records."""
        values = _joined([each.values for each in measured], axis=1)
        steps = _joined([each.steps for each in measured], axis=0)
        columns = {name: members.columns[name] for name in (MEMBER, *sweep.axes)}
        return new_block(values, self.variables, steps, columns, sweep.attrs(), self._dim_of)

    def _blank_after(
        self, diverged_at: np.ndarray, arrays: dict[str, np.ndarray], steps: Mapping[str, np.ndarray]
    ) -> None:
        for name, array in arrays.items():
            if np.issubdtype(array.dtype, np.floating):
                after = (diverged_at >= 0)[:, None] & (steps[self._dim_of[name]] > diverged_at[:, None])
                array[after] = np.nan


def _joined(parts: Sequence[Mapping[str, np.ndarray]], axis: int) -> dict[str, np.ndarray]:
    """Return the arrays of all parts under each name, one after the other; a part need not have them all."""
    names = dict.fromkeys(name for part in parts for name in part)
    arrays = {name: [part[name] for part in parts if name in part] for name in names}
    return {name: each[0] if len(each) == 1 else np.concatenate(each, axis) for name, each in arrays.items()}


def _refuse_second(label: Variable, probe: Probe, known: Mapping[str, Variable]) -> None:
    if label.name in known:
        remedy = "Let one probe measure all its layers, or choose other layers with include and exclude."
        got = f"{label.name} again from {type(probe).__name__}"
        raise InputError(f"probes must record each variable once; got {got}. {remedy}")


def _refuse_ragged(name: str, shape: torch.Size, first: torch.Size) -> None:
    if shape != first:
        remedy = "Batches differ in size: use the full batch, or when=every(1, 'epoch')."
        raise must_be(name, f"of the shape {tuple(first[1:])} at every recorded step", tuple(shape[1:]), remedy)
