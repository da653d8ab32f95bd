"""What can be chosen in the study `fluctuation`."""

from typing import Annotated

import tyro
from pydantic import Field, field_validator

from lrscope.data import SHAPES
from lrscope.errors import unknown
from lrscope.specification import specification
from lrscope.sweep import Sweep, parse_rates

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]


@specification
class Options:
    """Train an autoencoder on plane shapes at several learning rates and record every neuron.

    By default the paper: eight shapes, three rates, 1000 epochs, full batch (the paper does not state a batch size;
    full batch reproduces its statements and tables best).
    """

    shapes: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = SHAPES
    """shapes to learn"""
    lrs: Annotated[tuple[float | str, ...], tyro.conf.arg(metavar="RATE ...")] = (0.0001, 0.001, 0.01)
    """learning rates: numbers, or start:stop:count"""
    seeds: Positive = 1
    """initialisations of each network: seeds 0, 1, ..."""
    epochs: Positive = 1000
    """passes through the points"""
    batch_size: Annotated[
        Positive | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: all of them)")
    ] = None
    """points a step"""
    samples: Positive = 500
    """points along each shape"""
    noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """standard deviation of normal noise on the points"""
    rotation: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    """turn of the shapes, degrees"""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """a neuron whose normalised fluctuation lies below it counts as inactive"""

    @field_validator("shapes")
    @classmethod
    def _known(cls, shapes: tuple[str, ...]) -> tuple[str, ...]:
        for shape in shapes:
            if shape not in SHAPES:
                raise unknown("shape", shape, SHAPES)
        return Sweep(shapes=shapes).axes["shapes"]

    @field_validator("lrs")
    @classmethod
    def _rates(cls, lrs: tuple[float | str, ...]) -> tuple[float, ...]:
        return parse_rates(lrs)
