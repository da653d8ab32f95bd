"""Points: along the outline of plane shapes, and of functions of one variable at random places."""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from lrscope._imported import called, checked_path, imported
from lrscope.data._arrays import Arrays
from lrscope.errors import must_be, unknown
from lrscope.specification import specification

_CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6, "heptagon": 7, "octagon": 8}
SHAPES = (*_CORNERS, "circle", "spiral")
"""Names of the shapes, in the order of the paper."""
TURNS = 3
"""Turns of the spiral."""
Target = Callable[[np.ndarray], np.ndarray]
PUBLISHED_POINTS = 222337497072607291153223098371913928704
"""Seed of the points of experiment 1."""
Count = Annotated[int, Field(ge=1, le=10**7)]


@specification
class Shape:
    """Points along a shape in the unit circle; a network learns to return its input.

    Attributes
    ----------
    shape : one of `SHAPES`: a polygon inscribed in the unit circle, the circle itself, or an Archimedean spiral
        with three turns whose outer end lies on it
    samples : number of points
    noise : standard deviation of normal noise added to each coordinate
    rotation : degrees, counter-clockwise
    noise_points_seed : seed of that noise

    Raises
    ------
    InputError : an unknown shape (the nearest name is given), fewer than one sample, negative noise.

    References
    ----------
    Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025), section 2.2.1.

    Examples
    --------
    >>> Shape("square", samples=4).arrays().inputs.round(3).tolist()
    [[0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0], [1.0, -0.0]]
    """

    shape: str
    samples: Annotated[int, Field(ge=1)] = 500
    noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    rotation: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    noise_points_seed: Annotated[int, Field(ge=0)] = 0

    @field_validator("shape")
    @classmethod
    def _known(cls, shape: str) -> str:
        if shape not in SHAPES:
            raise unknown("shape", shape, SHAPES)
        return shape

    def arrays(self) -> Arrays:
        """Return the points (sample, 2), float64, as inputs and as targets."""
        points = _outline(self.shape, self.samples)
        angle = np.deg2rad(self.rotation)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        noise = np.random.default_rng(self.noise_points_seed).normal(size=points.shape)
        points = points @ turn + self.noise * noise
        return Arrays(points, points)


def _outline(shape: str, samples: int) -> np.ndarray:
    if shape == "spiral":
        return _spiral(samples)
    if shape == "circle":
        angle = np.linspace(0, 2 * np.pi, samples, endpoint=False)
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _polygon(_CORNERS[shape], samples)


def _polygon(corners: int, samples: int) -> np.ndarray:
    """Return points dealt evenly to the sides, each corner one of them; the first corner points up."""
    angle = np.pi / 2 + 2 * np.pi * np.arange(corners + 1) / corners
    vertices = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    on_side = [len(piece) for piece in np.array_split(np.arange(samples), corners)]
    side = np.repeat(np.arange(corners), on_side)
    along = np.concatenate([np.arange(count) / max(count, 1) for count in on_side])[:, None]
    points: np.ndarray = vertices[side] * (1 - along) + vertices[side + 1] * along
    return points


def _spiral(samples: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi * TURNS, samples)
    radius = angle / angle[-1] if samples > 1 else angle
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _f1(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(x / 5))


def _f2(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(x) * (25 - x * x))


TARGETS: dict[str, Target] = {"f1": _f1, "f2": _f2}
"""The targets of experiment 1: f1(x) = exp(x / 5) and f2(x) = sin(x) (25 - x**2)."""


@specification
class Function:
    """Values of a function at points drawn evenly from an interval; other points are kept for validation.

    Attributes
    ----------
    target : a name of `TARGETS`, a function of an array (sample), or where to import one: ``package.module:function``
    samples, test_samples : points to learn from, and validation points
    centre, width : of the interval, [-5, 5) by default
    points_seed : of the points; by default those of experiment 1

    Raises
    ------
    InputError : an unknown target (the nearest name is given), no points, an interval without width; later, from
        ``arrays()``, a function that cannot be imported or does not give a finite number for each point.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), and its repository.

    Examples
    --------
    >>> Function("f1").arrays().inputs.shape, Function("f1").validation().inputs.shape
    ((1000, 1), (100, 1))
    """

    target: str | Target = "f1"
    samples: Count = 1000
    test_samples: Count = 100
    centre: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    width: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    points_seed: Annotated[int, Field(ge=0)] = PUBLISHED_POINTS

    @field_validator("target")
    @classmethod
    def _known(cls, target: str | Target) -> str | Target:
        return known_target(target)

    def arrays(self) -> Arrays:
        """Return the points to learn from (sample, 1) and the target there (sample, 1), float64."""
        return self._at(self._points()[: self.samples])

    def validation(self) -> Arrays:
        """Return the validation points (sample, 1) and the target there (sample, 1), float64."""
        return self._at(self._points()[self.samples :])

    def _points(self) -> np.ndarray:
        """Return all points, those for validation last; drawn one after the other as in experiment 1."""
        random = np.random.default_rng(self.points_seed)
        numbers = np.concatenate([random.random(self.samples), random.random(self.test_samples)])
        points: np.ndarray = (numbers - 0.5) * self.width + self.centre
        return points

    def _at(self, points: np.ndarray) -> Arrays:
        function = _function(self.target) if isinstance(self.target, str) else self.target
        allowed = "a function of an array of numbers, as NumPy's are"
        values = called("target", allowed, str(self.target), lambda: np.asarray(function(points), dtype=float))
        if values.shape != points.shape or not np.isfinite(values).all():
            got = f"shape {values.shape}" if values.shape != points.shape else "values that are not finite"
            raise must_be("target", f"a function that gives a finite number for each of {len(points)} points", got)
        return Arrays(points[:, None], values[:, None])


def known_target(target: str | Target) -> str | Target:
    """Return a target if it is a function, the name of one, or ``module:function``; nothing is imported.

    Raises
    ------
    InputError : an unknown name; the nearest is given.
    """
    if isinstance(target, str) and target not in TARGETS:
        if ":" not in target:
            raise unknown("target", target, [*TARGETS, "package.module:function"])
        checked_path("target", target, "a name or package.module:function")
    return target


def _function(target: str) -> Target:
    """Return the function of a name, or of ``package.module:function``."""
    if target in TARGETS:
        return TARGETS[target]
    value = imported("target", target, "a function")
    if not callable(value):
        raise must_be("target", "a function", f"{target}, which is {type(value).__name__}")
    function: Target = value
    return function
