"""`lrscope report`, `figures`, `inspect` and `export`: what was recorded, as a page, pictures, a list, event files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lrscope.cli._bar import activities
from lrscope.cli._words import leading_paths, one_path, parsed, say
from lrscope.errors import unknown
from lrscope.specification import specification

if TYPE_CHECKING:
    from lrscope.store import FileIndex, TreeIndex
    from lrscope.studies import Folder

REPORT = """\
usage: lrscope report DIR
       lrscope report FILE.root ...

Write the report of a finished run again from its records: page, figures, tables and claims. Or write a report of any
file of records.

  DIR             folder that `lrscope run` has written
  FILE.root ...   records of any training, or several files of one grid; the page goes to FILE-report
"""
FIGURES = """\
usage: lrscope figures DIR [NAME ...]

Draw figures and films of a finished run into DIR/figures; default: all that the report only names.

  DIR    folder that `lrscope run` has written
  NAME   of a figure, as the report states it
"""
INSPECT = """\
usage: lrscope inspect FILE.root [--check]
       lrscope inspect DIR [--check]
       lrscope inspect FOLDER

List what a file of records contains: axes, trees, variables, the command that wrote it, and whether it is complete.

  FILE.root   a records*.root of a run
  DIR         folder that `lrscope run` or `import` has written: each of its files of records
  FOLDER      of other tools' logs: list the runs, their configuration and their metrics, as `lrscope import` reads them
  --check     read all of it, and compare each block with its checksum
"""
EXPORT = """\
usage: lrscope export tensorboard DIR [options]
       lrscope export tensorboard FILE.root ... [options]

Write the records of a run as TensorBoard's event files: a run for each network, scalars at every recorded step,
histograms of weights, gradients and activations of each layer. Show them with: tensorboard --logdir LOGDIR

  DIR                folder that `lrscope run` has written
  FILE.root ...      records of any training, or several files, including those after a resume
  --out LOGDIR       folder for the event files; default: `tensorboard` beside the records
  --histograms N     steps with histograms, at most; default: 50
  --experiment NAME  of a folder with several; default: grid, with its further rounds
"""


def reported(source: "Folder | Sequence[str]") -> None:
    """Write the report of a run or of files, and say where it is."""
    from lrscope.studies import write_report

    with activities() as display:
        page = write_report(source, display.update)
    print(f"Report: {page}")


def report(given: list[str]) -> int:
    """Write the report of a run again, or that of files of records."""
    from lrscope.studies import Folder

    files = bool(given) and all(word.endswith(".root") or Path(word).is_file() for word in given)
    reported(given if files else Folder(one_path("lrscope report", "folder", given)))
    return 0


def figures(given: list[str]) -> int:
    """Draw figures of a run that its report only names."""
    from lrscope.studies import Folder, draw_figures

    (folder, *names), rest = leading_paths("lrscope figures", given)
    with activities() as display:
        files = draw_figures(Folder(Path(folder)), [*names, *rest], display.update)  # an option is no figure
    for file in files:
        print(file)
    if not files:
        say(f"the report of {folder} shows all of its figures.")
    return 0


def inspect(given: list[str]) -> int:
    """Say what a file holds."""
    from lrscope.store import check, files_in, record_files, summary

    path = one_path("lrscope inspect", "file", [word for word in given if word != "--check"])
    is_run = (path / "experiment.json").exists()
    if path.is_dir() and not is_run:
        _print_metrics(path)
        return 0
    for number, file in enumerate(files_in(path) or record_files(path) if is_run else [path]):
        print("\n" if number else "", end="")
        _print_summary(summary(file))
        if "--check" in given:
            with Console(stderr=True).status("Reading"):
                blocks = check(file)
            print(f"\nNo damage: {blocks} blocks have their checksums.")
    return 0


def _print_metrics(path: Path) -> None:
    """List what other tools have logged, as trainings by command and imports find it."""
    from lrscope.logs import runs_of

    runs = runs_of(path)
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((str(path), "bold"), f": {len(runs)} run{'' if len(runs) == 1 else 's'}"))
    names = dict.fromkeys(name for run in runs for name in run.config)
    for name in names:
        values = dict.fromkeys(str(run.config[name]) for run in runs if name in run.config)
        console.print(f"  {name}: {', '.join(values)}", markup=False)
    table = Table("metric", "runs", "values", "last step", box=None, pad_edge=False, header_style="italic")
    for metric in dict.fromkeys(name for run in runs for name in run.curves):
        curves = [run.curves[metric] for run in runs if metric in run.curves]
        counts, lasts = (
            [int(each) for each in pair]
            for pair in zip(*((len(curve), curve.index[-1]) for curve in curves), strict=True)
        )
        table.add_row(metric, str(len(curves)), _range(counts), _range(lasts))
    console.print(table)


def _range(numbers: "Sequence[int]") -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _print_summary(file: "FileIndex") -> None:
    console = Console(highlight=False, soft_wrap=True)
    state = "complete" if file.complete else "interrupted, or still being written"
    console.print(Text.assemble((str(file.path), "bold"), f": {file.size_bytes / 1e6:.1f} MB, {state}"))
    for axis, values in file.axes.items():
        console.print(f"  {axis}: {', '.join(map(str, values))}", markup=False)
    if "command" in file.metadata:
        console.print(f"  written by: {file.metadata['command']}", markup=False)
    for warning in file.warnings:
        console.print(f"  warning: {warning}", markup=False)
    for name, tree in file.trees.items():
        steps = f"steps {tree.steps.min()} to {tree.steps.max()}" if tree.entries else "no entries"
        members = len(set(tree.members.tolist()))
        networks = f"{members} network{'' if members == 1 else 's'}"
        console.print(Text.assemble("\n", (name, "bold"), f": {tree.entries} entries, {networks}, {steps}"))
        console.print(_variables(tree))


def _variables(tree: "TreeIndex") -> Table:
    table = Table("branch", "shape", "type", "what", box=None, pad_edge=False, header_style="italic")
    for name, label in tree.labels.variables.items():
        shape = " x ".join(map(str, label.shape)) or "number"
        unit = f" [{label.attrs['units']}]" if label.attrs.get("units", "1") != "1" else ""
        table.add_row(name, shape, label.dtype, Text(f"{label.attrs.get('long_name', '')}{unit}"))
    return table


@specification
class Export:
    """The options, as in `EXPORT`."""

    out: Path | None = None
    histograms: Annotated[int, Field(ge=0)] = 50
    experiment: str | None = None


def export(given: list[str]) -> int:
    """Write records in another form."""
    form, *rest = given
    if form != "tensorboard":
        raise unknown("lrscope export", form, ["tensorboard"])
    paths, words = leading_paths("lrscope export", rest)
    (options,) = parsed({"export": Export}, words, f"lrscope export {form} {' '.join(paths)}")
    print(f"Event files: {_exported(paths, options)}")
    return 0


def _exported(paths: list[str], options: Export) -> Path:
    from lrscope.recorder import export_tensorboard
    from lrscope.studies import grid_files

    with Console(stderr=True).status("Writing event files"):
        files = grid_files(paths, options.experiment)
        return export_tensorboard(*files, out=options.out, histograms=options.histograms)
