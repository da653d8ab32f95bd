"""Over seeds: how likely a point is to train, and where along a line the edge lies."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._seeds import share_interval
from lrscope.errors import InputError, must_be
from lrscope.papers.boundary._axes import is_log, position
from lrscope.papers.boundary.analysis._boxes import LEVEL, SEED, boundary

RATE = "rate"
Direction = Literal["both", "x", "y"]


def training_probability(converged: xr.DataArray) -> xr.Dataset:
    """Return the share of seeds whose network converges, with Wilson's 95% interval.

    Parameters
    ----------
    converged : (seed, ...) bool

    Returns
    -------
    Dataset (...)
        probability, low, high : 0 to 1
        attrs : ``seeds``, their number

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    seeds = converged.sizes[SEED]
    count = converged.sum(SEED)
    low, high = share_interval(count, xr.DataArray(seeds), LEVEL)
    result = xr.Dataset({"probability": count / seeds, "low": low, "high": high}, attrs={"seeds": seeds})
    for array in result.values():
        array.attrs = {"long_name": "share of seeds that train", "units": "1"}
    return result


def along(
    values: xr.DataArray, through: tuple[float, float] | None = None, direction: Direction = "both"
) -> xr.DataArray:
    """Return the pixels of a map along a straight line.

    Parameters
    ----------
    values : (..., y, x)
    through : a point (x, y) of the line; by default one with equal values
    direction : ``both``: both coordinates grow by one factor, which needs logarithmic axes; ``x`` or ``y``: one grows

    Returns
    -------
    DataArray (..., rate)
        The value of the nearest pixel. ``rate`` is the coordinate that grows, x for ``both``; ``other`` the second one

    Raises
    ------
    InputError : the line does not meet the map, or an axis is not logarithmic.
    """
    x, y = values["x"], values["y"]
    if direction == "both" and not (is_log(x) and is_log(y)):
        raise InputError("direction 'both' needs two logarithmic axes. Choose 'x' or 'y'.")
    point = through or _equal(x, y)
    if _nearest(x, point[:1])[0] < 0 or _nearest(y, point[1:])[0] < 0:
        raise must_be("a point of the line", f"within the map ({span_text(x)} by {span_text(y)})", point)
    grows, stays = (y, x) if direction == "y" else (x, y)
    start, other = point[::-1] if direction == "y" else point
    others = other * grows.values / start if direction == "both" else np.full(grows.size, other)
    places = _nearest(stays, others)
    inside = places >= 0
    chosen = {grows.name: np.flatnonzero(inside), stays.name: places[inside]}
    line = values.isel({dim: xr.Variable(RATE, index) for dim, index in chosen.items()}).drop_vars(["x", "y"])
    attrs = dict(grows.attrs)
    if direction == "both":
        attrs["long_name"] = "both learning rates" if start == other else f"{attrs['long_name']}, both in proportion"
    return line.assign_coords(
        {RATE: (RATE, grows.values[inside], attrs), "other": (RATE, others[inside], dict(stays.attrs))}
    )


def edge(line: xr.DataArray) -> xr.Dataset:
    """Return between which rates of a line networks turn from converging to diverging, for each seed.

    Parameters
    ----------
    line : (..., rate) bool of `along`, rates ascending

    Returns
    -------
    Dataset (...)
        lower : below it every rate of the line converges; 0 if the first one does not, infinite if all do
        upper : above it no rate converges; infinite if the last one does, 0 if none does
        crossings : how often neighbouring rates differ. With more than one, converging and diverging rates interleave
            between ``lower`` and ``upper``
    """
    rates = line[RATE].values
    between = np.sqrt(rates[1:] * rates[:-1]) if is_log(line[RATE]) else (rates[1:] + rates[:-1]) / 2
    edges = np.concatenate([[0.0], between, [np.inf]])
    good = line.transpose(..., RATE).astype(bool)
    # the number of rates before the first that diverges, and up to the last that converges
    before = good.astype(int).cumprod(RATE).sum(RATE)
    until = good.sizes[RATE] - (~good).isel({RATE: slice(None, None, -1)}).astype(int).cumprod(RATE).sum(RATE)
    attrs = line[RATE].attrs
    return xr.Dataset(
        {
            "lower": before.copy(data=edges[before.values]).assign_attrs(attrs),
            "upper": until.copy(data=edges[until.values]).assign_attrs(attrs),
            "crossings": good.astype(int).diff(RATE).astype(bool).sum(RATE),
        }
    )


def edge_interval(edges: xr.Dataset) -> xr.Dataset:
    """Return the rates between which the edge of a further seed lies with 95% probability, or as much as is certain.

    The ends are order statistics of the seeds, a prediction interval without any distribution: with n seeds the
    smallest of them lies below a further one in n of n + 1 cases. So 19 seeds are needed for 95% on one side.

    Parameters
    ----------
    edges : (seed) of `edge`

    Returns
    -------
    Dataset
        lower, upper : below the first and above the second, all networks converge, and none, in a share ``level`` of
            seeds each
        level : 0.95, or less with fewer than 19 seeds
    """
    seeds = edges.sizes[SEED]
    rank = max(int((1 - LEVEL) * (seeds + 1) + 1e-9), 1)
    lower, upper = (np.sort(edges[name].values) for name in ("lower", "upper"))
    level = 1 - rank / (seeds + 1)
    return xr.Dataset({"lower": lower[rank - 1], "upper": upper[-rank], "level": level, "seeds": seeds})


def margin(edges: xr.Dataset, rate: float) -> xr.Dataset:
    """Return how far a rate is below the edge.

    Parameters
    ----------
    edges : (seed) of `edge`
    rate : on the line

    Returns
    -------
    Dataset
        factor : by which the rate can grow with the edge still above it, in a share ``level`` of seeds; below 1 the
            rate is too large already
        share : of these seeds whose edge lies above the rate, with Wilson's interval ``_low`` and ``_high``
    """
    interval = edge_interval(edges)
    above = (edges["lower"] > rate).sum(SEED)
    low, high = share_interval(above, interval["seeds"], LEVEL)
    share = {"share": above / interval["seeds"], "share_low": low, "share_high": high}
    return xr.Dataset({"factor": interval["lower"] / rate, "level": interval["level"]} | share)


def distance_to_boundary(converged: xr.DataArray, point: tuple[float, float]) -> xr.Dataset:
    """Return how far a point (x, y) of a map with logarithmic axes is from the nearest piece of the boundary.

    Parameters
    ----------
    converged : (..., y, x) bool

    Returns
    -------
    Dataset (...)
        converged : at the pixel of the point
        factor : 10 to the power of the distance in decades, in any direction; infinite where there is no boundary
    """
    x, y = converged["x"], converged["y"]
    if not (is_log(x) and is_log(y)):
        raise InputError("The distance to the boundary needs two logarithmic axes. Use `edge` along one axis.")
    place = {"x": _nearest(x, point[:1])[0], "y": _nearest(y, point[1:])[0]}
    if min(place.values()) < 0:
        raise must_be("a point of the map", f"within {span_text(x)} by {span_text(y)}", point)
    edges = boundary(converged)
    # a block is half a pixel from the pixel that labels it
    far = [np.log10(np.sqrt(axis.values[1:] * axis.values[:-1]) / at) for axis, at in zip((x, y), point, strict=True)]
    distance = xr.DataArray(np.hypot(far[0], far[1][:, None]), dims=("y", "x"))
    nearest = distance.where(edges.drop_vars(["x", "y"])).min(["y", "x"]).fillna(np.inf)
    return xr.Dataset({"converged": converged.isel(place).drop_vars(["x", "y"]), "factor": 10**nearest})


def span_text(axis: xr.DataArray) -> str:
    """Return the ends of an axis."""
    return f"{axis.values[0]:.3g} to {axis.values[-1]:.3g}"


def _nearest(axis: xr.DataArray, values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of the nearest pixels; -1 of values more than half a pixel outside of the axis."""
    pixels, wanted = position(axis, axis.values), position(axis, values)
    number = (wanted - pixels[0]) / (pixels[-1] - pixels[0]) * (axis.size - 1)
    places = np.rint(number).astype(np.int64)
    return np.where((number >= -0.5 - 1e-9) & (number <= axis.size - 0.5 + 1e-9), places.clip(0, axis.size - 1), -1)


def has_equal_values(x: xr.DataArray, y: xr.DataArray) -> bool:
    """Tell whether two logarithmic axes have a line on which they are equal, of two pixels or more."""
    low, high = _both(x, y)
    return is_log(x) and is_log(y) and int(((x >= low) & (x <= high)).sum()) > 1


def _both(x: xr.DataArray, y: xr.DataArray) -> tuple[float, float]:
    """Return the ends of what both axes have; the first is above the second where that is nothing."""
    return float(max(x.min(), y.min())), float(min(x.max(), y.max()))


def _equal(x: xr.DataArray, y: xr.DataArray) -> tuple[float, float]:
    """Return a point with equal coordinates in the middle of those that both axes have."""
    low, high = _both(x, y)
    if low >= high:
        raise InputError(f"x ({span_text(x)}) and y ({span_text(y)}) have no equal values. Give a point of the line.")
    middle = float(np.sqrt(low * high))
    return middle, middle
