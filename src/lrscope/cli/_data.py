"""`lrscope data fetch`: the only command that uses the network."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from lrscope.cli._options import parsed
from lrscope.cli._words import HELP, explained
from lrscope.errors import InputError, unknown

USAGE = """\
usage: lrscope data fetch NAME --root DIR [--url URL]

Download a data set of images, check it, and keep it in a folder. NAME is mnist or cifar10. Nothing else of lrscope
uses the network.

  --root DIR   folder for the files
  --url URL    folder on another server that holds the same files; their checksums must be the same as well
"""


@dataclass(frozen=True)
class Fetch:
    """Where files go to and come from."""

    root: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """folder for the files"""
    url: Annotated[str | None, tyro.conf.arg(metavar="URL")] = None
    """folder on another server that holds the same files"""


def data(given: list[str]) -> int:
    """Download a data set; return the exit code."""
    if not given or any(word in HELP for word in given):
        return explained(USAGE)
    command, *rest = given
    if command != "fetch":
        raise unknown("lrscope data", command, ["fetch"])
    if not rest or rest[0].startswith("-"):
        remedy = "Write for example: lrscope data fetch mnist --root data"
        raise InputError(f"NAME must be mnist or cifar10; got none. {remedy}")
    name, *words = rest
    (options,) = parsed({"fetch": Fetch}, words, f"lrscope data fetch {name}")
    if options.root is None:
        raise InputError(f"--root must be given. Write for example: lrscope data fetch {name} --root data")
    _fetch(name, options.root, options.url)
    return 0


def _fetch(name: str, root: Path, url: str | None) -> None:
    from lrscope.data import fetch

    bar = Downloads()
    try:
        folder = shlex.quote(str(fetch(name, root, url, bar.show)))
    finally:
        bar.stop()
    print(f"{name} is in {folder}, checked. Train with: lrscope run sweep --data {name} --root {folder}")


class Downloads:
    """A bar for each file; they appear with the first bytes, so that errors stand alone."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def show(self, file: str, done: int, total: int) -> None:
        """Show how many bytes of a file are there; 0 of the whole if nobody knows."""
        if not self._tasks:
            self._progress.start()
        if file not in self._tasks:
            self._tasks[file] = self._progress.add_task(file)
        self._progress.update(self._tasks[file], completed=done, total=total or None)

    def stop(self) -> None:
        """Leave the bars as they are."""
        if self._tasks:
            self._progress.stop()
