"""The networks of the studies.

A model is any callable without arguments that returns an `nn.Module`; those here are frozen specifications, so that
an experiment can be written down.
"""

from lrscope.models._autoencoder import Autoencoder
from lrscope.models._cnn import CNN
from lrscope.models._imported import Imported
from lrscope.models._perceptron import Perceptron

__all__ = ["CNN", "Autoencoder", "Imported", "Perceptron"]
