"""Studies: a question, the experiments that ask it, and the report on their records.

A `Study` is a declaration; its `Claim`s are judged in one way, its report is made of `Figure`, `Animation` and `Table`.
Studies are found by the entry-point group ``lrscope.studies``, also in packages of others. `run` trains one into a
`Folder`, `write_report` makes its report from the records. Only what trains in this process needs
PyTorch.
"""

from typing import TYPE_CHECKING

from lrscope._imported import lazy
from lrscope.report import Animation, Figure, Section, Table, array_of, dataset_of
from lrscope.studies._folder import Folder, resuming
from lrscope.studies._study import Claim, Study, missing, study, study_names
from lrscope.studies._where import Where

if TYPE_CHECKING:
    from lrscope.studies._compare import Comparison, compare, grid_files
    from lrscope.studies._compare_words import compared_json, compared_tables, decision, verdict
    from lrscope.studies._report import draw_figures, write_report
    from lrscope.studies._run import cost, run

__all__ = [
    "Animation",
    "Claim",
    "Comparison",
    "Figure",
    "Folder",
    "Section",
    "Study",
    "Table",
    "Where",
    "array_of",
    "compare",
    "compared_json",
    "compared_tables",
    "cost",
    "dataset_of",
    "decision",
    "draw_figures",
    "grid_files",
    "missing",
    "resuming",
    "run",
    "study",
    "study_names",
    "verdict",
    "write_report",
]

_FILES = {
    "_compare": ["Comparison", "compare", "grid_files"],
    "_compare_words": ["compared_json", "compared_tables", "decision", "verdict"],
    "_report": ["draw_figures", "write_report"],
    "_run": ["cost", "run"],
}
"""Files that need PyTorch, matplotlib or uproot, and the names that they have. Declaring a study is light."""
__getattr__ = lazy(__name__, _FILES)
