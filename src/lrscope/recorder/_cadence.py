"""When a Recorder records: which probes are due, what a record costs, and how a budget is kept.

What is thinned is the cadence: of the steps that are due, every first, second, third, fourth, sixth, eighth, twelfth,
... is recorded. Bytes are given out like this: half of them at the full cadence, half of what is left until the
training is twice as long, half of what is left until it is twice as long again, and so on. So the budget is never used
up, and each doubling of the training's length has its records.
"""

import math
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from lrscope.probes import At, Every, Loss, Probe
from lrscope.recorder._attaching import Settings, Warnings
from lrscope.recorder._buffer import RecordsFile
from lrscope.recorder._optimizers import LeftOut
from lrscope.records import STEP

WARM_UP = 8
"""Records whose cost is remembered: the dearest of them is left out as a hiccup."""
SHORTEST = 1.5
"""Seconds. A loop that has not run for as long may take as much as one that has: it would otherwise have one record,
which says nothing. Half of that goes to its first steps, the other half to those after them."""
PAUSE = 1000
"""Steps after which a record that was not allowed is considered again at the latest."""
COUNTED = 8e-6
"""Seconds that a step takes at which nothing is due, about: too little to be timed, and something in a small loop.
Called again and again it takes 2e-6; between the steps of a training the processor's caches hold other things."""
SEEN = 0.8
"""Of a time budget, what the clock may see: for the same reason the steps after a record take longer than others, in
sum by a seventh to a quarter of what the record took."""


@dataclass(frozen=True)
class Group:
    """Probes with the same cadence; their variables share a step dimension, ``step`` or ``step_<cadence>``."""

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
    per_epoch : updates in an epoch, if they are known
    step : the first one
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

    def rest(self, step: int, factor: int, pause: int = 0) -> None:
        """Count the steps until something must be decided again, if nothing is due at this step and the next.

        `pause` is how many steps after the next one are not recorded even if they are due.
        """
        if not (self.now or self.soon):
            until = min(group.next_due(step + 2 + pause, self._per_epoch, factor) for group in self.groups)
            self.idle = max(0, int(min(until, sys.maxsize)) - 2 - step)


@dataclass(frozen=True)
class Cost:
    """What recording has cost.

    Attributes
    ----------
    seconds : in which the loop was held up, and of processor time after it (compressing and writing); a step at which
        nothing is due is not timed, but taken to cost 8 microseconds
    first_seconds : of these, for the first record, with which the model is explored
    loop_seconds : between the first step and the last
    bytes : of the file, and of what is still to be written
    steps, recorded : updates of the loop; steps with a record
    skipped : calls of ``step`` without an update before them, such as those that a GradScaler leaves out
    thinned : (step, factor) wherever the cadence was changed: from that step on every factor-th is recorded
    statistics : whether weights and gradients are recorded as statistics of each neuron, for lack of room
    """

    seconds: float
    first_seconds: float
    loop_seconds: float
    bytes: int
    steps: int
    recorded: int
    skipped: int
    thinned: tuple[tuple[int, int], ...]
    statistics: bool = False

    @property
    def share(self) -> float:
        return self.seconds / self.loop_seconds if self.loop_seconds else 0.0

    def __str__(self) -> str:
        thinned = f"; thinned to 1 in {self.thinned[-1][1]} from step {self.thinned[-1][0]} on" if self.thinned else ""
        thinned += "; statistics of each neuron instead of values" if self.statistics else ""
        first = f" ({self.first_seconds:.2f} s for the first)" if self.first_seconds > self.seconds / 4 else ""
        return (
            f"{self.recorded} of {self.steps} steps recorded in {self.seconds:.2f} s{first}, {self.share:.1%} of the "
            f"loop's {self.loop_seconds:.1f} s, {self.bytes / 1e6:.1f} MB{thinned}."
        )


class Budget:
    """Decides which of the steps that are due are recorded. It has no clock: what was spent is given to it.

    The limits are a share of the loop's time (at least of `SHORTEST` seconds) and a number of bytes; None for no limit.
    """

    def __init__(self, share: float | None, size: int | None) -> None:
        self._share, self._size = share, size
        self._costs: list[float] = []
        self._spent = 0.0
        self._begun = False
        self._phase = 0
        self._by_time = 1
        self.factor = 1
        self.thinned: list[tuple[int, int]] = []

    def allows(self, spent: float, elapsed: float, used: int, record: int, *, coming: int = 0) -> bool:
        """Return whether another record may be made now: one at a time until its price is known.

        `spent` and `elapsed` are seconds of recording and of the loop, `used` and `record` bytes of the records so far
        and of one record, `coming` the records that were allowed and are not made yet.
        """
        if self._size is not None and used + record > self._size:
            return False
        if self._share is None:
            return True
        price, limit = _usual(self._costs), self._share * max(SHORTEST, elapsed)
        if price is None:
            return coming == 0 and spent <= limit
        return spent + (coming + 1) * price <= limit

    def charged(self, counted: float, elapsed: float) -> float:
        """Return what counts of the time of steps that were only counted: records always have half of the budget."""
        return counted if self._share is None else min(counted, self._share * max(SHORTEST, elapsed) / 2)

    def pause(self, spent: float, elapsed: float, step_seconds: float) -> int:
        """Return how many steps to let pass before asking again, after a record was not allowed.

        They take half of the time until it can be paid, since the next steps may be slower.
        """
        if self._share is None or step_seconds <= 0:
            return PAUSE
        missing = (spent + (_usual(self._costs) or 0.0)) / self._share - elapsed
        return min(PAUSE, max(0, int(missing / 2 / step_seconds)))

    def note(self, step: int, cost: float, elapsed: float, step_seconds: float, used: int) -> None:
        """Take in what the record of a step has cost, and thin the cadence if it has to be.

        What the first has cost says nothing about the others: with it the model was explored. `step_seconds` is what a
        step of the loop takes by itself, on average.
        """
        self._costs = [*self._costs[1 - WARM_UP :], cost] if self._begun else []
        self._begun = True
        self._spent += cost
        if self._size is not None:
            while used >= self._size * (1 - 0.5 ** (self._phase + 1)) and self._phase < 40:
                self._phase += 1
        price = None if self._share is None else _usual(self._costs)
        if self._share is not None and price is not None and step_seconds > 0:
            early = elapsed < SHORTEST
            if not early or self._spent > self._share * SHORTEST / 2:
                share = self._share * (0.75 if early else 1)
                share -= min(COUNTED / step_seconds, share / 2)
                self._by_time = self._needed(price, share, step_seconds)
        # 1, 2, 8, 32, ...: each phase has half the bytes of the one before, in twice its steps
        by_size = 2 * 4 ** (self._phase - 1) if self._phase else 1
        factor = max(self._by_time, by_size)
        if factor != self.factor:
            self.factor = factor
            self.thinned.append((step + 1, factor))

    def _needed(self, price: float, share: float, step_seconds: float) -> int:
        """Return the least factor that keeps the share; a smaller one than now only if it keeps it easily."""
        needed = price * (1 - share) / (share * step_seconds)
        factor = _factor(needed)
        return factor if factor >= self._by_time else min(self._by_time, _factor(needed / 0.8))


def _factor(needed: float) -> int:
    """Return the least of 1, 2, 3, 4, 6, 8, 12, ... that is not below a number."""
    factor = 2 ** max(0, math.ceil(math.log2(needed))) if needed > 0 else 1
    return factor * 3 // 4 if factor > 2 and needed <= 0.75 * factor else factor


def _usual(costs: list[float]) -> float | None:
    """Return what a record costs, the dearest left out; None if it is not known yet."""
    usual = sorted(costs)[: max(1, len(costs) - 1)]
    return sum(usual) / len(usual) if usual else None


class Accounting:
    """Seconds and steps of a Recorder."""

    def __init__(self, settings: Settings, warnings: Warnings) -> None:
        self._warnings = warnings
        share = settings.time_budget
        self._budget = Budget(None if share is None else SEEN * share, settings.size_budget)
        self.limited = settings.time_budget is not None or settings.size_budget is not None
        self.left_out = LeftOut()
        self._updates = self._first = settings.first_step  # those before a resume included
        self.recorded = self.skipped = 0
        self.futile = self._most_futile = 0  # calls of `step` without an update since the last update, at most before
        self.spent = self._spent_before = self._first_seconds = 0.0  # seconds in which the loop was held up
        self._counted = 0
        self._began: float | None = None
        self._ended = 0.0

    @property
    def updates(self) -> int:
        """Those that were made; steps that were counted without one are taken back."""
        left = self.left_out.counted()
        self._updates, self.skipped = self._updates - left, self.skipped + left
        return self._updates

    @property
    def factor(self) -> int:
        """Of the steps that are due, each so-many-th is recorded."""
        return self._budget.factor

    @property
    def seconds(self) -> float:
        """What the loop was held up until now."""
        return self.spent + COUNTED * self._counted

    def begin(self, now: float) -> None:
        if self._began is None:
            self._began = now

    def update(self) -> None:
        if self.futile:
            self._most_futile, self.futile = max(self._most_futile, self.futile), 0
        self._updates += 1
        self._ended = time.perf_counter()

    def count(self) -> None:
        """Count an update at which nothing is due."""
        self._counted += 1
        self.left_out.count()
        self.update()

    def skip(self) -> None:
        self.left_out.forget()
        self.skipped, self.futile = self.skipped + 1, self.futile + 1

    def check_order(self, *, passed: bool) -> None:
        """Warn if `step` seems to be called before the update; `passed`: whether a training pass came after it."""
        if passed and self.updates == self._first and self.skipped == 1:
            self._warnings.add(
                "recorder.step() was called before the first update, and a training pass came between that update and "
                "the next call. If it is called before optimizer.step(), call it after: losses are recorded with the "
                "parameters of the step before."
            )

    def check_calls(self) -> None:
        """Warn if the last calls of `step` had no update before them, more of them than between updates before."""
        if self.futile > max(self._most_futile, min(9, self.updates - self._first)):
            self._warnings.add(
                f"the last {self.futile} calls of step() had no update before them, and were not recorded. "
                "Call it after optimizer.step(), and make a new Recorder where the optimizer is replaced."
            )

    def nothing_recorded(self, file: RecordsFile) -> str:
        return (
            f"nothing was recorded, and {file.path} was not written: no record was due in {self.updates - self._first} "
            f"updates, and {self.skipped} calls of step() had no update before them. Call it after "
            "optimizer.step(), with a cadence that is shorter than the training."
        )

    def elapsed(self, now: float) -> float:
        return 0.0 if self._began is None else now - self._began

    def values(self, now: float, in_hooks: float) -> dict[str, Tensor | float]:
        """Return what is recorded of it with a step."""
        return {"recording_seconds": self.spent + in_hooks, "training_seconds": self.elapsed(now)}

    def record(self, step: int, spent: float, file: RecordsFile) -> None:
        """Give the budget what the record of a step has cost; `spent` is all that was spent until now."""
        if not self.recorded:
            self._first_seconds = spent
        self.recorded += 1
        if self.limited:
            elapsed = self.elapsed(time.perf_counter())
            step_seconds = (elapsed - spent) / (step + 1 - self._first)
            self._budget.note(step, spent - self._spent_before, elapsed, step_seconds, file.used)
        self._spent_before = spent

    def pause(self, record: int, file: RecordsFile, *, coming: int) -> int | None:
        """Return None if a record of so many bytes may be made, when so many are allowed and not made yet.

        Otherwise for how many steps there will not be one.
        """
        elapsed = self.elapsed(time.perf_counter())
        spent = self.spent + self._budget.charged(COUNTED * self._counted, elapsed) + file.seconds
        if self._budget.allows(spent, elapsed, file.used, 3 * record, coming=coming):
            return None
        steps = self.updates - self._first
        return self._budget.pause(spent, elapsed, (elapsed - spent) / steps if steps else 0.0)

    def cost(self, file: RecordsFile | None, *, statistics: bool) -> Cost:
        return Cost(
            seconds=self.seconds + (file.seconds if file else 0.0),
            first_seconds=self._first_seconds,
            loop_seconds=max(0.0, self.elapsed(self._ended)),
            bytes=file.used if file else 0,
            steps=self.updates - self._first,
            recorded=self.recorded,
            skipped=self.skipped,
            thinned=tuple(self._budget.thinned),
            statistics=statistics,
        )
