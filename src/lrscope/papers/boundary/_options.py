"""What can be chosen in the study `boundary`."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import tyro
from pydantic import Field, field_validator, model_validator

from lrscope.errors import must_be, unknown
from lrscope.papers.boundary._conditions import CONDITIONS
from lrscope.specification import specification
from lrscope.studies._size import check_memory

MAP, NULL, ZOOM = "map", "null", "zoom"
"""Names of the maps of a run: the first frame, the map with a seed of its own in every pixel, zoom1, zoom2, ..."""
DEFAULT_SPAN = "1e-3:1e6"
PIXEL_BYTES = 200
"""Of memory that a pixel of a frame takes for a seed, in training, records and report together."""
MOST_STEPS = 10**6
LEAST_RATIO = 1e-13
"""By how much neighbouring pixels of the last frame differ at least: float64 has 16 digits."""


@dataclass(frozen=True)
class Axis:
    """An axis of a map; its pixels lie at equal distances on a logarithmic scale, both ends included.

    Attributes
    ----------
    name, long_name : of its values
    low, high : its ends
    """

    name: str
    long_name: str
    low: float
    high: float

    def values(self, resolution: int) -> np.ndarray:
        """Return the value of each pixel (pixel)."""
        ends = math.log10(self.low), math.log10(self.high)
        return 10.0 ** np.linspace(*ends, resolution)

    def narrowed(self, centre: float) -> "Axis":
        """Return the axis with half the span, around a value."""
        quarter = (math.log10(self.high) - math.log10(self.low)) / 4
        middle = math.log10(centre)
        return Axis(self.name, self.long_name, 10 ** (middle - quarter), 10 ** (middle + quarter))

    def attrs(self) -> dict[str, str]:
        """Return the attributes of a coordinate along the axis."""
        return {"long_name": self.long_name, "units": "1", "scale": "log"}


@specification
class Options:
    """Map which pairs of learning rates train a small network, and where the edge between them lies.

    By default the source's network with tanh, each layer with a learning rate of its own.
    """

    condition: Annotated[str, tyro.conf.arg(metavar="NAME")] = "tanh"
    """tanh, relu, linear (deep linear), minibatch (tanh, 16 samples a step), one-point (tanh, one sample), or
    init-offset (tanh, a constant added to the weights of the input layer against the rate of both layers)"""
    span: Annotated[tuple[str, ...], tyro.conf.arg(metavar="LOW:HIGH ...")] = (DEFAULT_SPAN,)
    """range of both axes, or of the horizontal and the vertical one"""
    resolution: Annotated[int, Field(ge=2)] = 256
    """pixels along each axis"""
    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] = 500
    """updates of each training"""
    dtype: Annotated[Literal["float64", "float32"], tyro.conf.arg(metavar="{float64,float32}")] = "float64"
    """numbers that the networks are trained with"""
    seeds: Annotated[int, Field(ge=1)] = 1
    """initial weights, each with a map of its own: gives the probability that a point trains"""
    full: bool = False
    """train every pixel; by default only the surroundings of the edge are trained at full resolution"""
    zoom: Annotated[str | None, tyro.conf.arg(metavar="X,Y", help_behavior_hint="(default: the middle of the map)")] = (
        None
    )
    """values of both axes: frames are centred on the point of the edge next to these"""
    zooms: Annotated[int, Field(ge=0)] = 0
    """frames after the first, each with half the span of the one before"""
    null: Annotated[int, Field(ge=0)] = 0
    """pixels along each axis of the null, a map with other initial weights in every pixel; 0 leaves it out"""
    offset: Annotated[Literal["each-step", "initial"], tyro.conf.arg(metavar="{each-step,initial}")] = "each-step"
    """of init-offset: add the constant at every step, as the source's code does, or to the initial weights"""

    @field_validator("condition")
    @classmethod
    def _known(cls, condition: str) -> str:
        if condition not in CONDITIONS:
            raise unknown("condition", condition, CONDITIONS)
        return condition

    @model_validator(mode="after")
    def _consistent(self) -> "Options":
        x, y = self.axes()
        point = self.zoom_point()
        for axis, value in zip((x, y), point, strict=True):
            if not axis.low <= value <= axis.high:
                allowed = f"a point of the map, {axis.name} from {axis.low:g} to {axis.high:g}"
                raise must_be("zoom", allowed, self.zoom)
        if self.zoom is not None and not self.zooms:
            raise must_be("zoom", "given with a number of frames, such as --zooms 10", self.zoom)
        narrowest = min(math.log(axis.high / axis.low) for axis in (x, y)) / (self.resolution - 1)
        most = math.floor(math.log2(narrowest / LEAST_RATIO))
        if self.zooms > most:
            raise must_be("zooms", f"at most {most}: the numbers of float64 lie too far apart for more", self.zooms)
        frames = 1 + self.zooms
        check_memory("resolution", self.resolution, self.resolution**2 * self.seeds * frames * PIXEL_BYTES, "the maps")
        check_memory("null", self.null, self.null**2 * PIXEL_BYTES, "the null")
        return self

    def axes(self) -> tuple[Axis, Axis]:
        """Return the horizontal and the vertical axis of the first frame.

        Raises
        ------
        InputError : a span that is no range of positive numbers.
        """
        if not 1 <= len(self.span) <= 2:
            raise must_be("span", "one range, or one for each axis", list(self.span))
        (x_low, x_high), (y_low, y_high) = (_range(self.span[0]), _range(self.span[-1]))
        (x, x_name), (y, y_name) = CONDITIONS[self.condition].axes
        return Axis(x, x_name, x_low, x_high), Axis(y, y_name, y_low, y_high)

    def zoom_point(self) -> tuple[float, float]:
        """Return the point that the frames approach.

        Raises
        ------
        InputError : it is not two positive numbers.
        """
        if self.zoom is None:
            x, y = self.axes()
            return math.sqrt(x.low) * math.sqrt(x.high), math.sqrt(y.low) * math.sqrt(y.high)
        return _numbers("zoom", self.zoom, ",", "X,Y, two positive numbers such as 10,0.5")


def _range(text: str) -> tuple[float, float]:
    allowed = "LOW:HIGH, two positive numbers such as 1e-3:1e6, the larger one last"
    low, high = _numbers("span", text, ":", allowed)
    if not low < high:
        raise must_be("span", allowed, text)
    return low, high


def _numbers(name: str, text: str, between: str, allowed: str) -> tuple[float, float]:
    try:
        first, second = map(float, text.split(between))
    except ValueError:
        raise must_be(name, allowed, text) from None
    if not (0 < first < math.inf and 0 < second < math.inf):
        raise must_be(name, allowed, text)
    return first, second
