"""`lrscope data fetch`: the only command that uses the network."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from lrscope.cli._bar import downloads
from lrscope.cli._words import parsed
from lrscope.errors import InputError, unknown

USAGE = """\
usage: lrscope data fetch NAME --root DIR [--url URL]

Download a data set of images into a folder and verify it. NAME is mnist or cifar10. No other command uses the network.

  --root DIR   folder for the files
  --url URL    folder on another server with the same files; the checksums must be the same
"""


@dataclass(frozen=True)
class Fetch:
    """The options, as in `USAGE`."""

    root: Path | None = None
    url: str | None = None


def data(given: list[str]) -> int:
    """Download a data set."""
    command, *rest = given
    if command != "fetch":
        raise unknown("lrscope data", command, ["fetch"])
    if not rest or rest[0].startswith("-"):
        remedy = "Write for example: lrscope data fetch mnist --root data"
        raise InputError(f"NAME must be mnist or cifar10; got none. {remedy}")
    from lrscope.data import fetch

    name, *words = rest
    (options,) = parsed({"fetch": Fetch}, words, f"lrscope data fetch {name}")
    if options.root is None:
        raise InputError(f"--root must be given. Write for example: lrscope data fetch {name} --root data")
    with downloads() as display:
        folder = shlex.quote(str(fetch(name, options.root, options.url, display.update)))
    print(f"{name} is in {folder}, checked. Train with: lrscope run sweep --data {name} --root {folder}")
    return 0
