"""What networks learn from: point sets along shapes, functions at random points, and anyone's own arrays.

A data set is a frozen specification with one method, ``arrays()``, which returns `Arrays`: NumPy arrays of inputs
and targets with the samples along the first dimension; some also hold samples out from training (``held_out()``).
Nothing here needs torch.
"""

from lrscope.data._arrays import Arrays, DataSet, Samples
from lrscope.data._functions import TARGETS, Function, known_target
from lrscope.data._shapes import SHAPES, Shape

__all__ = ["SHAPES", "TARGETS", "Arrays", "DataSet", "Function", "Samples", "Shape", "known_target"]
