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
    when: Every | At
    probes: tuple[Probe, ...]

    def next_due(self, step: int, per_epoch: int | None, factor: int) -> float:
        """Return the first step from this one on at which the group measures, if every `factor`-th time is taken."""
        if isinstance(self.when, At):
            return min((one for one in self.when.at if one >= step), default=math.inf)
        if self.when.unit == "step":
            length, last = self.when.count * factor, 0
        else:  # the last step of an epoch
            length, last = self.when.count * factor * (per_epoch or 1), 1
        return -(-(step + last) // length) * length - last


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
    groups : probes by cadence, those of the loss's first
    now, soon : step dimensions that are recorded at the step in hand, and at the next
    idle : so many of the next steps, one after the other, need nothing but to be counted
    """

    def __init__(
        self, probes: Iterable[Probe], per_epoch: int | None, step: int, factor: int = 1, *, waits: bool = False
    ) -> None:
        by_cadence: dict[Any, list[Probe]] = {}
        for probe in sorted(probes, key=lambda probe: not isinstance(probe, Loss)):
            by_cadence.setdefault(probe.when, []).append(probe)
        dims = [STEP, *(f"{STEP}_{when.label}" for when in list(by_cadence)[1:])]
        cadences = zip(dims, by_cadence.items(), strict=True)
        self.groups = tuple(Group(dim, when, tuple(same)) for dim, (when, same) in cadences)
        self._per_epoch = per_epoch
        self.now = self.due(step, factor)
        self.soon = frozenset() if waits else self.due(step + 1, factor)
        self.idle = 0

    def due(self, step: int, factor: int) -> frozenset[str]:
        return frozenset(one.dim for one in self.groups if one.next_due(step, self._per_epoch, factor) == step)

    def advance(self, soon: frozenset[str]) -> None:
        self.now, self.soon, self.idle = self.soon, soon, 0

    def rest(self, step: int, factor: int) -> None:
        """Count the steps until something must be decided again, if nothing is due at this step and the next."""
        if not (self.now or self.soon):
            until = min(group.next_due(step + 2, self._per_epoch, factor) for group in self.groups)
            self.idle = max(0, int(min(until, sys.maxsize)) - 2 - step)
