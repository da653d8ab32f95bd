"""`lrscope export tensorboard`: records for those who look at them elsewhere."""

from pathlib import Path
from typing import Annotated

import tyro
from pydantic import Field
from rich.console import Console

from lrscope.cli._options import parsed
from lrscope.cli._words import HELP, explained
from lrscope.errors import InputError, unknown
from lrscope.specification import specification

USAGE = """\
usage: lrscope export tensorboard PATH [--out LOGDIR] [--histograms N]

Write the records of a run as TensorBoard's event files: a run for each network, scalars at every recorded step,
histograms of weights, gradients and activations of each layer. Look at them with: tensorboard --logdir LOGDIR

  PATH             folder that `lrscope run` has written, or a file of records; of a folder of the study sweep, its grid
  --out LOGDIR     folder for the event files; `tensorboard` beside the records by default
  --histograms N   steps that have histograms, at most; 50 by default
"""


def _grid_in(path: Path) -> Path:
    """Return the records of the grid in a folder that has them, whatever else was trained there; else the path."""
    grid, more = path / "records-grid.root", list(path.glob("records-grid-*.root"))
    return grid if grid.exists() and not more else path


@specification
class Export:
    """Where event files go to, and how many histograms are in them."""

    out: Annotated[Path | None, tyro.conf.arg(metavar="LOGDIR")] = None
    """folder for the event files"""
    histograms: Annotated[int, Field(ge=0)] = 50
    """steps that have histograms, at most"""


def export(given: list[str]) -> int:
    """Write records in another form; return the exit code."""
    if not given or any(word in HELP for word in given):
        return explained(USAGE)
    form, *rest = given
    if form != "tensorboard":
        raise unknown("lrscope export", form, ["tensorboard"])
    if not rest or rest[0].startswith("-"):
        raise InputError("PATH must be a folder of a run or a file of records; got none. See lrscope export --help.")
    path, *words = rest
    (options,) = parsed({"export": Export}, words, f"lrscope export {form} {path}")
    from lrscope.integrations import export_tensorboard

    with Console(stderr=True).status("Writing event files"):
        folder = export_tensorboard(_grid_in(Path(path)), options.out, options.histograms)
    print(f"Event files: {folder}")
    return 0
