"""The reproducible experiments: a question, the experiment that asks it, what was found, and what was published.

A study is a folder with three names: ``Options`` (a specification; its fields are the command line's options),
``experiments(options)`` and ``findings(records, options)``; the latter two speak of experiments and of their records by
name, `ONLY` where there is one. `run` trains them into a `Folder`, `write_report` tells from the records what was
found. Only ``experiments``, `run` and `cost` need PyTorch, and it is imported when one of them is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lrscope.studies._catalogue import STUDIES, study
from lrscope.studies._compare import Case, Comparison, compare
from lrscope.studies._compare_words import compared_tables, verdict
from lrscope.studies._findings import Chapter, Findings, Listed, Moving, Still
from lrscope.studies._folder import ONLY, Folder
from lrscope.studies._grid_files import grid_files
from lrscope.studies._recorded import write_records_report
from lrscope.studies._report import write_report

if TYPE_CHECKING:
    from lrscope.studies._run import cost, run

__all__ = [
    "ONLY",
    "STUDIES",
    "Case",
    "Chapter",
    "Comparison",
    "Findings",
    "Folder",
    "Listed",
    "Moving",
    "Still",
    "compare",
    "compared_tables",
    "cost",
    "grid_files",
    "run",
    "study",
    "verdict",
    "write_records_report",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Return `run` or `cost`, which need PyTorch, when it is asked for."""
    if name not in ("cost", "run"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("lrscope.studies._run"), name)
