"""What recording has cost, and whether another record may be made."""

import time

from lrscope.recorder._budget import Budget, Cost
from lrscope.recorder._file import RecordsFile
from lrscope.recorder._options import Settings


class Accounting:
    """Seconds and steps of a Recorder.

    Parameters
    ----------
    settings : whose budgets are kept

    Attributes
    ----------
    updates : of the training, those before a resume included
    recorded, skipped : of `lrscope.recorder.Cost`, so far
    futile : calls of ``step`` without an update since the last update
    spent : seconds in which the loop was held up
    """

    def __init__(self, settings: Settings) -> None:
        self._budget = Budget(settings.time_budget, settings.size_budget)
        self.by_time = settings.time_budget is not None
        self.limited = self.by_time or settings.size_budget is not None
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
        """Note when the loop began."""
        if self._began is None:
            self._began = now

    def update(self) -> None:
        """Count an update."""
        self.updates, self.futile = self.updates + 1, 0
        self._ended = time.perf_counter()

    def skip(self) -> None:
        """Count a call without an update."""
        self.skipped, self.futile = self.skipped + 1, self.futile + 1

    def elapsed(self, now: float) -> float:
        """Return the seconds of the loop."""
        return 0.0 if self._began is None else now - self._began

    def record(self, step: int, spent: float, file: RecordsFile) -> None:
        """Give the budget what the record of a step has cost; `spent` is all that was spent until now."""
        self.recorded += 1
        if self.limited:
            loop = self.elapsed(time.perf_counter()) - spent
            cost = spent - self._spent_before
            self._budget.note(step, cost, loop / (step + 1 - self._first), file.used)
        self._spent_before = spent

    def allows(self, record: int, file: RecordsFile, *, coming: int) -> bool:
        """Return whether a record of so many bytes may be made, when so many are allowed and not made yet."""
        spent, elapsed = self.spent + file.seconds, self.elapsed(time.perf_counter())
        return self._budget.allows(spent, elapsed, file.used, 3 * record, coming=coming)

    def cost(self, file: RecordsFile | None, *, std: bool) -> Cost:
        """Return what recording has cost so far."""
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
