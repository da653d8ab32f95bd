"""`lrscope import`: runs that exist, as the folder of a run."""

import shlex
from pathlib import Path
from typing import Annotated

import tyro

from lrscope.cli._report import reported
from lrscope.cli._words import leading_paths, parsed
from lrscope.errors import InputError
from lrscope.specification import specification

USAGE = """\
usage: lrscope import SOURCE --out DIR [options]

Read runs that exist, and report which of their learning rates is the best, and how sure that is, as far as they say.

  SOURCE              folder of TensorBoard, Lightning, Hugging Face, CSV or JSON files, of wandb or MLflow;
                      a table of several runs (CSV, Parquet, JSON lines), such as an export of wandb;
                      a database of MLflow or trackio
  --out DIR           folder for the results
  --lr NAME           of the learning rate in the configuration of the runs; default: lr or learning_rate
  --seed NAME         of the seed; default: seed
  --metric NAME       what rates are compared by; default: val_loss or eval_loss
  --maximize          the larger the metric the better, as for an accuracy
  --at WHICH          last, best or a step: which value of the metric counts; default: last
  --where NAME=VALUE  only runs whose configuration has this value; may be repeated
  --tolerance SHARE   loss that may be given away; default: 0.05
  --overwrite         replace the results of an earlier import
"""


@specification
class Import:
    """The options, as in `USAGE`."""

    out: Path | None = None
    lr: str | None = None
    seed: str | None = None
    metric: str | None = None
    maximize: bool = False
    at: str = "last"
    where: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    tolerance: float = 0.05
    overwrite: bool = False


def import_runs(given: list[str]) -> int:
    """Import runs and write their report."""
    paths, rest = leading_paths("lrscope import", given)
    if len(paths) != 1:
        raise InputError(f"lrscope import takes one SOURCE; got {shlex.join(paths)}. See lrscope import --help.")
    (options,) = parsed({"runs": Import}, rest, f"lrscope import {paths[0]}")
    if options.out is None:
        raise InputError(
            f"--out must be given. Write for example: lrscope import {shlex.quote(paths[0])} --out results"
        )
    _imported(paths[0], options, shlex.join(["lrscope", "import", *given]))
    return 0


def _imported(source: str, options: Import, command: str) -> None:
    from lrscope.studies import Folder
    from lrscope.studies.sweep import ImportOptions, import_runs

    fields = {name: getattr(options, name) for name in ("lr", "seed", "metric", "maximize", "at", "where", "tolerance")}
    folder = Folder(options.out or Path())
    count = import_runs(ImportOptions(source=source, **fields), folder, command=command, overwrite=options.overwrite)
    print(f"{count} runs imported.")
    reported(folder)
