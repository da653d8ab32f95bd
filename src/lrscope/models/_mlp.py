"""A classifier of fully connected layers, for samples of any shape."""

from typing import Annotated

from pydantic import Field
from torch import nn

from lrscope.specification import specification

Count = Annotated[int, Field(ge=1)]


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
