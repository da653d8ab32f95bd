"""How far a training is."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
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


class Activity:
    """What is being done after a training, and how much of it is left; it appears with the first thing."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        console = Console(stderr=True)
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None)

    def show(self, activity: str, done: int, total: int) -> None:
        """Show what is being done; a total of 0 is unknown."""
        if not self._progress.live.is_started:
            self._progress.start()
        self._progress.update(self._task, description=activity, completed=done, total=total or None)

    def __enter__(self) -> "Activity":
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
