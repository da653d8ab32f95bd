"""The source's networks: what differs between its six conditions. Needs no PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass

WIDTH = 16
"""Inputs and hidden neurons n."""
PARAMETERS = WIDTH**2 + WIDTH
"""Of both layers; as many samples are learned, so that the network is neither over- nor underdetermined."""
RATES = (("lr_input", "learning rate of the input layer"), ("lr_output", "learning rate of the output layer"))


@dataclass(frozen=True)
class Condition:
    """One of the source's conditions.

    Attributes
    ----------
    activation : of the hidden layer
    samples : that the loss is measured on
    batch : samples that a step learns from, drawn with replacement; 0: all
    axes : name and description of the horizontal and of the vertical axis
    """

    activation: str = "tanh"
    samples: int = PARAMETERS
    batch: int = 0
    axes: tuple[tuple[str, str], tuple[str, str]] = RATES

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
    "init-offset": Condition(
        axes=(("offset", "constant added to the weights of the input layer"), ("lr", "learning rate of both layers"))
    ),
}
"""By name."""
