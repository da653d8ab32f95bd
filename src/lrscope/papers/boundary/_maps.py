"""From the records of a run to its maps: a Dataset (seed, y, x) of each, whole where only the edge was trained."""

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr

from lrscope.errors import InputError
from lrscope.papers.boundary._map import MAP_ATTRIBUTE, Map
from lrscope.papers.boundary._refinement import interpolated, wanted
from lrscope.papers.boundary._score import CONVERGED, STEPS_USED, VALUE
from lrscope.records import MEMBER, missing, step_dimension
from lrscope.specification import from_json

SEED, Y, X, TRAINED = "seed", "y", "x", "trained"
"""Dimensions of a map, and the variable that tells what was trained from what was interpolated."""


def maps(records: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """Return the maps of a run by the names of their experiments: ``map``, ``null``, ``zoom1``, ...

    Parameters
    ----------
    records : (member, step) of trained pixels, by the name of the experiment

    Returns
    -------
    maps : each a Dataset (seed, y, x), whose coordinates ``x`` and ``y`` are the values of the axes, of

        - ``value``: score, below 0 if the training converged; interpolated where not trained
        - ``converged``: whether it converged, bool
        - ``trained``: bool; false inside a region whose corners agreed
        - ``steps_used``: steps with a finite loss; -1 where not trained

        Its attributes are ``x_name``, ``y_name`` and those of its `Map`, such as ``frame`` and ``condition``; a span
        as the text ``low:high``

    Raises
    ------
    InputError : records that are not those of a map, or not of all of it.
    """
    return {name: map_of(each, name) for name, each in records.items()}


def map_of(records: xr.Dataset, name: str = "records") -> xr.Dataset:
    """Return the map of one experiment, see `maps`."""
    asked = asked_of(records, name)
    resolution = asked.resolution
    shape = (asked.seeds, resolution, resolution)
    pixels = records[MEMBER].values
    if not len(pixels) or pixels[-1] >= asked.pixels or not {VALUE, STEPS_USED} <= set(records.data_vars):
        raise _refused(name)
    values, steps = np.full(shape, np.nan), np.full(shape, missing(np.dtype("int64")), dtype=np.int64)
    for array, variable in ((values, VALUE), (steps, STEPS_USED)):
        recorded = records[variable]
        array.flat[pixels] = recorded.isel({step_dimension(recorded): -1}).values
    if any(wanted(each, asked.refined)[0].any() for each in values):
        raise InputError(f"{name} must hold all trained pixels of a map; some are missing. Go on with the run first.")
    whole = np.stack([interpolated(each, asked.refined) for each in values])
    dims = (SEED, Y, X)
    data = {
        VALUE: (dims, whole, {"long_name": "score, below 0 if the training converged", "units": "1"}),
        CONVERGED: (dims, whole < 0, {"long_name": "whether the training converged"}),
        TRAINED: (dims, ~np.isnan(values), {"long_name": "whether the pixel was trained"}),
        STEPS_USED: (dims, steps, {"long_name": "steps with a finite loss", "units": "updates"}),
    }
    x, y = asked.axes
    axes = {dim: (dim, axis.values(resolution), axis.attrs()) for dim, axis in ((Y, y), (X, x))}
    about = {key: value for key, value in asked.to_json().items() if key not in ("class", "x", "y")}
    spans = {f"{dim}_span": f"{axis.low!r}:{axis.high!r}" for dim, axis in ((X, x), (Y, y))}
    return xr.Dataset(
        data, {SEED: np.arange(asked.seeds), **axes}, {"x_name": x.name, "y_name": y.name, **spans, **about}
    )


def asked_of(records: xr.Dataset, name: str) -> Map:
    """Return what was trained.

    Raises
    ------
    InputError : the records do not say it.
    """
    try:
        asked = from_json(json.loads(records.attrs[MAP_ATTRIBUTE]))
    except (KeyError, TypeError, ValueError):
        asked = None
    if not isinstance(asked, Map):
        raise _refused(name)
    return asked


def _refused(name: str) -> InputError:
    return InputError(f"{name} must hold records of the study boundary; got others. Give a folder that it has written.")
