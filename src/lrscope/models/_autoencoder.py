"""The autoencoder of the paper on neuronal fluctuations: 2-64-32-1 and back, ReLU between the layers."""

from collections import OrderedDict
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

from lrscope.specification import specification

Width = Annotated[int, Field(ge=1)]


@specification
class Autoencoder:
    """A fully connected encoder to a narrow code, and a decoder that mirrors it.

    Attributes
    ----------
    inputs : features of a sample
    hidden : neurons of the encoder's hidden layers; the decoder has them in reverse
    latent : neurons of the code, without activation function

    References
    ----------
    Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025), section 2.2.2.

    Examples
    --------
    >>> sum(weight.numel() for weight in Autoencoder()().parameters())
    4611
    """

    inputs: Width = 2
    hidden: tuple[Width, ...] = (64, 32)
    latent: Width = 1

    def __call__(self) -> nn.Module:
        """Return a new module with PyTorch's default initial weights; its parts are ``encoder`` and ``decoder``."""
        widths = (self.inputs, *self.hidden, self.latent)
        return nn.Sequential(OrderedDict(encoder=_layers(widths), decoder=_layers(widths[::-1])))


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
