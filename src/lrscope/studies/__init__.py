"""Studies: a question, the experiments that ask it, and the report on their records.

A `Study` is a declaration; its `Claim`s are judged in one way, its report is made of `Figure`, `Animation` and `Table`.
Studies are found by the entry-point group ``lrscope.studies``, also in packages of others. `run` trains one into a
`Folder`, `write_report` makes its report from the records. Only `run` and `cost` need PyTorch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.report import Animation, Figure, Section, Table, array_of, dataset_of
from lrscope.studies._catalogue import study, study_names
from lrscope.studies._compare import Case, Comparison, compare
from lrscope.studies._compare_words import compared_tables, verdict
from lrscope.studies._findings import Chapter, Findings, Listed, Moving, Still
from lrscope.studies._folder import ONLY, Folder
from lrscope.studies._grid_files import grid_files
from lrscope.studies._judge import missing
from lrscope.studies._recorded import write_records_report
from lrscope.studies._report import draw_figures, write_report
from lrscope.studies._study import Claim, Study

if TYPE_CHECKING:
    from lrscope.studies._run import cost, run

__all__ = [
    "ONLY",
    "Animation",
    "Case",
    "Chapter",
    "Claim",
    "Comparison",
    "Figure",
    "Findings",
    "Folder",
    "Listed",
    "Moving",
    "Section",
    "Still",
    "Study",
    "Table",
    "array_of",
    "compare",
    "compared_tables",
    "cost",
    "dataset_of",
    "draw_figures",
    "grid_files",
    "missing",
    "run",
    "study",
    "study_names",
    "verdict",
    "write_records_report",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Return `run` or `cost`, which need PyTorch, when it is asked for."""
    if name not in ("cost", "run"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("lrscope.studies._run"), name)
