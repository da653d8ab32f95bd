"""`lrscope export tensorboard`: records for those who look at them elsewhere."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from rich.console import Console

from lrscope.cli._options import parsed
from lrscope.cli._words import leading_paths
from lrscope.errors import unknown
from lrscope.specification import specification

USAGE = """\
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


@specification
class Export:
    """The options, as in `USAGE`."""

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
