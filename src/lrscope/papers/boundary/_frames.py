"""Which maps a run trains: the first frame, the null, and frames around the edge, each chosen in the one before."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._maps import SEED, X, Y, asked_of, map_of
from lrscope.papers.boundary._options import MAP, NULL, ZOOM, Options, place_of, value_at
from lrscope.papers.boundary._score import CONVERGED


def experiments(options: Options) -> dict[str, Map]:
    """Return the maps that are known from the beginning: ``map``, and ``null`` if it is asked for."""
    x, y = options.axes()
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
        importlib.import_module("lrscope.papers.boundary._own_training").check(every[MAP])
    if options.null:
        every[NULL] = Map(**frame, resolution=options.null, refined=not options.full, noise=True)
    return every


def further(records: Mapping[str, xr.Dataset], options: Options) -> dict[str, Map]:
    """Return the next frame: half the span of the last, around the point of its edge that is nearest to its centre.

    The first is around the point nearest to that of the options. Frames have the first seed. There is none if the last
    frame has no edge.
    """
    names = [MAP, *(f"{ZOOM}{number}" for number in range(1, options.zooms + 1))]
    number = next((number for number, name in enumerate(names) if name not in records), len(names))
    if number == len(names):
        return {}
    last = names[number - 1]
    asked = asked_of(records[last], last)
    x, y = asked.axes
    middle = x.middle, y.middle
    point = nearest_edge(map_of(records[last], last), options.zoom_point() if last == MAP else middle)
    if point is None:
        return {}
    x, y = x.narrowed(point[0]), y.narrowed(point[1])
    spans: dict[str, Any] = {X: (x.low, x.high), Y: (y.low, y.high)}
    return {names[number]: dataclasses.replace(asked, **spans, frame=number, seeds=1)}


def nearest_edge(frame: xr.Dataset, point: tuple[float, float]) -> tuple[float, float] | None:
    """Return the point (x, y) of the edge of the first seed that is nearest to another; None where there is no edge.

    Distances are those on the map, whose axes are logarithmic. A point of the edge is the centre of four neighbouring
    pixels which do not all converge or all diverge.
    """
    good = frame[CONVERGED].isel({SEED: 0}).transpose(Y, X).values
    some = good[1:, 1:] | good[1:, :-1] | good[:-1, 1:] | good[:-1, :-1]
    every = good[1:, 1:] & good[1:, :-1] & good[:-1, 1:] & good[:-1, :-1]
    rows, columns = np.nonzero(some & ~every)
    if not len(rows):
        return None
    scales = [frame[dim].attrs["scale"] for dim in (X, Y)]
    along = [place_of(frame[dim].values, scale) for dim, scale in zip((X, Y), scales, strict=True)]
    centres = [(axis[1:] + axis[:-1])[places] / 2 for axis, places in zip(along, (columns, rows), strict=True)]
    spans = [axis[-1] - axis[0] for axis in along]
    places = [place_of(value, scale) for value, scale in zip(point, scales, strict=True)]
    distances = [(centre - place) / span for centre, place, span in zip(centres, places, spans, strict=True)]
    nearest = int(np.argmin(np.square(distances).sum(axis=0)))
    x, y = (float(value_at(centre[nearest], scale)) for centre, scale in zip(centres, scales, strict=True))
    return x, y
