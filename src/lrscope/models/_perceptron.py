"""The perceptron of experiment 1: one input, one hidden layer of sigmoid neurons, one linear output."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from lrscope.specification import specification

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
        return _Perceptron(*self._initial(torch.initial_seed()))

    def _initial(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the initial weights: (hidden - 1, 2) of input and bias, (1, hidden) with the output's bias last."""
        random = np.random.default_rng(seed or PUBLISHED_WEIGHTS)
        first = random.normal(0, DEVIATION, (self.hidden - 1, 2))
        second = random.normal(0, DEVIATION, (1, self.hidden))
        return first * self.init_scale, second * self.init_scale


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
