"""The networks of the studies.

A model is any callable without arguments that returns an `nn.Module`; those here are frozen specifications, so that
an experiment can be written down.
"""

from lrscope.models._autoencoder import Autoencoder
from lrscope.models._perceptron import Perceptron

__all__ = ["Autoencoder", "Perceptron"]
