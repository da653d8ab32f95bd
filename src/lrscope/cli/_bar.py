"""How far a training is."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

FAST = 100
"""From so many a second on, tenths do not matter."""


class Bar:
    """A progress bar with rate and remaining time; it appears with the first step, so that errors stand alone.

    Parameters
    ----------
    unit : what is counted
    """

    def __init__(self, unit: str) -> None:
        rate = _Rate(unit)
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), rate, TimeRemainingColumn()
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("Training", total=None)

    def show(self, done: int, total: int) -> None:
        """Show how much is done."""
        if not self._progress.live.is_started:
            self._progress.start()
        self._progress.update(self._task, completed=done, total=total)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._progress.live.is_started:
            self._progress.stop()


class _Rate(ProgressColumn):
    """How much is done a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        return Text(f"{task.speed:,.{0 if task.speed > FAST else 1}f} {self._unit}/s" if task.speed else "")
