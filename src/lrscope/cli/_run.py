"""`lrscope run`: train a study, and write its report."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from lrscope.cli._bar import Bar
from lrscope.cli._options import parsed
from lrscope.cli._report import reported
from lrscope.cli._words import HELP, INTERRUPTED, listed, say
from lrscope.errors import InputError, StoreError

if TYPE_CHECKING:
    from lrscope.studies import Folder, Where


@dataclass(frozen=True)
class Place:
    """Where and how a study runs."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: results/STUDY)")] = None
    """folder for the results"""
    device: Annotated[str, tyro.conf.arg(metavar="{auto,cpu,cuda}")] = "auto"
    """where to train; auto uses a GPU if there is one"""
    engine: Annotated[Literal["local", "ray"], tyro.conf.arg(metavar="{local,ray}")] = "local"
    """local: processes of this machine, or its GPU; ray: workers of a Ray cluster"""
    address: Annotated[
        str | None, tyro.conf.arg(metavar="ADDRESS", help_behavior_hint="(default: a Ray started on this machine)")
    ] = None
    """with --engine ray: host:port of a running Ray"""
    workers: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: one per core or GPU)")
    ] = None
    """number of workers; a short training runs in one process"""
    resume: bool = False
    """continue the interrupted run in the folder"""
    overwrite: bool = False
    """replace the results of an earlier run of this study"""
    estimate: bool = False
    """only predict how long the run takes and how large its files become"""


def run(given: list[str]) -> int:
    """Train a study and write its report; return the exit code."""
    from lrscope.studies import Folder, study, study_names

    if given and given[0] in HELP:
        print(f"usage: lrscope run STUDY [options] --out DIR\n\nSTUDY is one of:\n{listed()}")
        return 0
    if not given:
        names = ", ".join(study_names())
        raise InputError(f"STUDY must be one of {names}; got none. Write for example: lrscope run sweep")
    name, *rest = given
    if any(":" in word for word in rest):  # package.module:name may lie in the folder where the command is given
        sys.path.append("")  # last, so that a file such as queue.py there hides no module of Python
    options, place = parsed({"study": study(name).options, "run": Place}, rest, f"lrscope run {name}")
    folder = Folder(place.out or Path("results") / name)
    if place.estimate:
        from lrscope.studies import cost

        print(f"{cost(name, options, _where(place))}.")
        return 0
    command = shlex.join(["lrscope", "run", name, *(word for word in rest if word not in ("--resume", "--overwrite"))])
    if not _trained(name, options, place, folder, command):
        say(f"interrupted. What was recorded is kept in {folder.path}. Go on with: {command} --resume")
        return INTERRUPTED
    return _finished(folder)


def _trained(name: str, options: Any, place: "Place", folder: "Folder", command: str) -> bool:
    from lrscope.studies import run as train
    from lrscope.studies import study

    if place.resume and place.overwrite:
        raise InputError("--resume or --overwrite must be given, not both: one keeps what the other removes.")
    with Bar(study(name).unit) as bar:
        return train(
            name,
            options,
            folder,
            command=command,
            where=_where(place),
            resume=place.resume,
            overwrite=place.overwrite,
            progress=bar.show,
        )


def _where(place: "Place") -> "Where":
    from lrscope.studies import Where

    return Where(place.device, place.engine, place.address, place.workers)


def _finished(folder: "Folder") -> int:
    """Write the report of a run; whatever goes wrong, its records are complete, and that is said."""
    later = f"The records are complete; write the report with: lrscope report {shlex.quote(str(folder.path))}"
    try:
        reported(folder)
    except StoreError as error:
        raise StoreError(f"{error} {later}") from error
    except KeyboardInterrupt:
        say(f"interrupted. {later}")
        return INTERRUPTED
    return 0
