"""`lrscope import`: runs that exist, as the folder of a run."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from lrscope.cli._report import reported
from lrscope.cli._words import parsed
from lrscope.errors import InputError

if TYPE_CHECKING:
    from lrscope.studies.sweep import ImportOptions


@dataclass(frozen=True)
class Output:
    """Where the results go, and what becomes of earlier ones."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(required)")] = None
    """folder for the results"""
    overwrite: bool = False
    """replace the results of an earlier import"""


def import_runs(given: list[str]) -> int:
    """Import runs and write their report."""
    from lrscope.studies.sweep import ImportOptions

    options, output = parsed({"runs": ImportOptions, "output": Output}, given or ["--help"], "lrscope import")
    if output.out is None:
        again = shlex.join(["lrscope", "import", options.source, "--out", "results"])
        raise InputError(f"--out must be given. Write for example: {again}")
    _imported(options, output.out, output.overwrite, shlex.join(["lrscope", "import", *given]))
    return 0


def _imported(options: "ImportOptions", out: Path, overwrite: bool, command: str) -> None:
    from lrscope.studies import Folder
    from lrscope.studies.sweep import import_runs

    folder = Folder(out)
    count = import_runs(options, folder, command=command, overwrite=overwrite)
    print(f"{count} runs imported.")
    reported(folder)
