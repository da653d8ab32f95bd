"""Functions of one variable at random points: what the small network of experiment 1 learns."""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from lrscope._imported import checked_path, imported
from lrscope.data._arrays import Arrays
from lrscope.errors import must_be, unknown
from lrscope.specification import specification

Target = Callable[[np.ndarray], np.ndarray]
PUBLISHED_POINTS = 222337497072607291153223098371913928704
"""Seed of the points of experiment 1."""


def _f1(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(x / 5))


def _f2(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(x) * (25 - x * x))


TARGETS: dict[str, Target] = {"f1": _f1, "f2": _f2}
"""The targets of experiment 1: f1(x) = exp(x / 5) and f2(x) = sin(x) (25 - x**2)."""

Count = Annotated[int, Field(ge=1, le=10**7)]


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
        try:
            values = np.asarray(function(points), dtype=float)
        except (TypeError, ValueError) as error:
            raise must_be(
                "target", "a function of an array of numbers, as NumPy's are", f"{function}: {error}"
            ) from error
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
