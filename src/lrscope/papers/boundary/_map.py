"""One map: which trainings it is made of, as a frozen description with a JSON form."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from lrscope.papers.boundary._axes import BATCH_SIZE, Axis
from lrscope.papers.boundary._conditions import CONDITIONS, Condition
from lrscope.papers.boundary._own import Own
from lrscope.specification import specification, to_json

Positive = Annotated[int, Field(ge=1)]
Span = tuple[float, float]
MAP_ATTRIBUTE = "map"
"""Name of the attribute of records that holds their map, as JSON."""


@specification
class Map:
    """Trainings of one network at every point of a plane of two hyperparameters.

    Attributes
    ----------
    condition : tanh, relu, linear, minibatch, one-point or init-offset, see `Options`
    x, y : ends of the horizontal and of the vertical axis; pixels lie at equal distances on logarithmic scales
    resolution : pixels along each axis
    steps : updates of each training
    dtype : numbers of the networks
    seeds : how many initial weights; each has a map
    frame : number of factors of two by which the span is narrower than the first
    refined : whether only the surroundings of the edge are trained at full resolution
    noise : whether every pixel has initial weights of its own
    own : a network of your own, with the condition ``own``
    offset : with `init-offset`, whether the constant is added at ``each-step`` or to the ``initial`` weights
    """

    condition: str
    x: Span
    y: Span
    resolution: Positive
    steps: Positive
    dtype: Literal["float64", "float32"] = "float64"
    seeds: Positive = 1
    frame: Annotated[int, Field(ge=0)] = 0
    refined: bool = True
    noise: bool = False
    offset: Literal["each-step", "initial"] = "each-step"
    own: Own | None = None

    @property
    def network(self) -> Condition:
        """What is trained."""
        return CONDITIONS[self.condition]

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """The horizontal and the vertical axis."""
        x, y = (self.own or self.network).both_axes
        return replace(x, low=self.x[0], high=self.x[1]), replace(y, low=self.y[0], high=self.y[1])

    @property
    def pixels(self) -> int:
        """How many pixels the maps of all seeds have."""
        return self.resolution**2 * self.seeds

    def values(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the horizontal and the vertical value of each pixel (pixel).

        Parameters
        ----------
        pixels : (pixel) numbers ``(seed * resolution + row) * resolution + column``
        """
        x, y = (axis.values(self.resolution) for axis in self.axes)
        return x[pixels % self.resolution], y[pixels // self.resolution % self.resolution]

    def seeds_of(self, pixels: np.ndarray) -> np.ndarray:
        """Return the seed of each pixel (pixel)."""
        return pixels + 1 if self.noise else pixels // self.resolution**2

    def batch_sizes(self, pixels: np.ndarray) -> list[int | None]:
        """Return the batch size of each pixel of a network of your own; None for all samples."""
        if self.own is None or BATCH_SIZE not in self.own.axes:
            return [self.own.batch_size if self.own else None] * len(pixels)
        return [round(size) for size in self.values(pixels)[self.own.axes.index(BATCH_SIZE)].tolist()]

    def to_json(self) -> dict[str, Any]:
        """Return the map as JSON: class names and plain values."""
        form: dict[str, Any] = to_json(self)
        return form
