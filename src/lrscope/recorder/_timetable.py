"""Which probes measure at which step of a training whose length nobody knows."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lrscope.probes import At, Every, Loss, Probe
from lrscope.records import STEP

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Group:
    """Probes with the same cadence; their variables share a step dimension.

    Attributes
    ----------
    dim : ``step`` for the loss and what goes with it, ``step_<cadence>`` for others
    when : cadence
    probes : in the order in which they were given
    """

    dim: str
    when: Any
    probes: tuple[Probe, ...]

    def due(self, step: int, per_epoch: int | None, factor: int) -> bool:
        """Tell whether the group measures at a step, if every `factor`-th time is taken."""
        if isinstance(self.when, At):
            return step in self.when.at
        assert isinstance(self.when, Every)
        if self.when.unit == "step":
            return step % (self.when.count * factor) == 0
        assert per_epoch is not None
        return (step + 1) % (self.when.count * factor * per_epoch) == 0

    def next_due(self, step: int, per_epoch: int | None, factor: int) -> float:
        """Return the first step behind this one at which the group measures."""
        if isinstance(self.when, At):
            return min((one for one in self.when.at if one > step), default=math.inf)
        assert isinstance(self.when, Every)
        length = self.when.count * factor * (1 if self.when.unit == "step" else per_epoch or 1)
        last = self.when.unit != "step"
        return ((step + last) // length + 1) * length - last


class Timetable:
    """What is due at which step; nothing is asked twice about the steps between two records.

    Parameters
    ----------
    groups : probes by cadence
    per_epoch : updates in an epoch, if they are known
    """

    def __init__(self, groups: tuple[Group, ...], per_epoch: int | None) -> None:
        self._groups, self._per_epoch = groups, per_epoch
        self._idle: tuple[float, float, int] = (0, 0, 1)  # none is due from, until, if every so-many-th is taken
        self.always = all(group.when == Every() for group in groups)

    @property
    def idle_until(self) -> float:
        """The first step at which something is due again, as far as was asked; infinite if nothing will be."""
        return self._idle[1]

    def due(self, step: int, factor: int) -> frozenset[str]:
        """Return the step dimensions that are recorded at a step, if every `factor`-th time is taken."""
        since, until, of_factor = self._idle
        if since <= step < until and factor == of_factor:
            return NOTHING
        due = frozenset(group.dim for group in self._groups if group.due(step, self._per_epoch, factor))
        behind = min(group.next_due(step, self._per_epoch, factor) for group in self._groups)
        self._idle = step + 1, behind, factor
        return due


def groups_of(probes: Iterable[Probe]) -> tuple[Group, ...]:
    """Return the probes by cadence, those of the loss's first."""
    ordered = sorted(probes, key=lambda probe: not isinstance(probe, Loss))
    by_cadence: dict[Any, list[Probe]] = {}
    for probe in ordered:
        by_cadence.setdefault(probe.when, []).append(probe)
    return tuple(
        Group(STEP if number == 0 else f"{STEP}_{when.label}", when, tuple(same))
        for number, (when, same) in enumerate(by_cadence.items())
    )
