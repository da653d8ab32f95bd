"""`lrscope run`: train a study, and write its report."""

import shlex
import sys
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from lrscope.cli._bar import Bar
from lrscope.cli._report import reported
from lrscope.cli._words import HELP, INTERRUPTED, listed, parsed, say
from lrscope.errors import InputError, StoreError

if TYPE_CHECKING:
    from lrscope.studies import Folder, Study


COMMAND = "--"
"""Stands before the command of trainings by command."""


@dataclass(frozen=True)
class Output:
    """Where the results go, and what becomes of earlier ones."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: results/STUDY)")] = None
    """folder for the results"""
    resume: bool = False
    """continue the interrupted run in the folder"""
    overwrite: bool = False
    """replace the results of an earlier run of this study"""
    estimate: bool = False
    """only predict how long the run takes and how large its files become"""


def run(given: list[str]) -> int:
    """Train a study and write its report; return the exit code."""
    from lrscope.studies import Folder, Where, resuming, study, study_names

    if given and given[0] in HELP:
        print(f"usage: lrscope run STUDY [options] --out DIR\n\nSTUDY is one of:\n{listed()}")
        return 0
    if not given:
        names = ", ".join(study_names())
        raise InputError(f"STUDY must be one of {names}; got none. Write for example: lrscope run sweep")
    name, *rest = given
    command = tuple(rest[rest.index(COMMAND) + 1 :]) if COMMAND in rest else None
    rest = rest[: rest.index(COMMAND)] if COMMAND in rest else rest
    if any(":" in word for word in rest):  # package.module:name may lie in the folder where the command is given
        sys.path.append("")  # last, so that a file such as queue.py there hides no module of Python
    asked = study(name)
    kinds: dict[str, type] = {"study": asked.options, "output": Output, "training": Where}
    if command is not None:
        if "command" not in asked.variants:
            raise InputError(f"only the study sweep trains by a command; got {name} with --.")
        kinds["study"] = asked.variants["command"].options
    _refuse_options_of_others(rest, asked, by_command=command is not None)
    options, output, where = parsed(kinds, rest, f"lrscope run {name}")
    if command is not None:
        options = replace(options, command=command)
    folder = Folder(output.out or Path("results") / name)
    if output.estimate:
        from lrscope.studies import cost

        print(f"{cost(name, options, where)}.")
        return 0
    kept = [word for word in rest if word not in ("--resume", "--overwrite")]
    line = shlex.join(["lrscope", "run", name, *kept, *([COMMAND, *command] if command else [])])
    if output.resume and output.overwrite:
        raise InputError("--resume or --overwrite must be given, not both: one keeps what the other removes.")
    how = {"command": line, "where": where, "resume": output.resume, "overwrite": output.overwrite}
    if not _trained(name, options, folder, how):
        say(f"interrupted. What was recorded is kept in {folder.path}. Go on with: {resuming(line)}")
        return INTERRUPTED
    return _finished(folder)


def _refuse_options_of_others(given: list[str], asked: "Study", *, by_command: bool) -> None:
    """Refuse an option that only trainings by command have, or only those without one."""
    if "command" not in asked.variants:
        return
    with_it, without = (
        {f"--{field.name.replace('_', '-')}" for field in fields(one.options)}
        for one in (asked.variants["command"], asked)
    )
    wrong = without - with_it if by_command else with_it - without
    word = next((word for word in given if word.partition("=")[0] in wrong), "")
    if word and by_command:
        raise InputError(f"{word} must be given to the command itself; trainings by command have no such option.")
    if word:
        example = f"lrscope run sweep {word} ... -- python train.py --lr {{lr}} --seed {{seed}} --out {{out}}"
        raise InputError(f"{word} must be followed by a command to train by; got none. Write for example: {example}")


def _trained(name: str, options: Any, folder: "Folder", how: dict[str, Any]) -> bool:
    from lrscope.studies import resuming, study
    from lrscope.studies import run as train

    with Bar(study(name).of(vars(options)).unit) as bar:
        ended = train(name, options, folder, progress=bar.show, **how)
    failed = int(folder.description().get("failed", 0)) if ended else 0
    if failed:
        say(f"{failed} of the trainings failed; the report says how. Repeat them with: {resuming(how['command'])}")
    return ended


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
