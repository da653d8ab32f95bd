"""What networks learn from: point sets along shapes, functions at random points, images, and anyone's own arrays.

A data set is a frozen specification with one method, ``arrays()``, which returns `Arrays`: NumPy arrays of inputs
and targets with the samples along the first dimension; some also have samples for ``validation()``.
Nothing here needs torch, and nothing but `fetch` uses the network.
"""

from lrscope.data._arrays import Arrays, DataSet, Samples
from lrscope.data._fetch import fetch
from lrscope.data._files import CIFAR10, MNIST
from lrscope.data._images import Digits
from lrscope.data._known import DATA_SETS, check_data, data_set
from lrscope.data._points import SHAPES, TARGETS, Function, Shape, known_target

__all__ = [
    "CIFAR10",
    "DATA_SETS",
    "MNIST",
    "SHAPES",
    "TARGETS",
    "Arrays",
    "DataSet",
    "Digits",
    "Function",
    "Samples",
    "Shape",
    "check_data",
    "data_set",
    "fetch",
    "known_target",
]
