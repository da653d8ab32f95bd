"""The source's networks: what differs between its six conditions. Needs no PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass

from lrscope.papers.boundary._axes import Axis

WIDTH = 16
"""Inputs and hidden neurons n."""
PARAMETERS = WIDTH**2 + WIDTH
"""Of both layers; as many samples are learned, so that the network is neither over- nor underdetermined."""
SPAN = (1e-3, 1e6)
RATES = (
    Axis("lr_input", "learning rate of the input layer", *SPAN),
    Axis("lr_output", "learning rate of the output layer", *SPAN),
)
OFFSET = (
    Axis("offset", "constant added to the weights of the input layer", *SPAN),
    Axis("lr", "learning rate of both layers", *SPAN),
)


@dataclass(frozen=True)
class Condition:
    """One of the source's conditions.

    Attributes
    ----------
    activation : of the hidden layer
    samples : that the loss is measured on
    batch : samples that a step learns from, drawn with replacement; 0: all
    both_axes : the horizontal and the vertical one, as they are by default
    """

    activation: str = "tanh"
    samples: int = PARAMETERS
    batch: int = 0
    both_axes: tuple[Axis, Axis] = RATES

    @property
    def units(self) -> int:
        """How many activations a step computes."""
        return self.samples * WIDTH


CONDITIONS: Mapping[str, Condition] = {
    "tanh": Condition(),
    "relu": Condition(activation="relu"),
    "linear": Condition(activation="linear", samples=WIDTH),
    "minibatch": Condition(batch=16),
    "one-point": Condition(samples=1),
    "init-offset": Condition(both_axes=OFFSET),
}
"""By name."""
