"""Pixels of the boundary, and its dimension by box counting, with an interval."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from lrscope.errors import must_be

Floats = NDArray[np.float64]

BOX, FRAME, SEED, TILE = "box", "frame", "seed", "tile"
MIN_RESOLUTION = 32
"""Pixels along a side from which on there are box sizes enough: 1, 2 and 4."""
COARSEST = 8
"""The largest boxes are this part of a side or a little less: of larger ones there are too few."""
MIN_UNITS = 5
"""Of fewer frames or seeds, resampling says little."""
RESAMPLES = 2000
LEVEL = 0.95


def boundary(converged: xr.DataArray) -> xr.DataArray:
    """Return which blocks of 2 by 2 pixels hold both converging and diverging ones.

    Parameters
    ----------
    converged : (..., y, x) bool

    Returns
    -------
    DataArray (..., y, x) bool, one shorter along y and x, each block with the labels of its first pixel
    """
    pixels = converged.transpose(..., "y", "x")
    values = pixels.values
    corners = np.stack([values[..., :-1, :-1], values[..., :-1, 1:], values[..., 1:, :-1], values[..., 1:, 1:]])
    first = pixels.isel(y=slice(None, -1), x=slice(None, -1))
    return first.copy(data=corners.any(0) & ~corners.all(0)).assign_attrs(long_name="boundary", units="1")


def box_counts(points: xr.DataArray) -> xr.DataArray:
    """Return how many boxes hold a point, for boxes of 1, 2, 4, ... pixels, in each of the largest boxes.

    Parameters
    ----------
    points : (..., y, x) bool, such as those of `boundary`

    Returns
    -------
    DataArray (..., tile, box) of int64
        The largest boxes, about an eighth of a side, are the tiles; a sum over them counts the whole map

    Raises
    ------
    InputError : fewer than 32 pixels along a side.
    """
    points = points.transpose(..., "y", "x")
    resolution = min(points.sizes["y"], points.sizes["x"]) + 1
    if resolution < MIN_RESOLUTION:
        raise must_be("the resolution of a map whose boxes are counted", f"{MIN_RESOLUTION} or more", resolution)
    largest = int(np.log2(resolution / COARSEST))
    padding = [(0, 0)] * (points.ndim - 2) + [(0, -points.sizes[dim] % 2**largest) for dim in ("y", "x")]
    occupied: NDArray[Any] = np.pad(points.values, padding)
    counts = []
    for power in range(largest + 1):
        # the boxes of a tile, then the tiles
        side = 2 ** (largest - power)
        *before, height, width = occupied.shape
        tiles = occupied.reshape(*before, height // side, side, width // side, side).sum((-3, -1))
        counts.append(tiles.reshape(*before, -1))
        if power < largest:
            occupied = np.any(occupied.reshape(*before, height // 2, 2, width // 2, 2), (-3, -1))
    box = xr.Variable(BOX, 2 ** np.arange(largest + 1), {"long_name": "side of a box", "units": "pixels"})
    coords = {name: points[name] for name in points.dims[:-2] if name in points.coords} | {BOX: box}
    attrs = {"long_name": "boxes with a piece of the boundary", "units": "1"}
    return xr.DataArray(np.stack(counts, -1), coords, (*points.dims[:-2], TILE, BOX), attrs=attrs)


def local_dimension(counts: xr.DataArray) -> xr.DataArray:
    """Return by what power the number of boxes grows from each size to half of it.

    Parameters
    ----------
    counts : (..., box) of boxes, summed over the tiles

    Returns
    -------
    DataArray (..., box) : log2 of the ratio, at the geometric mean of both sizes; NaN where there is no boundary
    """
    number = counts.where(counts > 0)
    fine, coarse = (number.isel({BOX: part}).drop_vars(BOX) for part in (slice(None, -1), slice(1, None)))
    middle = counts[BOX].values[:-1] * np.sqrt(2)
    attrs = {"long_name": "local dimension", "units": "1"}
    box = xr.Variable(BOX, middle, counts[BOX].attrs)
    return xr.DataArray(np.log2(fine / coarse)).assign_coords({BOX: box}).assign_attrs(attrs)


def dimension(counts: xr.DataArray) -> xr.Dataset:
    """Return the box dimension of the boundary in one map or several, with a 95% interval.

    The interval is a bootstrap over the frames of a zoom where there are 5 or more; else over seeds, if there are 5;
    else over the tiles of each map. The last one says how much the estimate varies along the boundary that was seen,
    not what other frames would show. Percentiles are expanded for the small number of units.

    Parameters
    ----------
    counts : (tile, box), perhaps with ``frame`` and ``seed``, of `box_counts`

    Returns
    -------
    Dataset
        median : of the local dimension, over all sizes, frames and seeds, with ``_low`` and ``_high``
        slope : of the logarithms by least squares, the mean over frames and seeds, with ``_low`` and ``_high``
        finest : the local dimension between boxes of 2 and of 1 pixels, the mean over frames and seeds; likewise
        units : how many were resampled
        attrs : ``over`` what was resampled: ``frame``, ``seed`` or ``tile``
        NaN where no map has a boundary

    References
    ----------
    J. Sohl-Dickstein, "The boundary of neural network trainability is fractal" (arXiv 2402.06184): the median.
    T. Hesterberg, "What teachers should know about the bootstrap" (2015), section 5.3: expanded percentiles.
    """
    known = counts.transpose(..., TILE, BOX)
    for dim in (FRAME, SEED):
        known = known if dim in known.dims else known.expand_dims(dim)
    values = known.transpose(FRAME, SEED, TILE, BOX).values.astype(np.float64)
    values = values[values.any((1, 2, 3))]
    values = values[:, values.any((0, 2, 3))]
    sizes, draw = np.log2(counts[BOX].values), np.random.default_rng(0)
    whole = values.sum(2)
    frames, seeds, _ = whole.shape
    if frames >= MIN_UNITS:
        over, units = FRAME, frames
        resampled = whole[draw.integers(0, frames, (RESAMPLES, frames))]
    elif seeds >= MIN_UNITS:
        over, units = SEED, seeds
        resampled = whole.swapaxes(0, 1)[draw.integers(0, seeds, (RESAMPLES, seeds))]
    else:
        over, (resampled, units) = TILE, _tiles_resampled(values, draw)
    result: dict[str, float] = {"units": units}
    for name, estimate in ESTIMATES.items():
        value, sample = (estimate(one, sizes) for one in (whole[None], resampled))
        low, high = _expanded(sample, units)
        result |= {name: float(value[0]), f"{name}_low": low, f"{name}_high": high}
    return xr.Dataset(result, attrs={"over": over})


def _tiles_resampled(values: Floats, draw: np.random.Generator) -> tuple[Floats, int]:
    """Return counts (resample, map, box), of each map the tiles with a boundary resampled; and how many there are."""
    maps = [tiles[tiles.any(1)] for tiles in values.reshape(-1, *values.shape[2:]) if tiles.any()]
    resampled = [tiles[draw.integers(0, len(tiles), (RESAMPLES, len(tiles)))].sum(1) for tiles in maps]
    shape = (RESAMPLES, len(maps), values.shape[-1])
    return np.reshape(np.stack(resampled, 1) if maps else np.empty(0), shape), sum(map(len, maps))


def _median(counts: Floats, _sizes: Floats) -> Floats:
    """Return the median of the local dimensions (resample) of counts (resample, ..., box)."""
    return _over_maps(np.nanmedian, -np.diff(_logarithms(counts)))


def _slope(counts: Floats, sizes: Floats) -> Floats:
    across = sizes - sizes.mean()
    return _over_maps(np.nanmean, -(_logarithms(counts) @ across) / (across @ across))


def _finest(counts: Floats, _sizes: Floats) -> Floats:
    exponents = _logarithms(counts)
    return _over_maps(np.nanmean, exponents[..., 0] - exponents[..., 1])


ESTIMATES: dict[str, Callable[[Floats, Floats], Floats]] = {"median": _median, "slope": _slope, "finest": _finest}


def _logarithms(counts: Floats) -> Floats:
    """Return the binary logarithms of counts; NaN where there is no boundary."""
    return np.log2(np.where(counts > 0, counts, np.nan))


def _over_maps(reduce: Callable[..., Floats], values: Floats) -> Floats:
    """Reduce everything but the resamples; NaN where there is no map."""
    flat = values.reshape(len(values), -1) if values.size else np.full((1, 1), np.nan)
    return reduce(flat, axis=1) if values.size else flat[:, 0]


def _expanded(sample: Floats, units: int) -> tuple[float, float]:
    """Return the ends of the bootstrap interval; NaN of a single unit."""
    if units < 2:
        return np.nan, np.nan
    tail = stats.norm.cdf(np.sqrt(units / (units - 1)) * stats.t.ppf((1 - LEVEL) / 2, units - 1))
    low, high = np.quantile(sample, [tail, 1 - tail])
    return float(low), float(high)
