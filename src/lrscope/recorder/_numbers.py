"""Which variables a Recorder writes: those of the probes, the seconds, further learning rates, the user's numbers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrscope.errors import InputError, must_be
from lrscope.probes import refuse_collisions
from lrscope.recorder._attaching import Warnings
from lrscope.recorder._buffer import BlockBuffer, Column, Values
from lrscope.recorder._live import is_sharded
from lrscope.recorder._measuring import Measuring
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, check_name

_ANY_TIME = "val_"
"""Numbers whose names begin like this are recorded whenever they are given."""
_SECONDS = (
    Variable("recording_seconds", "recording_seconds", "time spent on recording", "s"),
    Variable("training_seconds", "training_seconds", "time since the first step", "s"),
)
RESERVED = {MEMBER, STEP, DIVERGED_AT, *(label.name for label in _SECONDS)}
"""Names that a file of a Recorder has in any case."""


class Numbers:
    """Names the variables of a buffer, each once; the names of the sweep's axes are taken."""

    def __init__(self, buffer: BlockBuffer, axes: Iterable[str], warnings: Warnings) -> None:
        self._buffer, self._axes, self._warnings = buffer, tuple(axes), warnings
        self._warned: set[str] = set()
        self._of_steps: set[str] | None = None
        self._rates = 0

    def begin(self, measuring: Measuring, rates: int) -> None:
        """Expect what the probes return, and the rates of so many groups of parameters, instead of anything before."""
        self._buffer.clear(measuring.device)
        refuse_collisions(label for one in measuring.attached for label in one.labels.values())
        for one in measuring.attached:
            for name, label in one.labels.items():
                if name in self._buffer.columns:
                    remedy = "Let one probe measure all its layers, or choose other layers with include and exclude."
                    raise InputError(f"probes must record each variable once; got {name} again. {remedy}")
                value = one.values[name]
                dtype = torch.empty(0, dtype=value.dtype, device="cpu").numpy().dtype
                self._buffer.expect(Column(one.dim, label, dtype, tuple(value.shape), measured=True, late=one.late))
        for label in _SECONDS:
            self._buffer.expect(Column(STEP, label))
        self._rates = rates
        if "learning_rate" in self._buffer.columns:
            dim = self._buffer.columns["learning_rate"].dim
            for group in range(1, rates):
                self._buffer.expect(Column(dim, _rate(group)))
        for axis in self._axes:
            if not self._is_free(axis):
                raise must_be("a label", "a name that is free in the records", axis, "Give it another name.")

    def rates(self, rates: Sequence[float], due: frozenset[str]) -> Values:
        """Return the learning rates of the second group on; of those that were added later each has its own steps."""
        column = self._buffer.columns.get("learning_rate")
        values: Values = {}
        if column is not None and column.dim in due:
            for group, rate in enumerate(rates[1:], 1):
                label = _rate(group)
                dim = column.dim if group < self._rates else self._own_dim(label)
                values.setdefault(dim, {})[label.name] = rate
        return values

    def of_step(self, numbers: Mapping[str, Any], due: frozenset[str]) -> Values:
        """Return the numbers given with a step.

        Those of the first call belong to the cadence of the loss; others are recorded whenever they are given.
        """
        first = self._of_steps is None
        of_steps = self._of_steps = set() if self._of_steps is None else self._of_steps
        values: Values = {}
        for name, value in sorted(numbers.items()):
            if name in of_steps and STEP not in due:
                continue
            with self._left_out(name):
                checked = _kept(name, value)
                if first and not name.startswith(_ANY_TIME):
                    self._check_free(name)
                    self._buffer.expect(Column(STEP, _variable(name)))
                    of_steps.add(name)
                if name not in of_steps:
                    values.setdefault(self._own_dim(_variable(name)), {})[name] = checked
                elif STEP in due:
                    values.setdefault(STEP, {})[name] = checked
        return values

    def can_wait(self, numbers: Mapping[str, Any]) -> bool:
        """Return whether nothing of what is given with a step is recorded unless the loss is."""
        return not numbers or (self._of_steps is not None and numbers.keys() <= self._of_steps)

    def noted(self, numbers: Mapping[str, Any]) -> Values:
        """Return numbers that were measured between two steps."""
        values: Values = {}
        for name, value in numbers.items():
            with self._left_out(name):
                checked = _kept(name, value)
                values.setdefault(self._own_dim(_variable(name)), {})[name] = checked
        return values

    def loss(self, loss: Any) -> Tensor | float | None:
        """Return the loss of a step, None if it is not known or no number."""
        with self._left_out("loss"):
            return None if loss is None else scalar(loss)
        return None

    @contextmanager
    def _left_out(self, name: str) -> Iterator[None]:
        """Leave out a number that is none, or whose name is taken: a mistake in the middle must not end a training."""
        try:
            yield
        except InputError as error:
            if name not in self._warned:
                self._warned.add(name)
                self._warnings.add(f"{error} It is missing in the records.")

    def _own_dim(self, label: Variable) -> str:
        dim = f"{STEP}_{label.name}"
        column = self._buffer.columns.get(label.name)
        if column is None or column.dim != dim:
            self._check_free(label.name)
            self._buffer.expect(Column(dim, label))
        return dim

    def _check_free(self, name: str) -> None:
        check_name("a number", name)
        if name in self._axes or not self._is_free(name) or f"{STEP}_{name}" in self._buffer.columns:
            remedy = "Give it another name; a number of step() cannot be given to note() as well."
            raise must_be("the name of a number", "free in the records", name, remedy)

    def _is_free(self, name: str) -> bool:
        columns = self._buffer.columns
        dims = {dim for column in columns.values() for dim in (column.dim, *column.label.dims)}
        return name not in {*columns, *dims, *RESERVED}


def scalar(loss: Tensor | float) -> Tensor | float:
    """Return a loss that is one number; a tensor stays where it is."""
    if isinstance(loss, Tensor) and loss.numel() == 1 and not loss.is_complex() and not loss.is_meta:
        return loss
    return number("loss", loss, "Give the mean over the batch, for example.")


def number(name: str, value: Any, remedy: str = "") -> float:
    """Return a metric as a number: one of Python or NumPy, a tensor of one element, an array without dimensions."""
    with suppress(OverflowError, RuntimeError):  # of an integer that is too large, of a tensor without storage
        if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
            return float(value.detach())
        plain = value[()] if isinstance(value, np.ndarray) and value.shape == () else value
        if isinstance(plain, Real) and not isinstance(plain, bool):
            return float(plain)
    got = f"{type(value).__name__} {tuple(value.shape)}" if isinstance(value, Tensor | np.ndarray) else value
    raise must_be(name, "one number", got, remedy)


def _kept(name: str, value: Any) -> Tensor | float:
    """Return a metric as `number` does, or a copy of it on its GPU, so that the loop does not wait for that."""
    on_gpu = isinstance(value, Tensor) and value.is_cuda and value.numel() == 1 and not value.is_complex()
    # The number of a DTensor may need all processes, and so their main threads.
    return value.detach().clone() if on_gpu and not is_sharded(value) else number(name, value)


def merged(*several: Values) -> Values:
    values: Values = {}
    for one in several:
        for dim, named in one.items():
            values.setdefault(dim, {}).update(named)
    return values


def _variable(name: str) -> Variable:
    return Variable(name, name, name.replace("_", " "))


def _rate(group: int) -> Variable:
    return Variable(f"learning_rate_{group}", "learning_rate", f"learning rate of group {group}")
