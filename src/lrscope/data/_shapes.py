"""Points along the outline of plane shapes: what the autoencoder of the paper reconstructs."""

from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from lrscope.data._arrays import Arrays
from lrscope.errors import unknown
from lrscope.specification import specification

_CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6, "heptagon": 7, "octagon": 8}
SHAPES = (*_CORNERS, "circle", "spiral")
"""Names of the shapes, in the order of the paper."""
TURNS = 3
"""Turns of the spiral."""


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
