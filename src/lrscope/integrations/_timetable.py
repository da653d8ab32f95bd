"""Which probes measure at which step of a training whose length nobody knows."""

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
        """Tell whether the group measures at a step, if every `factor`-th time is taken."""
        if isinstance(self.when, At):
            return step in self.when.at
        assert isinstance(self.when, Every)
        if self.when.unit == "step":
            return step % (self.when.count * factor) == 0
        assert per_epoch is not None
        return (step + 1) % (self.when.count * factor * per_epoch) == 0

    def next_due(self, step: int, per_epoch: int | None, factor: int) -> bool:
        """Tell whether the group measures at the step behind this one."""
        return self.due(step + 1, per_epoch, factor)


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
