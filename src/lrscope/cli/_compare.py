"""`lrscope compare`: do two sets of trainings differ?"""

import json
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
       lrscope compare DIR DIR [--lr X] [options]
       lrscope compare FILE.root ... --lr X --lr Y [options]

Test whether two sets of trainings differ: two learning rates, two folders, or two values of another axis. Compares
networks of the same seed with each other; prints the difference with its interval and p-values, whether that holds
however often one looks, and how many seeds would show a difference of a given size.

  DIR                  folder that `lrscope run` has written; two folders are compared with each other
  FILE.root ...        records of any training, or several files that make a grid together
  --lr X --lr Y        rates that were trained: one for both sets, or one for each
  --metric NAME        any quantity with one number per step; default: that of the run, or else val_loss or loss
  --maximize           the larger the metric the better; --minimize: the smaller; default: as the run has it, or as
                       the name says (loss, error, accuracy, acc)
  --at STEP            compare at this step, or each network's best or last value (best, last); default: as the run
                       has it for its own metric, or else last
  --size S             also print how many seeds would show a difference of this size
  --where AXIS=VALUE   select a value of another axis, or, given twice for an axis, compare the two values
  --samples N          validation samples of an accuracy or another share: print the error that they leave
  --experiment NAME    of a folder with several; default: grid, with its further rounds
  --confidence C       of the interval; default: 0.95
  --json               print the numbers as JSON
  --exit-code          end with 0 if the first is better, 3 if it is worse, 4 if that is undecided
"""
EXIT_CODES = {"better": 0, "worse": 3}
UNDECIDED = 4
TABLE_WIDTH = 160
"""A table is not cut off below so many characters: a narrow terminal wraps its lines."""


@specification
class Compare:
    """The options, as in `USAGE`."""

    lr: Annotated[tuple[float, ...], tyro.conf.UseAppendAction] = ()
    metric: str | None = None
    maximize: bool = False
    minimize: bool = False
    at: str | None = None
    size: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    where: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    experiment: str | None = None
    samples: Annotated[int, Field(ge=1)] | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    json: bool = False
    exit_code: bool = False


def compare(given: list[str]) -> int:
    """Compare two sets of trainings."""
    from lrscope.studies import compared_json, decision

    paths, rest = leading_paths("lrscope compare", given)
    (options,) = parsed({"compare": Compare}, rest, f"lrscope compare {' '.join(paths)}")
    comparison = _compared(paths, options)
    if options.json:
        print(json.dumps(compared_json(comparison, options.size, options.samples), indent=2))
    else:
        _print(comparison, options)
    return EXIT_CODES.get(decision(comparison), UNDECIDED) if options.exit_code else 0


def _compared(paths: list[str], options: Compare) -> "Comparison":
    from lrscope.studies import compare

    if options.maximize and options.minimize:
        raise must_be("--maximize", "given without --minimize", "both")
    return compare(
        paths,
        options.lr,
        metric=options.metric,
        at=options.at,
        experiment=options.experiment,
        where=_labels(options.where),
        confidence=options.confidence,
        maximize=options.maximize if options.maximize or options.minimize else None,
    )


def _labels(words: tuple[str, ...]) -> dict[str, str | tuple[str, str]]:
    """Return the value of each axis, or both values of one that is given twice."""
    values: dict[str, list[str]] = {}
    for word in words:
        axis, sign, value = word.partition("=")
        if not (axis and sign and value):
            raise must_be("--where", "AXIS=VALUE", word, "Write for example --where shape=circle.")
        values.setdefault(axis, []).append(value)
    for axis, given in values.items():
        if len(given) > 2:
            raise must_be("--where", "given at most twice for an axis", f"{axis}={', '.join(given)}")
    return {axis: given[0] if len(given) == 1 else (given[0], given[1]) for axis, given in values.items()}


def _print(comparison: "Comparison", options: Compare) -> None:
    from lrscope.studies import compared_tables, verdict

    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, TABLE_WIDTH)
    for sentence in verdict(comparison, options.samples):
        console.print(sentence, markup=False)
    for frame in compared_tables(comparison, options.size):
        table = Table(*frame.columns, box=None, pad_edge=False, header_style="italic")
        for row in frame.itertuples(index=False):
            table.add_row(*row)
        console.print()
        console.print(table)
