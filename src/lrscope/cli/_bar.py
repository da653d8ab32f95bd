"""How far a training, a report or a download is. Displays appear with the first thing they show: errors stand alone."""

from typing import Any, Self

from rich import progress
from rich.console import Console
from rich.text import Text

FAST = 100
"""From so many a second on, tenths do not matter."""


class Display:
    """A line of progress for each thing that is done, on stderr."""

    def __init__(self, *columns: progress.ProgressColumn, console: Console | None = None, **options: Any) -> None:
        own = console or Console(stderr=True)
        self._progress = progress.Progress(
            progress.TextColumn("{task.description}"), progress.BarColumn(), *columns, console=own, **options
        )
        self._tasks: dict[str, progress.TaskID] = {}

    def update(self, name: str, done: int, total: int) -> None:
        """Show how much of something is done; a total of 0 is unknown."""
        if not self._tasks:
            self._progress.start()
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None)
        self._progress.update(self._tasks[name], completed=done, total=total or None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._tasks:
            self._progress.stop()


class Bar(Display):
    """The progress of a training, with its rate in `unit` and the remaining time."""

    def __init__(self, unit: str) -> None:
        super().__init__(progress.TaskProgressColumn(), _Rate(unit), progress.TimeRemainingColumn())

    def show(self, done: int, total: int) -> None:
        """Show how much is trained."""
        self.update("Training", done, total)


def activities() -> Display:
    """Return the display of what is done after a training; nothing of it stays."""
    console = Console(stderr=True)
    columns = progress.MofNCompleteColumn(), progress.TimeElapsedColumn()
    return Display(*columns, console=console, transient=True, disable=not console.is_terminal)


def downloads() -> Display:
    """Return the display of files that are downloaded, in bytes."""
    return Display(progress.DownloadColumn(), progress.TransferSpeedColumn())


class _Rate(progress.ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: progress.Task) -> Text:
        return Text(f"{task.speed:,.{0 if task.speed > FAST else 1}f} {self._unit}/s" if task.speed else "")
