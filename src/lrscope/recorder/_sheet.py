"""Everything that is measured of one model, from the hooks to the block."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from lrscope.errors import InputError, must_be
from lrscope.probes import Structure
from lrscope.recorder._blocks import Gathered, block_of
from lrscope.recorder._frame import LOSS, NORM, RATE, Frames, dtype_of
from lrscope.recorder._layout import Column, layout_of
from lrscope.recorder._placing import can_place, placer_for
from lrscope.recorder._slow import Given, Slow
from lrscope.recorder._timetable import Group
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable
from lrscope.sweep import Sweep

_FREE = "val_"
"""Numbers whose names begin like this are recorded whenever they are given."""


class Sheet:
    """Takes one step after the other and hands out blocks.

    Parameters
    ----------
    groups : probes by cadence
    parameters : those of the structure, in its order
    axes : of the sweep, whose names are taken

    Attributes
    ----------
    hear : takes path and output of a layer
    """

    def __init__(
        self,
        structure: Structure,
        groups: Sequence[Group],
        parameters: Sequence[nn.Parameter],
        axes: Iterable[str] = (),
    ) -> None:
        dtype = dtype_of(parameters)
        self.layout = layout_of(structure, groups, placed=can_place(parameters, dtype))
        self.frames = Frames(self.layout, parameters)
        self.slow = Slow(self.layout)
        self._names = _names(self.layout.columns, self.slow) | {MEMBER, STEP, DIVERGED_AT}
        for axis in axes:
            if axis in self._names:
                raise must_be("a label", "a name that is free in the records", axis, "Give it another name.")
        self._names |= set(axes)
        self._dtype = np.dtype("float64" if dtype == torch.float64 else "float32")
        self.gathered = {
            dim: Gathered(dim, columns, self._dtype, placer_for(self.layout, columns, parameters, dtype))
            for dim, columns in self.layout.columns.items()
        }
        self._metrics: set[str] | None = None
        self._rates = 0
        self.hear = self._hear_all if self.slow else self.frames.hear
        self._wrong_since = self._last = self._sorted = -1

    @property
    def paths(self) -> set[str] | None:
        """The layers whose outputs are needed; None for all."""
        return None if self.slow else set(self.layout.layers)

    @property
    def pending_bytes(self) -> int:
        """Bytes of what is gathered and not yet part of a block."""
        return sum(len(one.steps) * one.record_bytes for one in self.gathered.values())

    @property
    def full(self) -> bool:
        """Tell whether some step dimension has no room for another step."""
        return any([one.full() for one in self.gathered.values()])  # noqa: C419  a list is faster

    def bytes_of(self, due: Iterable[str]) -> int:
        """Return the bytes of a record of these step dimensions."""
        return sum(self.gathered[dim].record_bytes for dim in due)

    def _hear_all(self, path: str, output: Tensor) -> None:
        """Take what a layer has put out, also for probes that measure by themselves."""
        self.frames.hear(path, output)
        self.slow.hear(path, output)

    def capture(self, step: int, due: Iterable[str], scale: Tensor | None) -> None:
        """Take parameters and gradients of a step, which the update will change; gradients divided by a scale."""
        self._mend()
        self.frames.capture(step, scale)
        for dim in due:
            self.gathered[dim].place(self.frames.vectors.places, scale)

    def complete(
        self,
        step: int,
        due: frozenset[str],
        loss: Tensor | float,
        rates: Sequence[float],
        seconds: tuple[float, float],
        numbers: Mapping[str, float],
    ) -> None:
        """Take what is known of a step behind its update, and keep it.

        Parameters
        ----------
        due : step dimensions; none if the step was captured only for probes that follow every step
        rates : of each group of the optimiser
        seconds : of recording, and of the loop, so far
        numbers : metrics by name
        """
        frames = self.frames
        frames.complete(loss)
        frames.slot.scalars[RATE:] = rates[0], *seconds
        for dim in due:
            self.gathered[dim].begin(step)
        if len(rates) > 1:
            self._put_rates(step, due, rates)
        if self.slow:
            self._measure(due, rates[0])
        for name, number in numbers.items():
            self._note(step, due, name, number)
        if due:
            self._rates = self._rates or len(rates)
            frames.whole.append((step, due))
            if frames.full:
                self.spill()

    def _put_rates(self, step: int, due: frozenset[str], rates: Sequence[float]) -> None:
        """Keep the rates of further groups; those that were added later have steps of their own."""
        for dim in due & self.layout.rates:
            for place, rate in enumerate(rates[1:], 1):
                if place < (self._rates or len(rates)):
                    self.gathered[dim].put(_rate(place), rate)
                else:
                    self.note(step, _rate(place).name, rate)

    def complete_numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take the numbers of a step that is not recorded: those that are recorded whenever they are given."""
        for name, number in numbers.items():
            self._note(step, frozenset(), name, number)

    @property
    def variables(self) -> int:
        """How many variables there are."""
        return sum(len(one.columns) + len(one.singles) for one in self.gathered.values()) + 1

    def note(self, step: int, name: str, number: float) -> None:
        """Keep a number that is recorded whenever it is given."""
        dim = f"{STEP}_{name}"
        if dim not in self.gathered:
            self._check_names([name])
        own = self.gathered.setdefault(dim, Gathered(dim, [], self._dtype))
        if own.steps[-1:] != [step]:
            own.begin(step)
        own.put(_number(name), number)

    def _note(self, step: int, due: frozenset[str], name: str, number: float) -> None:
        if self._metrics is None or name not in self._metrics:
            self.note(step, name, number)
        elif STEP in due:
            self.gathered[STEP].put(_number(name), number)

    def begin(self, numbers: Iterable[str]) -> None:
        """Decide, at the first step, which numbers belong to the cadence of the loss: those that are there."""
        if self._metrics is None:
            self._metrics = {name for name in numbers if not name.startswith(_FREE)}
            self._check_names(self._metrics)
            self._names |= self._metrics
            for name in sorted(self._metrics):
                self.gathered[STEP].expect(_number(name))

    def _check_names(self, names: Iterable[str]) -> None:
        """Refuse names that mean something else in the records."""
        for name in names:
            if name in self._names:
                remedy = "Give it another name, the same in step() and in note() never."
                raise must_be("the name of a number", "free in the records", name, remedy)

    def _measure(self, due: frozenset[str], rate: float) -> None:
        frames = self.frames
        number = torch.tensor(rate, dtype=torch.float64, device=frames.parameters.device)
        loss = frames.parameters.new_tensor(frames.slot.scalars[LOSS])
        given = Given(loss, number, frames.parameters, frames.gradient, frames.update)
        for dim, label, value in self.slow.measure(due, given):
            self.gathered[dim].put(label, value)

    def spill(self) -> None:
        """Sort the rows into variables."""
        self._mend()
        whole = self.frames.whole
        rows, scalars = self.frames.rows()
        self._follow(~np.isfinite(scalars[:, [LOSS, NORM]]).all(1))
        for dim, one in self.gathered.items():
            own = [number for number, (_, due) in enumerate(whole) if dim in due]
            if len(own) == len(rows):
                one.add_rows(rows, scalars)
            elif own:
                one.add_rows(rows[own], scalars[own])
        self._sorted = whole[-1][0] if whole else self._sorted
        self.frames.begin_anew()

    def _mend(self) -> None:
        """Drop what an interrupted step has left; numbers that are noted between steps have steps of their own."""
        whole = self.frames.whole
        last = whole[-1][0] if whole else self._sorted
        for dim in self.layout.columns:
            self.gathered[dim].drop_behind(last)

    def _follow(self, wrong: np.ndarray) -> None:
        """Note since when all steps are not finite: one that is finite again shows that the training has gone on."""
        for bad, (step, _) in zip(wrong.tolist(), self.frames.whole, strict=True):
            if not bad:
                self._wrong_since = -1
            elif self._wrong_since < 0:
                self._wrong_since = step
            self._last = step

    def block(self, members: Mapping[str, np.ndarray], sweep: Sweep, *, final: bool) -> xr.Dataset:
        """Return what was gathered since the last block, and begin anew.

        One wrong step at its end counts if it is the last.
        """
        self.spill()
        diverged = final or self._wrong_since < self._last
        block = block_of(self.gathered, members, sweep, self._wrong_since if diverged else -1)
        for one in self.gathered.values():
            if one.steps:
                one.begin_anew()
        return block


@cache
def _number(name: str) -> Variable:
    return Variable(name, name, name.replace("_", " "))


@cache
def _rate(number: int) -> Variable:
    return Variable(f"learning_rate_{number}", "learning_rate", f"learning rate of group {number}")


def _names(columns: Mapping[str, Sequence[Column]], slow: Slow) -> set[str]:
    """Return the names of all variables, or raise an `InputError` for one that is there twice."""
    counts = Counter(column.label.name for own in columns.values() for column in own)
    counts.update(name for labels in slow.labels.values() for name in labels)
    for name, count in counts.items():
        if count > 1:
            remedy = "Let one probe measure all its layers, or choose other layers with include and exclude."
            raise InputError(f"probes must record each variable once; got {name} again. {remedy}")
    return set(counts)
