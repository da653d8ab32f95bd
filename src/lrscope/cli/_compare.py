"""`lrscope compare`: do two learning rates differ?"""

from typing import TYPE_CHECKING, Annotated

import tyro
from pydantic import Field
from rich.console import Console
from rich.table import Table

from lrscope.cli._words import leading_paths, parsed
from lrscope.errors import must_be
from lrscope.specification import specification

if TYPE_CHECKING:
    from lrscope.studies import Comparison

USAGE = """\
usage: lrscope compare DIR --lr X --lr Y [options]
       lrscope compare FILE.root ... --lr X --lr Y [options]

Test whether two learning rates differ. Compares networks of the same seed with each other; prints the difference with
its interval and p-values, and how many seeds would show a difference of a given size.

  DIR                  folder that `lrscope run` has written
  FILE.root ...        records of any training, or several files that make a grid together
  --lr X --lr Y        two rates that were trained
  --metric NAME        any quantity with one number per step; default: val_loss, or else loss
  --step K             compare at this step; default: the last one recorded
  --size S             also print how many seeds would show a difference of this size
  --where AXIS=VALUE   select a value of another axis; default: compare at each of its values
  --experiment NAME    of a folder with several; default: grid, with its further rounds
  --confidence C       of the interval; default: 0.95
"""
TABLE_WIDTH = 160
"""A table is not cut off below so many characters: a narrow terminal wraps its lines."""


@specification
class Compare:
    """The options, as in `USAGE`."""

    lr: Annotated[tuple[float, ...], tyro.conf.UseAppendAction] = ()
    metric: str | None = None
    step: Annotated[int, Field(ge=0)] | None = None
    size: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    where: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    experiment: str | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


def compare(given: list[str]) -> int:
    """Compare two learning rates."""
    paths, rest = leading_paths("lrscope compare", given)
    (options,) = parsed({"compare": Compare}, rest, f"lrscope compare {' '.join(paths)}")
    _print(_compared(paths, options), options.size)
    return 0


def _compared(paths: list[str], options: Compare) -> "Comparison":
    from lrscope.studies import compare

    if len(options.lr) != 2:
        got = " and ".join(f"{lr:g}" for lr in options.lr) or None
        raise must_be("--lr", "given twice, for the two rates", got, "Write for example --lr 0.001 --lr 0.01.")
    return compare(
        paths,
        (options.lr[0], options.lr[1]),
        metric=options.metric,
        step=options.step,
        experiment=options.experiment,
        where=dict(map(_label, options.where)),
        confidence=options.confidence,
    )


def _label(word: str) -> tuple[str, str]:
    axis, sign, value = word.partition("=")
    if not (axis and sign and value):
        raise must_be("--where", "AXIS=VALUE", word, "Write for example --where shape=circle.")
    return axis, value


def _print(comparison: "Comparison", size: float | None) -> None:
    from lrscope.studies import compared_tables, verdict

    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, TABLE_WIDTH)
    for sentence in verdict(comparison):
        console.print(sentence, markup=False)
    for columns, rows in compared_tables(comparison, size):
        table = Table(*columns, box=None, pad_edge=False, header_style="italic")
        for row in rows:
            table.add_row(*row)
        console.print()
        console.print(table)
