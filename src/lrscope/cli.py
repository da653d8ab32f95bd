"""The command line: parse and print, nothing else. PyTorch is imported by the commands that train, and only there."""

import contextlib
import dataclasses
import io
import itertools
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
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
from rich.table import Table
from rich.text import Text
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from lrscope.errors import InputError, LrscopeError, StoreError, must_be, unknown

if TYPE_CHECKING:
    from lrscope.store import FileSummary, VariableSummary
    from lrscope.studies import Folder

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

USAGE = """\
usage: lrscope COMMAND ...

What does the learning rate do to a neural network, neuron by neuron?

  lrscope run STUDY [options] --out DIR   train a study, record everything, write its report
  lrscope report DIR                      write the report of a run again from its records
  lrscope inspect FILE.root               say what a file of records holds
  lrscope list                            the studies and the questions they ask

Add --help to a command for its options, to `lrscope run STUDY` for those of the study.
"""
REPORT = """\
usage: lrscope report DIR

Write tables, figures, claims and page of a finished run again from its records.

  DIR   folder that `lrscope run` has written
"""
INSPECT = """\
usage: lrscope inspect FILE.root

Say what a file of records holds: axes, trees, variables, the command that wrote it; and whether it is complete.

  FILE.root   a records*.root of a run
"""
LIST = """\
usage: lrscope list

Say which studies there are, and the questions they ask.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 (it failed), 2 (it was asked for something wrong), 130 (Ctrl-C)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _dispatch(given)
        sys.stdout.flush()
        return code
    except SystemExit as end:  # tyro printed the help of a study
        return int(end.code or 0)
    except LrscopeError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted.")
        return INTERRUPTED
    except MemoryError as error:
        _say(f"there is not enough memory for this ({error}). Ask for fewer seeds, rates, samples or epochs.")
        return 1
    except BrokenPipeError:  # whoever read our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _say(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"lrscope: {sentence}", markup=False)


def _dispatch(given: list[str]) -> int:
    commands: dict[str, Callable[[list[str]], int]] = {
        "run": _run,
        "report": _report,
        "inspect": _inspect,
        "list": _list,
    }
    if not given or given[0] in _HELP:
        return _explained(USAGE)
    if given[0] == "--version":
        from lrscope import __version__

        print(__version__)
        return 0
    if given[0] not in commands:
        raise unknown("command", given[0], commands)
    return commands[given[0]](given[1:])


_HELP = ("-h", "--help")


def _explained(text: str) -> int:
    print(text, end="")
    return 0


@dataclass(frozen=True)
class Place:
    """Where and how a study runs."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """folder for the results; results/fluctuation for the study fluctuation, by default"""
    device: Annotated[str, tyro.conf.arg(metavar="{auto,cpu,cuda}")] = "auto"
    """where to train; auto takes a GPU if there is one"""
    resume: bool = False
    """go on with an interrupted run in the folder"""
    overwrite: bool = False
    """replace the results of an earlier run of this study"""
    estimate: bool = False
    """only say how long it would take and how large the files would be"""


def _run(given: list[str]) -> int:
    from lrscope.studies import STUDIES, Folder, study

    if given and given[0] in _HELP:
        return _explained(f"usage: lrscope run STUDY [options] --out DIR\n\nSTUDY is one of:\n{_listed(STUDIES)}\n")
    if not given:
        example = f"Write for example: lrscope run {next(iter(STUDIES))}"
        raise InputError(f"STUDY must be one of {', '.join(STUDIES)}; got none. {example}")
    name, *rest = given
    sys.path.insert(0, "")  # a target of one's own may lie in the folder where the command is given
    options, place = _parsed(study(name).Options, rest, f"lrscope run {name}")
    folder = Folder(place.out or Path("results") / name)
    if place.estimate:
        from lrscope.studies import cost

        print(f"{cost(name, options, place.device)}.")
        return 0
    command = shlex.join(["lrscope", "run", name, *(word for word in rest if word not in ("--resume", "--overwrite"))])
    if not _trained(name, options, place, folder, command):
        _say(f"interrupted. What was recorded is kept in {folder.path}. Go on with: {command} --resume")
        return INTERRUPTED
    return _finished(folder)


def _parsed(specification: type, given: list[str], program: str) -> tuple[Any, "Place"]:
    """Return the study's options and the place; each option exists once, in the specification.

    Raises
    ------
    InputError : an option that does not exist, has no value, or a value that is not allowed.
    """
    both = dataclasses.make_dataclass("Both", [("study", specification), ("run", Place)])
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    said = io.StringIO()
    parsed: Any
    try:
        with contextlib.redirect_stderr(said):
            parsed, left_over = tyro.cli(
                both,
                args=given,
                prog=program,
                description="",
                config=config,
                registry=_NUMBERS,
                return_unknown_args=True,
            )
    except SystemExit as end:
        if end.code:
            raise InputError(f"{_first_sentences(said.getvalue())} See {program} --help.") from None
        raise
    if left_over:
        raise _no_option(
            left_over[0], [field for owner in (specification, Place) for field in dataclasses.fields(owner)]
        )
    return parsed.study, parsed.run


def _no_option(word: str, fields: "Sequence[dataclasses.Field[Any]]") -> InputError:
    options = [f"--{field.name.replace('_', '-')}" for field in fields]
    if word.startswith("-"):
        return unknown("an option", word, options)
    return must_be("an option", f"one of {', '.join(options)}", word)


def _first_sentences(box: str) -> str:
    """Return what stands in a box of tyro's between its title and the next rule, without lines and colours."""
    _title, *rows = (row.strip() for row in _DECORATION.sub("", box).splitlines())
    blocks = itertools.groupby(rows, key=lambda row: not row.strip("─-"))
    return next((" ".join(block) for is_rule, block in blocks if not is_rule), "the options cannot be read.")


_DECORATION = re.compile(r"\x1b\[[\d;]*m|[│╭╮╰╯|]")

_NUMBERS = ConstructorRegistry()
"""Leaves numbers as the text they were given as: the specification says what is wrong with one, in our words."""


@_NUMBERS.primitive_rule
def _as_text(wanted: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if wanted.type not in (int, float):
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=wanted.type.__name__.upper(),
        instance_from_str=lambda texts: texts[0],
        is_instance=lambda value: isinstance(value, wanted.type),
        str_from_instance=lambda value: [str(value)],
    )


def _trained(name: str, options: Any, place: "Place", folder: "Folder", command: str) -> bool:
    from lrscope.studies import run

    if place.resume and place.overwrite:
        raise InputError("--resume or --overwrite must be given, not both: one keeps what the other removes.")
    with _Bar() as bar:
        return run(
            name,
            options,
            folder,
            command=command,
            device=place.device,
            resume=place.resume,
            overwrite=place.overwrite,
            progress=bar.show,
        )


def _finished(folder: "Folder") -> int:
    """Write the report of a run; whatever goes wrong, its records are complete, and that is said."""
    later = f"The records are complete; write the report with: lrscope report {shlex.quote(str(folder.path))}"
    try:
        _reported(folder)
    except StoreError as error:
        raise StoreError(f"{error} {later}") from error
    except KeyboardInterrupt:
        _say(f"interrupted. {later}")
        return INTERRUPTED
    return 0


class _Bar:
    """A progress bar with rate and remaining time; it appears with the first step, so that errors stand alone."""

    def __init__(self) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), _Rate(), TimeRemainingColumn()
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("Training", total=None)

    def show(self, done: int, total: int) -> None:
        """Show how much is done."""
        if not self._progress.live.is_started:
            self._progress.start()
        self._progress.update(self._task, completed=done, total=total)

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._progress.live.is_started:
            self._progress.stop()


class _Rate(ProgressColumn):
    """How many steps of single networks are taken a second."""

    def render(self, task: Task) -> Text:
        """Return the rate, once there is one."""
        return Text(f"{task.speed:,.0f} network steps/s" if task.speed else "")


def _reported(folder: "Folder") -> None:
    from lrscope.studies import write_report

    with Console(stderr=True).status("Analysing and drawing"):
        page = write_report(folder)
    print(f"Report: {page}")


def _report(given: list[str]) -> int:
    if given and given[0] in _HELP:
        return _explained(REPORT)
    from lrscope.studies import Folder

    _reported(Folder(_one_path("lrscope report", "folder", given)))
    return 0


def _inspect(given: list[str]) -> int:
    if given and given[0] in _HELP:
        return _explained(INSPECT)
    from lrscope.store import summary

    _print_summary(summary(_one_path("lrscope inspect", "file", given)))
    return 0


def _list(given: list[str]) -> int:
    if given and given[0] in _HELP:
        return _explained(LIST)
    from lrscope.studies import STUDIES

    if given:
        raise InputError(f"lrscope list takes no arguments; got {shlex.join(given)}.")
    print(_listed(STUDIES))
    return 0


def _one_path(program: str, what: str, given: list[str]) -> Path:
    if len(given) != 1:
        raise InputError(f"{program} takes one {what}; got {shlex.join(given) or 'none'}. See {program} --help.")
    return Path(given[0])


def _listed(studies: Mapping[str, str]) -> str:
    width = max(map(len, studies))
    return "\n".join(f"  {name:{width}}  {question}" for name, question in studies.items())


def _print_summary(found: "FileSummary") -> None:
    console = Console(highlight=False, soft_wrap=True)
    state = "complete" if found.complete else "interrupted, or still being written"
    console.print(Text.assemble((str(found.path), "bold"), f": {found.size_bytes / 1e6:.1f} MB, {state}"))
    for axis, values in found.axes.items():
        console.print(f"  {axis}: {', '.join(map(str, values))}", markup=False)
    if "command" in found.metadata:
        console.print(f"  written by: {found.metadata['command']}", markup=False)
    for tree in found.trees:
        steps = f"steps {tree.first_step} to {tree.last_step}" if tree.entries else "no entries"
        console.print(
            Text.assemble("\n", (tree.name, "bold"), f": {tree.entries} entries, {tree.members} networks, {steps}")
        )
        console.print(_variables(tree.variables))


def _variables(variables: "Sequence[VariableSummary]") -> Table:
    table = Table("branch", "shape", "type", "what", box=None, pad_edge=False, header_style="italic")
    for variable in variables:
        shape = " x ".join(map(str, variable.shape)) or "number"
        unit = "" if variable.units == "1" else f" [{variable.units}]"
        table.add_row(variable.name, shape, variable.dtype, Text(variable.long_name + unit))
    return table
