"""The small networks of the studies: perceptrons, an autoencoder and a convolutional network."""

from collections import OrderedDict
from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from lrscope.specification import specification

Count = Annotated[int, Field(ge=1)]
Pixels = Annotated[int, Field(ge=4)]
PUBLISHED_WEIGHTS = 36255793825986746149655859236796938907
"""Seed of NumPy's generator for the initial weights of experiment 1."""
DEVIATION = 0.01
"""Standard deviation of the initial weights."""


@specification
class Perceptron:
    """One input, ``hidden - 1`` sigmoid neurons, one linear output.

    Experiment 1 counts the bias of the output as a hidden unit that is always 1: its h is `hidden`. All weights and
    biases are drawn from a normal distribution of mean 0 and standard deviation 0.01, by NumPy: under
    ``torch.manual_seed(0)`` those of experiment 1, under any other seed those of NumPy's generator of that seed.

    Attributes
    ----------
    hidden : units of the hidden layer, the constant one included
    init_scale : factor of all initial weights and biases

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), and its repository.

    Examples
    --------
    >>> sum(weight.numel() for weight in Perceptron(hidden=3)().parameters())
    7
    """

    hidden: Annotated[int, Field(ge=2, le=10**6)] = 3
    init_scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0

    def __call__(self) -> nn.Module:
        """Return a new module with the layers ``hidden``, ``sigmoid`` and ``output``."""
        random = np.random.default_rng(torch.initial_seed() or PUBLISHED_WEIGHTS)
        first = random.normal(0, DEVIATION, (self.hidden - 1, 2))  # of the input, then the bias
        second = random.normal(0, DEVIATION, (1, self.hidden))  # the bias comes last
        return _Perceptron(first * self.init_scale, second * self.init_scale)


class _Perceptron(nn.Module):
    """The network as a plain module."""

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, len(first), dtype=torch.float64)
        self.sigmoid = nn.Sigmoid()
        self.output = nn.Linear(len(first), 1, dtype=torch.float64)
        initial = {self.hidden.weight: first[:, :1], self.hidden.bias: first[:, 1]}
        initial |= {self.output.weight: second[:, :-1], self.output.bias: second[0, -1:]}
        with torch.no_grad():
            for parameter, values in initial.items():
                parameter.copy_(torch.from_numpy(values))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs (sample, 1) for inputs (sample, 1)."""
        outputs: Tensor = self.output(self.sigmoid(self.hidden(inputs)))
        return outputs


@specification
class MLP:
    """Flattened samples, a linear layer with ReLU for each of `hidden`, and a linear layer for the classes.

    Attributes
    ----------
    inputs : numbers of a sample
    hidden : neurons of each hidden layer
    classes : outputs, one logit each

    Examples
    --------
    >>> sum(weight.numel() for weight in MLP(64)().parameters())
    2410
    """

    inputs: Count
    hidden: tuple[Count, ...] = (32,)
    classes: Count = 10

    def __call__(self) -> nn.Module:
        """Return a new module with PyTorch's default initial weights, an `nn.Sequential`."""
        layers: list[nn.Module] = [nn.Flatten()]
        width = self.inputs
        for neurons in self.hidden:
            layers += [nn.Linear(width, neurons), nn.ReLU()]
            width = neurons
        return nn.Sequential(*layers, nn.Linear(width, self.classes))


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

    inputs: Count = 2
    hidden: tuple[Count, ...] = (64, 32)
    latent: Count = 1

    def __call__(self) -> nn.Module:
        """Return a new module with PyTorch's default initial weights; its parts are ``encoder`` and ``decoder``."""
        widths = (self.inputs, *self.hidden, self.latent)
        return nn.Sequential(OrderedDict(encoder=_layers(widths), decoder=_layers(widths[::-1])))


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


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

    channels: Count = 1
    height: Pixels = 28
    width: Pixels = 28
    classes: Count = 10

    def __call__(self) -> nn.Module:
        """Return a new module with PyTorch's default initial weights; its parts are ``conv`` and ``fc``."""
        first = nn.Conv2d(self.channels, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        second = nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
        features = 32 * (self.height // 2 // 2) * (self.width // 2 // 2)
        classifier = nn.Flatten(), nn.Linear(features, 128), nn.ReLU(), nn.Linear(128, self.classes)
        return nn.Sequential(OrderedDict(conv=nn.Sequential(*first, *second), fc=nn.Sequential(*classifier)))
