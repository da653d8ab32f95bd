"""What can be chosen in the study `boundary`."""

import math
from dataclasses import fields, replace
from typing import Annotated, Literal

import tyro
from pydantic import Field, model_validator

from lrscope.errors import must_be, unknown
from lrscope.papers.boundary._axes import Axis
from lrscope.papers.boundary._conditions import CONDITIONS
from lrscope.papers.boundary._own import OWN, Own
from lrscope.specification import specification
from lrscope.studies._size import check_memory

MAP, NULL, ZOOM = "map", "null", "zoom"
"""Names of the maps of a run: the first frame, the map with a seed of its own in every pixel, zoom1, zoom2, ..."""
DEFAULT_SPAN = "1e-3:1e6"
PIXEL_BYTES = 200
"""Of memory that a pixel of a frame takes for a seed, in training, records and report together."""
MOST_STEPS = 10**6
NOT_RECORDED = ("minibatch", "init-offset")
"""Conditions whose steps are not those of the trainer that records points in full."""
LEAST_RATIO = {"float64": 1e-13, "float32": 1e-5}
"""By how much neighbouring pixels of the last frame differ at least: these numbers have 16 and 7 digits."""
SMALLEST_NULL, LARGEST_NULL = 32, 64
"""Pixels along each axis: fewer have no dimension; without a number given there are no more."""


@specification
class Options:
    """Map which pairs of learning rates train a small network, and where the edge between them lies.

    By default the source's network with tanh, each layer with a learning rate of its own. With --model it is your own
    network, over the --axes that you choose.
    """

    condition: Annotated[str, tyro.conf.arg(metavar="NAME")] = "tanh"
    """tanh, relu, linear (deep linear), minibatch (tanh, 16 samples a step), one-point (tanh, one sample), or
    init-offset (tanh, a constant added to the weights of the input layer against the rate of both layers)"""
    span: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="LOW:HIGH ...", help_behavior_hint=f"(default: {DEFAULT_SPAN}; with --model, by axis)"),
    ] = ()
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
    zoom: Annotated[
        str | None, tyro.conf.arg(metavar="X,Y", help_behavior_hint="(default: where the edge is densest)")
    ] = None
    """values of both axes: frames are centred on the point of the edge nearest to these"""
    zooms: Annotated[int, Field(ge=0)] = 3
    """frames after the first, each with half the span of the one before"""
    null: Annotated[
        Annotated[int, Field(ge=0)] | None,
        tyro.conf.arg(metavar="INT", help_behavior_hint=f"(default: at most {LARGEST_NULL})"),
    ] = None
    """pixels along each axis of the null, a map with other initial weights in every pixel: the resolution or
    a whole fraction of it; 0 leaves it out"""
    at: Annotated[str | None, tyro.conf.arg(metavar="X,Y", help_behavior_hint="(default: none)")] = None
    """values of both axes: also record the nearest pixel and those next to it across the edge in full"""
    offset: Annotated[Literal["each-step", "initial"], tyro.conf.arg(metavar="{each-step,initial}")] = "each-step"
    """of init-offset: add the constant at every step, as the source's code does, or to the initial weights"""

    model: Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="(instead of a condition)")] = None
    """network of your own: a function that returns an nn.Module, as package.module:function"""
    data: Annotated[str, tyro.conf.arg(metavar="NAME")] = "digits"
    """what it learns: digits, mnist, cifar10, or your own as package.module:name"""
    root: Annotated[str | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(required for mnist, cifar10)")] = None
    """folder with the files of mnist or cifar10"""
    loss: Annotated[str, tyro.conf.arg(metavar="NAME")] = "auto"
    """its loss function; auto: cross_entropy for classes, mse for numbers"""
    optimizer: Annotated[Literal["sgd", "momentum", "adam"], tyro.conf.arg(metavar="{sgd,momentum,adam}")] = "sgd"
    """its optimizer; momentum is sgd with momentum 0.9"""
    batch_size: Annotated[
        Annotated[int, Field(ge=1)] | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: all samples)")
    ] = None
    """its samples per step"""
    lr: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.01
    """learning rate of what has none on an axis"""
    axes: Annotated[tuple[str, ...], tyro.conf.arg(metavar="X Y")] = ("lr", "init_scale")
    """horizontal and vertical axis of the map of your own network: lr, lr_MODULE (the learning rate of a module),
    momentum, weight_decay, init_scale (multiplies the initial weights), batch_size"""

    @model_validator(mode="after")
    def _consistent(self) -> "Options":
        if self.condition not in (*CONDITIONS, OWN):
            raise unknown("condition", self.condition, CONDITIONS)
        self._check_own()
        x, y = self.both_axes()
        for name in ("zoom", "at"):
            for axis, value in zip((x, y), self.point(name) or (), strict=False):
                if not axis.low <= value <= axis.high:
                    allowed = f"a point of the map, {axis.name} from {axis.low:g} to {axis.high:g}"
                    raise must_be(name, allowed, getattr(self, name))
        if self.at is not None and self.condition in NOT_RECORDED:
            remedy = "Its steps are not those of the trainer that records."
            raise must_be("at", f"left out with the condition {self.condition}", self.at, remedy)
        if self.zoom is not None and not self.zooms:
            raise must_be("zoom", "given with a number of frames, such as --zooms 10", self.zoom)
        narrowest = min(axis.places[1] - axis.places[0] for axis in (x, y)) * math.log(10) / (self.resolution - 1)
        most = math.floor(math.log2(narrowest / LEAST_RATIO[self.dtype])) if narrowest > 0 else -1
        if most < 0:
            raise must_be("span", f"so wide that its pixels differ in {self.dtype}", list(self.span))
        if self.zooms > most:
            raise must_be("zooms", f"at most {most}: numbers of {self.dtype} lie too far apart for more", self.zooms)
        maps = self.seeds + self.zooms  # frames of a zoom have one seed
        check_memory("resolution", self.resolution, self.resolution**2 * maps * PIXEL_BYTES, "the maps")
        if self.null and (self.null < SMALLEST_NULL or self.resolution % self.null):
            allowed = f"0, or the resolution or a whole fraction of it, and {SMALLEST_NULL} or more"
            raise must_be("null", allowed, self.null)
        return self

    def null_resolution(self) -> int:
        """Return the pixels along each axis of the null; 0 if there is none."""
        if self.null is not None:
            return self.null
        fitting = (size for size in range(LARGEST_NULL, SMALLEST_NULL - 1, -1) if self.resolution % size == 0)
        return next(fitting, 0)

    def both_axes(self) -> tuple[Axis, Axis]:
        """Return the horizontal and the vertical axis of the first frame.

        Raises
        ------
        InputError : a span that is no range of positive numbers.
        """
        if len(self.span) > 2:
            raise must_be("span", "one range, or one for each axis", list(self.span))
        x, y = (self.own() or CONDITIONS[self.condition]).both_axes
        return (_spanned(x, self.span[0]), _spanned(y, self.span[-1])) if self.span else (x, y)

    def own(self) -> Own | None:
        """Return the network that is mapped instead of one of the source's."""
        return None if self.model is None else Own(**{each.name: getattr(self, each.name) for each in fields(Own)})

    def _check_own(self) -> None:
        if self.model is None:
            if self.condition == OWN:
                raise must_be("model", "given with the condition own, as package.module:function", None)
            defaults = {each.name: each.default for each in fields(self)}
            for name in (each.name for each in fields(Own)):
                if getattr(self, name) != defaults[name]:
                    raise must_be(name, "given together with --model", getattr(self, name))
            if self.offset != "each-step" and self.condition != "init-offset":
                raise must_be("offset", "given together with --condition init-offset", self.offset)
            return
        if self.condition not in ("tanh", OWN):  # tanh is what stands there if none is given
            raise must_be("condition", "left out with --model", self.condition)
        object.__setattr__(self, "condition", OWN)

    def point(self, name: str) -> tuple[float, float] | None:
        """Return the point that the frames approach (``zoom``) or that is recorded in full (``at``); often none."""
        text = getattr(self, name)
        if text is None:
            return None
        linear = any(axis.scale == "linear" for axis in self.both_axes())
        return _numbers(name, text, ",", "X,Y, two positive numbers such as 10,0.5", zero=linear)


def _spanned(axis: Axis, text: str) -> Axis:
    allowed = "LOW:HIGH, two positive numbers such as 1e-3:1e6, the larger one last"
    low, high = _numbers("span", text, ":", allowed, zero=axis.scale == "linear")
    if not low < high:
        raise must_be("span", allowed, text)
    return replace(axis, low=low, high=high)


def _numbers(name: str, text: str, between: str, allowed: str, zero: bool = False) -> tuple[float, float]:
    try:
        first, second = map(float, text.split(between))
    except ValueError:
        raise must_be(name, allowed, text) from None
    if not all(0 < value < math.inf or (zero and value == 0) for value in (first, second)):
        raise must_be(name, allowed, text)
    return first, second
