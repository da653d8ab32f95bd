"""The convolutional network of the blog post on learning rates: two convolutions, two linear layers."""

from collections import OrderedDict
from typing import Annotated

from pydantic import Field
from torch import nn

from lrscope.specification import specification

Pixels = Annotated[int, Field(ge=4)]


@specification
class CNN:
    """Two convolutions of 3 by 3 with 16 and 32 channels, each with ReLU and halved by pooling; 128 neurons; classes.

    Attributes
    ----------
    channels, height, width : of an image; those of MNIST by default
    classes : outputs, one logit each

    References
    ----------
    Santos: How learning rate shapes the journey of a neural network (2025), class ``SimpleCNN``.

    Examples
    --------
    >>> sum(weight.numel() for weight in CNN()().parameters())
    206922
    """

    channels: Annotated[int, Field(ge=1)] = 1
    height: Pixels = 28
    width: Pixels = 28
    classes: Annotated[int, Field(ge=1)] = 10

    def __call__(self) -> nn.Module:
        """Return a new module with PyTorch's default initial weights; its parts are ``conv`` and ``fc``."""
        return nn.Sequential(OrderedDict(conv=self._convolutions(), fc=self._classifier()))

    def _convolutions(self) -> nn.Sequential:
        first = nn.Conv2d(self.channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        second = nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        return nn.Sequential(*first, *second)

    def _classifier(self) -> nn.Sequential:
        features = 32 * (self.height // 2 // 2) * (self.width // 2 // 2)
        return nn.Sequential(nn.Flatten(), nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, self.classes))
