"""What trainings write anyway, as curves: CSV, JSON, TensorBoard's event files, a Recorder's records, printed lines.

A curve is a `pandas.Series`: values of one metric, its index the steps, ascending. Every reader parses numbers and
texts; nothing that is named in a file is imported or run.
"""

from lrscope.logs._files import read, read_folder
from lrscope.logs._printed import compiled, printed
from lrscope.logs._rows import Curves, Run, curves_of
from lrscope.logs._runs import RATES, SEEDS, named_as, runs_of

__all__ = [
    "RATES",
    "SEEDS",
    "Curves",
    "Run",
    "compiled",
    "curves_of",
    "named_as",
    "printed",
    "read",
    "read_folder",
    "runs_of",
]
