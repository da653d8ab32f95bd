"""What networks learn from: point sets along shapes, and anyone's own arrays.

A data set is a frozen specification with one method, ``arrays()``, which returns `Arrays`: NumPy arrays of inputs
and targets with the samples along the first dimension. Nothing here needs torch.
"""

from lrscope.data._arrays import Arrays, DataSet, Samples
from lrscope.data._shapes import SHAPES, Shape

__all__ = ["SHAPES", "Arrays", "DataSet", "Samples", "Shape"]
