"""What trainings write anyway, as curves: CSV, JSON, TensorBoard's event files, a Recorder's records, printed lines.

A curve is a `pandas.Series`: values of one metric, its index the steps, ascending. Every reader parses numbers and
texts; nothing that is named in a file is imported or run.
"""

from lrscope.logs._files import FORMATS, read, read_folder
from lrscope.logs._printed import compiled, printed
from lrscope.logs._rows import Curves, curves_of

__all__ = ["FORMATS", "Curves", "compiled", "curves_of", "printed", "read", "read_folder"]
