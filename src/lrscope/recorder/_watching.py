"""A probe of a Recorder: what it returns, and what of a moment it reads, which is noted while it measures the first."""

from collections import UserDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from lrscope.errors import InputError
from lrscope.probes import Moment, Probe
from lrscope.probes import State as ProbeState
from lrscope.recorder._cadence import Schedule
from lrscope.records import Variable

_AFTER = {"loss", "update", "update_size"}
"""Fields of a moment that are known after the update only."""


@dataclass
class Attached:
    """A probe with its step dimension, its variables and its state."""

    dim: str
    probe: Probe
    labels: dict[str, Variable]
    values: dict[str, Tensor]  # without storage, of the shapes and types that it returned for the first moment
    initial: ProbeState
    state: ProbeState
    last: int  # the step that the state has seen last
    reads: set[str]  # fields of a moment that it uses
    layers: set[str]  # whose outputs it uses

    @property
    def late(self) -> bool:
        """Whether it measures after the update."""
        return bool(self.reads & _AFTER)

    def state_at(self, step: int) -> ProbeState:
        """Return the state for a step: a probe that looks one step back must not see an earlier one."""
        return self.state if self.probe.looks_back > 1 or self.last == step - 1 else self.initial

    def follows(self, schedule: Schedule) -> bool:
        """Return whether `follow` must see the step in hand."""
        if not self.probe.follows or self.dim in schedule.now:
            return False
        return self.probe.looks_back > 1 or self.dim in schedule.soon


def attach(dim: str, probe: Probe, moment: Moment) -> Attached:
    """Let a probe measure the first moment, to know what it reads and returns."""
    initial = probe.init(moment.parameters)
    watched = _Watched(moment)
    values, _ = probe.measure(initial, cast(Moment, watched))
    if probe.follows:
        probe.follow(initial, cast(Moment, watched))
    labels = {label.name: label for label in probe.labels(moment.structure)}
    if set(labels) != set(values):
        name = type(probe).__name__
        raise InputError(f"{name} must return the variables of its labels; got {', '.join(values)}.")
    shapes = {name: value.to("meta") for name, value in values.items()}
    return Attached(dim, probe, labels, shapes, initial, initial, -1, watched.fields, watched.layers)


class _Watched:
    """A moment that notes which of its fields are read, and the outputs of which layers."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.fields: set[str] = set()
        self.layers: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.fields.add(name)
        value = getattr(self._moment, name)
        return _WatchedOutputs(value, self.layers) if name in ("activations", "activation_gradients") else value


class _WatchedOutputs(UserDict[str, Tensor]):
    def __init__(self, outputs: Mapping[str, Tensor], read: set[str]) -> None:
        super().__init__(outputs)
        self._read = read

    def __getitem__(self, path: str) -> Tensor:
        self._read.add(path)
        return super().__getitem__(path)
