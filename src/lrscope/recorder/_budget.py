"""What recording costs, and how often to record so that a budget is kept in a training whose length nobody knows.

What is thinned is the cadence: of the steps that are due, every first, second, fourth, ... is recorded. Bytes are
given out like this: half of them at the full cadence, half of what is left until the training is twice as long, half of
what is left until it is twice as long again, and so on. So the budget is never used up, and each doubling of the
training's length has its records.
"""

import math
import time
from dataclasses import dataclass

from lrscope.recorder._file import RecordsFile
from lrscope.recorder._options import Settings

WARM_UP = 8
"""Records whose cost is remembered: the dearest of them is left out as a hiccup."""
ALLOWANCE = 0.3
"""Seconds that recording may always take: a loop of a second would otherwise have one record, which says nothing."""


@dataclass(frozen=True)
class Cost:
    """What recording has cost.

    Attributes
    ----------
    seconds : in which the loop was held up, and of processor time after it (compressing and writing);
        without a budget the steps at which nothing is due are not timed
    loop_seconds : between the first step and the last
    bytes : of the file, and of what is still to be written
    steps, recorded : updates of the loop; steps with a record
    skipped : calls of ``step`` without an update before them, such as those that a GradScaler leaves out
    thinned : (step, factor) wherever the cadence was changed: from that step on every factor-th is recorded
    std : whether weights, biases and gradients are recorded as each neuron's standard deviation, for lack of room
    """

    seconds: float
    loop_seconds: float
    bytes: int
    steps: int
    recorded: int
    skipped: int
    thinned: tuple[tuple[int, int], ...]
    std: bool = False

    @property
    def share(self) -> float:
        return self.seconds / self.loop_seconds if self.loop_seconds else 0.0

    def __str__(self) -> str:
        thinned = f"; thinned to 1 in {self.thinned[-1][1]} from step {self.thinned[-1][0]} on" if self.thinned else ""
        thinned += "; standard deviations instead of values" if self.std else ""
        return (
            f"{self.recorded} of {self.steps} steps recorded in {self.seconds:.2f} s, {self.share:.1%} of the "
            f"loop's {self.loop_seconds:.1f} s, {self.bytes / 1e6:.1f} MB{thinned}."
        )


class Budget:
    """Decides which of the steps that are due are recorded. It has no clock: what was spent is given to it.

    Parameters
    ----------
    share : of the loop's time, or `ALLOWANCE` if that is more; None for no limit
    size : bytes; None for no limit
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

        Parameters
        ----------
        spent, elapsed : seconds of recording, and of the loop, so far
        used, record : bytes of the records so far, and of one record
        coming : records that were allowed and are not made yet
        """
        if self._size is not None and used + record > self._size:
            return False
        if self._share is None:
            return True
        price, limit = _usual(self._costs), max(ALLOWANCE, self._share * elapsed)
        if price is None:
            return coming == 0 and spent <= limit
        return spent + (coming + 1) * price <= limit

    def note(self, step: int, cost: float, step_seconds: float, used: int) -> None:
        """Take in what the record of a step has cost, and thin the cadence if it has to be.

        What the first has cost says nothing about the others: with it the model was explored.

        Parameters
        ----------
        cost : seconds of this record
        step_seconds : of a step of the loop by itself, on average
        used : bytes of the records so far
        """
        self._costs = [*self._costs[1 - WARM_UP :], cost] if self._begun else []
        self._begun = True
        self._spent += cost
        if self._size is not None:
            while used >= self._size * (1 - 0.5 ** (self._phase + 1)) and self._phase < 40:
                self._phase += 1
        price = _usual(self._costs)
        if self._share is not None and price is not None and step_seconds > 0 and self._spent > ALLOWANCE:
            self._by_time = self._needed(price, step_seconds)
        factor = max(self._by_time, _factor_of_phase(self._phase))
        if factor != self.factor:
            self.factor = factor
            self.thinned.append((step + 1, factor))

    def _needed(self, price: float, step_seconds: float) -> int:
        """Return the power of two that keeps the share; one below the present one only if it keeps it easily."""
        assert self._share is not None
        needed = price * (1 - self._share) / (self._share * step_seconds)
        factor = 2 ** max(0, math.ceil(math.log2(needed))) if needed > 0 else 1
        return factor if factor >= self._by_time or needed <= 0.7 * factor else self._by_time


def _usual(costs: list[float]) -> float | None:
    """Return what a record costs, the dearest left out; None if it is not known yet."""
    usual = sorted(costs)[: max(1, len(costs) - 1)]
    return sum(usual) / len(usual) if usual else None


def _factor_of_phase(phase: int) -> int:
    """Return 1, 2, 8, 32, ...: half the bytes of the phase before, in twice its steps."""
    return 1 if phase == 0 else 2 * 4 ** (phase - 1)


class Accounting:
    """Seconds and steps of a Recorder.

    Attributes
    ----------
    updates : of the training, those before a resume included
    recorded, skipped : of `Cost`, so far
    futile : calls of ``step`` without an update since the last update
    spent : seconds in which the loop was held up
    """

    def __init__(self, settings: Settings) -> None:
        self._budget = Budget(settings.time_budget, settings.size_budget)
        self.limited = settings.time_budget is not None or settings.size_budget is not None
        self.updates = self._first = settings.first_step
        self.recorded = self.skipped = self.futile = 0
        self.spent = self._spent_before = 0.0
        self._began: float | None = None
        self._ended = 0.0

    @property
    def factor(self) -> int:
        """Of the steps that are due, each so-many-th is recorded."""
        return self._budget.factor

    def begin(self, now: float) -> None:
        if self._began is None:
            self._began = now

    def update(self) -> None:
        self.updates, self.futile = self.updates + 1, 0
        self._ended = time.perf_counter()

    def skip(self) -> None:
        self.skipped, self.futile = self.skipped + 1, self.futile + 1

    def elapsed(self, now: float) -> float:
        return 0.0 if self._began is None else now - self._began

    def record(self, step: int, spent: float, file: RecordsFile) -> None:
        """Give the budget what the record of a step has cost; `spent` is all that was spent until now."""
        self.recorded += 1
        if self.limited:
            loop = self.elapsed(time.perf_counter()) - spent
            self._budget.note(step, spent - self._spent_before, loop / (step + 1 - self._first), file.used)
        self._spent_before = spent

    def allows(self, record: int, file: RecordsFile, *, coming: int) -> bool:
        """Return whether a record of so many bytes may be made, when so many are allowed and not made yet."""
        spent, elapsed = self.spent + file.seconds, self.elapsed(time.perf_counter())
        return self._budget.allows(spent, elapsed, file.used, 3 * record, coming=coming)

    def cost(self, file: RecordsFile | None, *, std: bool) -> Cost:
        return Cost(
            seconds=self.spent + (file.seconds if file else 0.0),
            loop_seconds=max(0.0, self.elapsed(self._ended)),
            bytes=file.used if file else 0,
            steps=self.updates - self._first,
            recorded=self.recorded,
            skipped=self.skipped,
            thinned=tuple(self._budget.thinned),
            std=std,
        )
