"""What recording has cost, and whether another record may be made."""

from lrscope.recorder import _clock
from lrscope.recorder._budget import Budget, Cost
from lrscope.recorder._file import RecordsFile
from lrscope.recorder._options import Settings
from lrscope.recorder._sheet import Sheet


class Accounting:
    """Seconds and steps of a Recorder.

    Parameters
    ----------
    settings : whose budgets are kept
    file : whose bytes and seconds count as well

    Attributes
    ----------
    updates : of the training, those before a resume included
    recorded, skipped : of `lrscope.recorder.Cost`, so far
    idle : calls without an update since the last update
    spent : seconds in which the loop was held up
    """

    def __init__(self, settings: Settings, file: RecordsFile) -> None:
        self._budget = Budget(settings.time_budget, settings.size_budget)
        self._file = file
        self.by_time = settings.time_budget is not None
        self.updates = self._first = settings.first_step
        self.recorded = self.skipped = self.idle = 0
        self.spent = self._written = 0.0
        self._began: float | None = None
        self._ended = _clock.now()

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return self._budget.limited

    @property
    def factor(self) -> int:
        """Of the times that are due, each so-many-th is recorded."""
        return self._budget.factor

    def begin(self, now: float) -> None:
        """Note when the loop began."""
        if self._began is None:
            self._began = now

    def update(self) -> None:
        """Count an update."""
        self.updates, self.idle = self.updates + 1, 0

    def update_idly(self) -> None:
        """Count an update at which nothing was due; what that took is too little to be asked."""
        self.updates, self.idle = self.updates + 1, 0
        self._ended = _clock.now()

    def skip(self) -> None:
        """Count a call without an update."""
        self.skipped, self.idle = self.skipped + 1, self.idle + 1

    def elapsed(self, now: float) -> float:
        """Return the seconds of the loop."""
        return 0.0 if self._began is None else now - self._began

    def end_step(self, began: float) -> float:
        """Count what was spent in the step that ends now, and return the time."""
        self._ended = _clock.now()
        self.spent += self._ended - began
        return self._ended

    def record(self, step: int, spent: float, sheet: Sheet) -> None:
        """Tell the budget what the record of a step has cost; `spent` is all that was spent until now."""
        self.recorded += 1
        if self._budget.limited:
            loop = self.elapsed(_clock.now()) - spent
            self._budget.note(step, spent - self._written, loop / (step + 1 - self._first), self._file.used(sheet))
        self._written = spent

    def allows(self, record: int, sheet: Sheet, *, coming: int) -> bool:
        """Tell whether a record of so many bytes may be made, when so many are allowed and not made yet."""
        spent, elapsed = self.spent + self._file.seconds, self.elapsed(_clock.now())
        return self._budget.allows(spent, elapsed, self._file.used(sheet), 3 * record, coming=coming)

    def cost(self, sheet: Sheet | None, *, spread: bool) -> Cost:
        """Return what recording has cost so far."""
        return Cost(
            seconds=self.spent + self._file.seconds,
            loop_seconds=self.elapsed(self._ended),
            bytes=self._file.used(sheet),
            steps=self.updates - self._first,
            recorded=self.recorded,
            skipped=self.skipped,
            thinned=tuple(self._budget.thinned),
            spread=spread,
        )
