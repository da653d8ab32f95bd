"""Which maps a run trains: the first frame, the null, and frames around the edge, each chosen in the one before."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from scipy.ndimage import uniform_filter

from lrscope._imported import late
from lrscope.papers.boundary._axes import position, value_at
from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._maps import SEED, X, Y, asked_of, map_of
from lrscope.papers.boundary._options import MAP, NULL, ZOOM, Options
from lrscope.papers.boundary._point import POINT, pixels_at
from lrscope.papers.boundary._score import CONVERGED
from lrscope.papers.boundary.analysis import boundary

if TYPE_CHECKING:
    from lrscope.training import Experiment

_MEMBERS = "lrscope.papers.boundary._members"
"""The file that needs PyTorch."""


def experiments(options: Options) -> dict[str, Map]:
    """Return the maps that are known from the beginning: ``map``, and ``null`` if it is asked for."""
    x, y = options.both_axes()
    frame: dict[str, Any] = {
        "condition": options.condition,
        "x": (x.low, x.high),
        "y": (y.low, y.high),
        "steps": options.steps,
        "dtype": options.dtype,
        "offset": options.offset,
        "own": options.own(),
    }
    every = {MAP: Map(**frame, resolution=options.resolution, seeds=options.seeds, refined=not options.full)}
    if options.model is not None:
        late(f"{_MEMBERS}:check")(every[MAP])
    if options.null_resolution():  # refinement would miss pixels that differ from all around them
        every[NULL] = Map(**frame, resolution=options.null_resolution(), refined=False, noise=True)
    return every


def further(records: Mapping[str, xr.Dataset], options: Options) -> dict[str, "Map | Experiment"]:
    """Return the next frame, and the point that is recorded in full; nothing if all is trained."""
    at, point = options.point("at"), {}
    if at and POINT not in records:
        point = late(f"{_MEMBERS}:recorded")(asked_of(records[MAP], MAP), pixels_at(map_of(records[MAP], MAP), at))
    return {**point, **_next_frame(records, options)}


def _next_frame(records: Mapping[str, xr.Dataset], options: Options) -> dict[str, Map]:
    """Return the next frame, of half the span of the last, around a point of its edge.

    The point is that nearest to the one of the options. Without one it is where the edge is densest: of all next frames
    around a point of the edge, this one has the most of it. Frames have the first seed. There is none if the last frame
    has no edge.
    """
    names = [MAP, *(f"{ZOOM}{number}" for number in range(1, options.zooms + 1))]
    number = next((number for number, name in enumerate(names) if name not in records), len(names))
    if number == len(names):
        return {}
    last = names[number - 1]
    asked = asked_of(records[last], last)
    centre = point_of_edge(map_of(records[last], last), options.point("zoom"))
    if centre is None:
        return {}
    x, y = asked.axes
    x, y = x.narrowed(centre[0]), y.narrowed(centre[1])
    spans: dict[str, Any] = {X: (x.low, x.high), Y: (y.low, y.high)}
    return {names[number]: dataclasses.replace(asked, **spans, frame=number, seeds=1)}


def point_of_edge(frame: xr.Dataset, point: tuple[float, float] | None = None) -> tuple[float, float] | None:
    """Return the point (x, y) of the edge of the first seed that is nearest to another; None where there is no edge.

    Without a point, it is the one with the most of the edge in a square of half the side around it. A point of the
    edge is the centre of four neighbouring pixels of which some converge and some do not. A frame of half the span
    around the point that is returned lies within the map: near a side the point is moved inwards.

    Parameters
    ----------
    point : (x, y); distances are those on the map, along the scales of its axes
    """
    edge = boundary(frame[CONVERGED].isel({SEED: 0}, drop=True)).transpose(Y, X).values
    rows, columns = np.nonzero(edge)
    if not len(rows):
        return None
    along = [position(frame[dim], frame[dim].values) for dim in (X, Y)]
    centres = [(axis[1:] + axis[:-1])[places] / 2 for axis, places in zip(along, (columns, rows), strict=True)]
    spans = [axis[-1] - axis[0] for axis in along]
    if point is None:
        density = uniform_filter(edge.astype(float), len(along[0]) // 2, mode="constant")[rows, columns]
        # sums of as many pixels may differ in their last bits
        best = int(np.argmax(density.round(9)))
    else:
        places = [position(frame[dim], value) for dim, value in zip((X, Y), point, strict=True)]
        distances = [(centre - place) / span for centre, place, span in zip(centres, places, spans, strict=True)]
        best = int(np.argmin(np.square(distances).sum(axis=0)))
    inner = [(axis[0] + span / 4, axis[-1] - span / 4) for axis, span in zip(along, spans, strict=True)]
    x, y = (
        float(value_at(np.clip(centre[best], *ends), frame[dim].attrs["scale"]))
        for centre, ends, dim in zip(centres, inner, (X, Y), strict=True)
    )
    return x, y
