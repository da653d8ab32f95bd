"""Which probes measure at which step of a training whose length nobody knows."""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lrscope.probes import At, Every, Loss, Probe
from lrscope.records import STEP


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
        """Return whether the group measures at a step, if every `factor`-th time is taken."""
        if isinstance(self.when, At):
            return step in self.when.at
        assert isinstance(self.when, Every)
        if self.when.unit == "step":
            return step % (self.when.count * factor) == 0
        assert per_epoch is not None
        return (step + 1) % (self.when.count * factor * per_epoch) == 0

    def next_due(self, step: int, per_epoch: int | None, factor: int) -> float:
        """Return the first step after this one at which the group measures."""
        if isinstance(self.when, At):
            return min((one for one in self.when.at if one > step), default=math.inf)
        assert isinstance(self.when, Every)
        length = self.when.count * factor * (1 if self.when.unit == "step" else per_epoch or 1)
        last = self.when.unit != "step"
        return ((step + last) // length + 1) * length - last


NOTHING: frozenset[str] = frozenset()


class Schedule:
    """What is due at the step in hand and at the next one, which some probes must prepare for.

    Parameters
    ----------
    probes : each with its cadence
    per_epoch : updates in an epoch, if they are known
    step, factor : the first step; of the times that are due, every `factor`-th is taken
    waits : whether the second record needs leave: with a time budget it waits until the first is paid for

    Attributes
    ----------
    groups : probes by cadence
    now, soon : step dimensions that are recorded at the step in hand, and at the next
    idle : so many of the next steps, one after the other, need nothing but to be counted
    """

    def __init__(
        self, probes: Iterable[Probe], per_epoch: int | None, step: int, factor: int = 1, *, waits: bool = False
    ) -> None:
        self.groups = groups_of(probes)
        self._per_epoch = per_epoch
        self.now = self.due(step, factor)
        self.soon = NOTHING if waits else self.due(step + 1, factor)
        self.idle = 0

    def due(self, step: int, factor: int) -> frozenset[str]:
        """Return the step dimensions that are due at a step."""
        return frozenset(group.dim for group in self.groups if group.due(step, self._per_epoch, factor))

    def advance(self, soon: frozenset[str]) -> None:
        """Go on to the next step, after which these are recorded."""
        self.now, self.soon, self.idle = self.soon, soon, 0

    def rest(self, step: int, factor: int) -> None:
        """Count the steps until something must be decided again, if nothing is due at this step and the next."""
        if not (self.now or self.soon):
            until = min(group.next_due(step + 1, self._per_epoch, factor) for group in self.groups)
            self.idle = max(0, int(min(until, sys.maxsize)) - 2 - step)


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
