"""What a point of a map did: which pixels are recorded in full, and where their trainings part. Needs no PyTorch."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from lrscope.papers.boundary._axes import position
from lrscope.papers.boundary._maps import SEED, X, Y
from lrscope.papers.boundary._score import CONVERGED, scores
from lrscope.records import LOSS, MEMBER, STEP, step_dimension

POINT = "point"
"""How the names of its experiments begin, and the name of the node of their results."""
MOST_ACROSS = 3
"""Neighbours across the edge that are recorded."""
PIXEL = "pixel"
DIFFERENT, VERY_DIFFERENT, FACTOR = 0.01, 0.1, 2.0
"""Distances of weights, as shares of their length, and the ratio of losses, from which trainings have parted."""
QUANTITIES = {"weights": "weights", "weight_gradients": "gradients", "activations": "activations"}


def pixels_at(frame: xr.Dataset, at: tuple[float, float]) -> list[int]:
    """Return the pixel of a map that is nearest to a point (x, y), and its neighbours across the edge.

    Where the edge is farther away, these are the nearest pixel with the other outcome and the one before it.
    """
    good = frame[CONVERGED].isel({SEED: 0}).transpose(Y, X).values
    row, column = (
        int(np.abs(position(frame[dim], frame[dim].values) - position(frame[dim], value)).argmin())
        for dim, value in ((Y, at[1]), (X, at[0]))
    )
    pixels = [(row, column), *_across(good, row, column)]
    return list(dict.fromkeys(one * good.shape[1] + other for one, other in pixels))


def _across(good: np.ndarray, row: int, column: int) -> Iterator[tuple[int, int]]:
    """Yield row and column of pixels on the other side of the edge, and, if they are far, of the last on this one."""
    rows, columns = np.nonzero(good != good[row, column])
    if not len(rows):
        return
    distance = np.hypot(rows - row, columns - column)
    order = np.argsort(distance, kind="stable")
    first = order[0]
    if distance[first] < 2:
        for place in order[:MOST_ACROSS]:
            if distance[place] < 2:
                yield int(rows[place]), int(columns[place])
        return
    other = int(rows[first]), int(columns[first])
    length = max(abs(other[0] - row), abs(other[1] - column))
    yield round(other[0] + (row - other[0]) / length), round(other[1] + (column - other[1]) / length)
    yield other


def analysed(parts: Sequence[xr.Dataset], frame: xr.Dataset, at: tuple[float, float]) -> xr.Dataset:
    """Return where the trainings of a point and of the pixels across the edge part.

    Parameters
    ----------
    parts : (member, step) records of the trainings, that of the point first
    frame : the map
    at : (x, y) of the point

    Returns
    -------
    Dataset
        x, y : (pixel) values of the axes. The trainings part from that of the attribute ``reference``: the point, or,
            if the edge is farther away, the last pixel before it
        mapped, converged : (pixel) whether the training converged on the map, and recorded here
        loss : (pixel, step)
        distance : (quantity, pixel, step) length of the difference to the reference over that of the reference, of all
            weights, gradients, and means of the activations over the samples
        sharpness : (pixel, step_sharpness) over its limit of stability; 1 is the limit
        far, very_far, factor : (pixel) first step at which weights differ by 1% and by 10%, and at which losses
            differ by a factor of 2; NaN if never
        unstable : (pixel) first measured step at which the sharpness is above its limit; NaN if never
    """
    pixels = pixels_at(frame, at)
    rows, columns = np.divmod(pixels, frame.sizes[X])
    loss = _of(parts, LOSS)
    with np.errstate(over="ignore", invalid="ignore"):
        outcome = scores(loss.transpose(STEP, PIXEL).values)[CONVERGED].astype(bool)
    known = frame[CONVERGED].isel({SEED: 0}).transpose(Y, X).values[rows, columns]
    same = known == known[0]
    reference = 1 if len(pixels) > 2 and same[1] else 0
    distance = xr.concat([_distance(parts, name, reference) for name in QUANTITIES], "quantity")
    distance = distance.assign_coords(quantity=list(QUANTITIES.values())).assign_attrs(
        long_name="distance from the reference", units="1", scale="log"
    )
    sharpness, limit = (_of(parts, f"preconditioned_{name}") for name in ("sharpness", "stability_limit"))
    ratio = (sharpness / limit).rename({step_dimension(sharpness): "step_sharpness"})
    ratio.attrs = {"long_name": "sharpness over its limit", "units": "1", "scale": "log", "reference": 1.0}
    ratios = loss / loss.isel({PIXEL: reference}, drop=True)
    weights = distance.sel(quantity="weights", drop=True)
    return (
        xr.Dataset(
            {
                "x": (PIXEL, frame[X].values[columns], frame[X].attrs),
                "y": (PIXEL, frame[Y].values[rows], frame[Y].attrs),
                "mapped": (PIXEL, known),
                CONVERGED: (PIXEL, outcome),
                LOSS: loss.assign_attrs(long_name="loss", units="1", scale="log"),
                "distance": distance,
                "sharpness": ratio,
                "far": _first(weights > DIFFERENT),
                "very_far": _first(weights > VERY_DIFFERENT),
                "factor": _first((ratios > FACTOR) | (ratios < 1 / FACTOR)),
                "unstable": _first(ratio > 1),
            }
        )
        .assign_coords({PIXEL: _names(same)})
        .assign_attrs(reference=reference)
    )


def _names(same: np.ndarray) -> list[str]:
    """Return what pixels are called, from whether each has the outcome of the first."""
    across = itertools.count(1)
    return ["the point", *("before the edge" if one else f"across the edge {next(across)}" for one in same[1:])]


def _of(parts: Sequence[xr.Dataset], name: str) -> xr.DataArray:
    """Return a recorded variable (pixel, step, ...) without the coordinates of the members."""
    arrays = [part[name].compute() for part in parts]
    bare = [array.drop_vars([label for label in array.coords if MEMBER in array[label].dims]) for array in arrays]
    joined: xr.DataArray = xr.concat(bare, MEMBER) if len(bare) > 1 else bare[0]
    return joined.rename({MEMBER: PIXEL})


def _distance(parts: Sequence[xr.Dataset], quantity: str, reference: int) -> xr.DataArray:
    """Return the relative distance (pixel, step) of all variables of a quantity from those of one pixel."""
    difference, length = [], []
    for name, array in parts[0].data_vars.items():
        if array.attrs.get("quantity") == quantity and array.attrs.get("statistic") in ("values", "mean"):
            values = _of(parts, str(name))
            dims = [dim for dim in values.dims if dim not in (PIXEL, step_dimension(values))]
            first = values.isel({PIXEL: reference}, drop=True)
            difference.append(((values - first) ** 2).sum(dims, skipna=False))
            length.append((first**2).sum(dims, skipna=False))
    whole: xr.DataArray = (sum(difference[1:], difference[0]) / sum(length[1:], length[0])) ** 0.5
    return whole.rename({step_dimension(whole): STEP} if step_dimension(whole) != STEP else {})


def _first(happens: xr.DataArray) -> xr.DataArray:
    """Return the first step (pixel) at which something happens; NaN if it never does."""
    dim = step_dimension(happens)
    return happens[dim].where(happens).min(dim)
