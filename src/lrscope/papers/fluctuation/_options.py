"""What can be chosen in the study `fluctuation`."""

import math
from typing import Annotated

import tyro
from pydantic import AfterValidator, Field, field_validator, model_validator

from lrscope.data import SHAPES
from lrscope.errors import must_be, unknown
from lrscope.papers.fluctuation._definitions import LRS
from lrscope.specification import specification
from lrscope.studies._size import check_memory, check_size
from lrscope.sweep import Sweep, parse_rates

Positive = Annotated[int, Field(ge=1, le=2**31 - 1)]

POINT_BYTES = 4 * (97 + 98)
"""A number of float32 for each neuron."""


@specification
class Options:
    """Train an autoencoder on plane shapes at several learning rates and record every neuron.

    By default the paper: eight shapes, three rates, 1000 epochs, full batch (the paper does not state a batch size;
    full batch reproduces its statements and tables best).
    """

    shapes: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = SHAPES
    """shapes to learn"""
    lrs: Annotated[tuple[float | str, ...], AfterValidator(parse_rates), tyro.conf.arg(metavar="RATE ...")] = LRS
    """learning rates, with spaces or commas between them, or start:stop:count"""
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

    @model_validator(mode="after")
    def _fits(self) -> "Options":
        if self.batch_size is not None and self.batch_size > self.samples:
            raise must_be("batch_size", f"at most the {self.samples} samples", self.batch_size)
        check_memory("samples", self.samples, self.samples * POINT_BYTES, "the activations of one network")
        updates = math.ceil(self.samples / (self.batch_size or self.samples))
        check_size(len(self.shapes) * len(self.lrs) * self.seeds, self.epochs * updates)
        return self
