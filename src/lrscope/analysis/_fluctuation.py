"""The fluctuation of a neuron, "the spread of the spread": how much its spread moves during training."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import xarray as xr

from lrscope.analysis._layers import NEURON, before_divergence, grouped, join, labelled, layers
from lrscope.analysis._spread import STATISTICS, layer_spread
from lrscope.errors import must_be, unknown
from lrscope.records import step_dimension

Estimator = Literal["variance", "std", "iqr"]
Of = Literal["values", "changes"]
EDGES = (0.0, 0.3, 0.7, 1.0)
"""The bins of the paper's tables."""
LEAST_STEPS = 2
"""One step alone does not move."""


def fluctuation(
    records: xr.Dataset,
    quantity: str,
    estimator: Estimator = "variance",
    of: Of = "values",
    normalise: bool = True,
) -> xr.DataArray:
    """Return how much the spread of each neuron moves over the recorded steps.

    Parameters
    ----------
    records : records or a block of them, e.g. (member, step, ...)
    quantity : ``weights``, ``biases``, ``activations``, ``weight_gradients``, ``bias_gradients``, ...
    estimator : of the spread over the steps: ``variance``, ``std``, or ``iqr``, the interquartile range
    of : ``values`` of the spread, or its ``changes`` from one recorded step to the next
    normalise : divide by the largest in the neuron's part, within the same member. The result lies in [0, 1]; it is 0
        in a part where nothing moves.

    Returns
    -------
    DataArray (member, neuron) : with the coordinates ``layer``, ``part``, ``index`` along ``neuron``, and
        ``steps_used`` along ``member``: a member that diverged is judged by the steps before. NaN where these are
        fewer than two.

    Raises
    ------
    InputError : the quantity was not recorded; an unknown estimator.

    References
    ----------
    Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025), section 4.2.
    The variance of the spread is the reading that reproduces the tables of its appendix best.
    """
    _check(estimator, of)
    moved = [_of_layer(records, array, estimator, of) for array in layers(records, quantity, STATISTICS)]
    steps_used = xr.concat([array["steps_used"] for array in moved], "layer", coords="minimal", compat="override")
    joined = join([array.drop_vars("steps_used") for array in moved])
    joined = joined.assign_coords(steps_used=steps_used.min("layer"))
    kind = f"fluctuation of {quantity.replace('_', ' ')}"
    if normalise:
        return labelled(_normalised(joined), records, f"normalised {kind}")
    return labelled(joined, records, kind)


def binned(fluctuation: xr.DataArray, edges: Sequence[float] = EDGES) -> xr.DataArray:
    """Return how many neurons of each part lie in each bin.

    Parameters
    ----------
    fluctuation : DataArray (member, neuron) with the coordinate ``part``, of `fluctuation`
    edges : of the bins, ascending. A bin holds its lower edge, the last one also its upper edge.

    Returns
    -------
    DataArray (member, part, bin) : with the edges ``lower`` and ``upper`` along ``bin``. Neurons that are NaN are
        in no bin.

    Raises
    ------
    InputError : the edges do not ascend, or there are fewer than two.
    """
    limits = np.asarray(edges, dtype=float)
    if len(limits) < 2 or not (np.diff(limits) > 0).all():
        raise must_be("edges", "two or more ascending numbers", list(edges))
    lower, upper = (xr.DataArray(ends, dims="bin") for ends in (limits[:-1], limits[1:]))
    last = lower == limits[-2]

    def count(neurons: xr.DataArray) -> xr.DataArray:
        inside: xr.DataArray = (neurons >= lower) & ((neurons < upper) | (last & (neurons == upper)))
        return inside.sum(NEURON)

    labels = [f"{start:g} to {end:g}" for start, end in pairwise(limits)]
    counts = grouped(fluctuation, "part", count).transpose(..., "part", "bin")
    counts = counts.assign_coords(bin=labels, lower=("bin", limits[:-1]), upper=("bin", limits[1:]))
    counts["bin"].attrs["long_name"] = fluctuation.attrs.get("long_name", "bin")
    return labelled(counts, fluctuation, "number of neurons", "neurons")


def _check(estimator: str, of: str) -> None:
    if estimator not in _ESTIMATORS:
        raise unknown("estimator", estimator, _ESTIMATORS)
    if of not in ("values", "changes"):
        raise unknown("of", of, ("values", "changes"))


def _of_layer(records: xr.Dataset, array: xr.DataArray, estimator: str, of: str) -> xr.DataArray:
    values = layer_spread(array)
    dim = step_dimension(values)
    values = values.where(before_divergence(records, values))
    if of == "changes":
        values = values.diff(dim)
    used = values.notnull().any(NEURON).sum(dim)
    used.attrs = {"long_name": "steps used", "units": "steps"}
    values = values.where(used > 0, 0)
    moved = _ESTIMATORS[estimator](values, dim)
    moved = moved.where(values.max(dim) > values.min(dim), 0)  # exactly zero, without the rounding of a mean
    return moved.where(used >= LEAST_STEPS).assign_coords(steps_used=used)


def _interquartile_range(values: xr.DataArray, dim: str) -> xr.DataArray:
    lower, upper = (values.quantile(level, dim).drop_vars("quantile") for level in (0.25, 0.75))
    return xr.DataArray(upper - lower)


_ESTIMATORS: dict[str, Callable[[xr.DataArray, str], xr.DataArray]] = {
    "variance": lambda values, dim: values.var(dim),
    "std": lambda values, dim: values.std(dim),
    "iqr": _interquartile_range,
}


def _normalised(moved: xr.DataArray) -> xr.DataArray:
    for part in dict.fromkeys(moved["part"].values.tolist()):
        of_part = moved["part"] == part
        largest = moved.where(of_part).max(NEURON)
        moved = xr.where(of_part & (largest > 0), moved / largest.where(largest > 0), moved, keep_attrs=False)
    return moved.transpose(..., NEURON)
