"""The command line: parse and print, nothing else. PyTorch is imported by the commands that train, and only there."""

import dataclasses
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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

from lrscope.errors import InputError, LrscopeError, unknown

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 (it failed), 2 (it was asked for something wrong), 130 (Ctrl-C)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(given)
    except LrscopeError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"lrscope: {error}", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        print("lrscope: interrupted.", file=sys.stderr)
        return INTERRUPTED


def _dispatch(given: list[str]) -> int:
    commands: dict[str, Callable[[list[str]], int]] = {
        "run": _run,
        "report": _report,
        "inspect": _inspect,
        "list": _list,
    }
    if not given or given[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if given[0] == "--version":
        from lrscope import __version__

        print(__version__)
        return 0
    if given[0] not in commands:
        raise unknown("command", given[0], commands)
    return commands[given[0]](given[1:])


@dataclass(frozen=True)
class Place:
    """Where and how a study runs."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """folder for the results; results/fluctuation for the study fluctuation, by default"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """where to train; auto takes a GPU if there is one"""
    resume: bool = False
    """go on with an interrupted run in the folder"""
    overwrite: bool = False
    """replace the results of an earlier run of this study"""
    estimate: bool = False
    """only say how long it would take and how large the files would be"""


def _run(given: list[str]) -> int:
    from lrscope.studies import STUDIES, Folder, study

    if not given or given[0] in ("-h", "--help"):
        print(f"usage: lrscope run STUDY [options] --out DIR\n\nSTUDY is one of:\n{_listed(STUDIES)}")
        return 0 if given else 2
    name, *rest = given
    options, place = _parsed(study(name).Options, rest, f"lrscope run {name}")
    folder = Folder(place.out or Path("results") / name)
    if place.estimate:
        from lrscope.studies._run import cost

        print(f"{cost(name, options, place.device)}.")
        return 0
    command = shlex.join(["lrscope", "run", name, *(word for word in rest if word not in ("--resume", "--overwrite"))])
    if not _trained(name, options, place, folder, command):
        print(f"Interrupted. What was recorded is kept in {folder.path}; go on with:\n  {command} --resume")
        return INTERRUPTED
    _reported(folder)
    return 0


def _parsed(specification: type, given: list[str], program: str) -> tuple[Any, "Place"]:
    """Return the study's options and the place; each option exists once, in the specification."""
    both = dataclasses.make_dataclass("Both", [("study", specification), ("run", Place)])
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    parsed: Any = tyro.cli(both, args=given, prog=program, description="", config=config)
    return parsed.study, parsed.run


def _trained(name: str, options: Any, place: "Place", folder: "Folder", command: str) -> bool:
    from lrscope.studies._run import run

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
    """Write the report of a run again."""

    def report(directory: tyro.conf.Positional[Path]) -> Path:
        """Write tables, figures, claims and report of a run again from its records.

        Args:
            directory: folder that `lrscope run` has written
        """
        return directory

    from lrscope.studies import Folder

    _reported(Folder(tyro.cli(report, args=given, prog="lrscope report")))
    return 0


def _inspect(given: list[str]) -> int:
    def show(file: tyro.conf.Positional[Path]) -> Path:
        """Say what a file of records holds: trees, axes, variables, experiment.

        Args:
            file: a records*.root
        """
        return file

    from lrscope.store import summary

    _print_summary(summary(tyro.cli(show, args=given, prog="lrscope inspect")))
    return 0


def _list(given: list[str]) -> int:
    from lrscope.studies import STUDIES

    if given:
        raise InputError(f"lrscope list takes no arguments; got {shlex.join(given)}.")
    print(_listed(STUDIES))
    return 0


def _listed(studies: Mapping[str, str]) -> str:
    width = max(map(len, studies))
    return "\n".join(f"  {name:{width}}  {question}" for name, question in studies.items())


def _print_summary(found: "FileSummary") -> None:
    console = Console(highlight=False)
    state = "complete" if found.complete else "interrupted, or still being written"
    console.print(f"[bold]{found.path}[/bold]: {found.size_bytes / 1e6:.1f} MB, {state}")
    for axis, values in found.axes.items():
        console.print(f"  {axis}: {', '.join(map(str, values))}")
    if "command" in found.metadata:
        console.print(f"  written by: {found.metadata['command']}", markup=False)
    for tree in found.trees:
        steps = f"steps {tree.first_step} to {tree.last_step}" if tree.entries else "no entries"
        console.print(f"\n[bold]{tree.name}[/bold]: {tree.entries} entries, {tree.members} networks, {steps}")
        console.print(_variables(tree.variables))


def _variables(variables: "Sequence[VariableSummary]") -> Table:
    table = Table("branch", "shape", "type", "what", box=None, pad_edge=False, header_style="italic")
    for variable in variables:
        shape = " x ".join(map(str, variable.shape)) or "number"
        unit = "" if variable.units == "1" else f" [{variable.units}]"
        table.add_row(variable.name, shape, variable.dtype, Text(variable.long_name + unit))
    return table
