"""How much neurons move, and which take part in learning.

The *fluctuation* of a neuron is "the spread of the spread": how much its spread moves during training.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import xarray as xr

from lrscope.analysis._layers import (
    NEURON,
    STATISTICS,
    as_neurons,
    before_divergence,
    check_grouping,
    dataset,
    element_dims,
    grouped,
    in_pieces,
    join,
    labelled,
    layer_spread,
    layers,
)
from lrscope.errors import must_be
from lrscope.records import VALUES, step_dimension

EDGES = (0.0, 0.3, 0.7, 1.0)
"""The bins of the paper's tables."""


def fluctuation(records: xr.Dataset, quantity: str, normalise: bool = True) -> xr.DataArray:
    """Return how much the spread of each neuron moves over the recorded steps: its variance.

    Parameters
    ----------
    records : records or a block of them, e.g. (member, step, ...)
    quantity : ``weights``, ``biases``, ``activations``, ``weight_gradients``, ``bias_gradients``, ...
    normalise : divide by the largest in the neuron's module, within the same member. The result lies in [0, 1]; it is 0
        in a module where nothing moves.

    Returns
    -------
    DataArray (member, neuron) : with the coordinates ``layer``, ``module``, ``index`` along ``neuron``, and
        ``steps_used`` along ``member``: a member that diverged is judged by the steps before. NaN where these are
        fewer than two.

    Raises
    ------
    InputError : the quantity was not recorded.

    References
    ----------
    Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025), section 4.2.
    The variance of the spread is the reading that reproduces the tables of its appendix best.
    """
    moved = [_of_layer(records, array) for array in layers(records, quantity, STATISTICS)]
    steps_used = xr.concat([array["steps_used"] for array in moved], "layer", coords="minimal", compat="override")
    joined = join([array.drop_vars("steps_used") for array in moved])
    joined = joined.assign_coords(steps_used=steps_used.min("layer"))
    kind = f"fluctuation of {quantity.replace('_', ' ')}"
    if normalise:
        return labelled(_normalised(joined), records, f"normalised {kind}")
    return labelled(joined, records, kind)


def binned(fluctuation: xr.DataArray, edges: Sequence[float] = EDGES) -> xr.DataArray:
    """Return how many neurons of each module lie in each bin.

    Parameters
    ----------
    fluctuation : DataArray (member, neuron) with the coordinate ``module``, of `fluctuation`
    edges : of the bins, ascending. A bin holds its lower edge, the last one also its upper edge.

    Returns
    -------
    DataArray (member, module, bin) : with the edges ``lower`` and ``upper`` along ``bin``. Neurons that are NaN are
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
    counts = grouped(fluctuation, "module", count).transpose(..., "module", "bin")
    counts = counts.assign_coords(bin=labels, lower=("bin", limits[:-1]), upper=("bin", limits[1:]))
    counts["bin"].attrs["long_name"] = fluctuation.attrs.get("long_name", "bin")
    return labelled(counts, fluctuation, "number of neurons", "neurons")


def participation(fluctuation: xr.DataArray, threshold: float = 0.1, by: str = "module") -> xr.Dataset:
    """Return how many neurons are inactive: their normalised fluctuation lies below the threshold.

    Parameters
    ----------
    fluctuation : DataArray (member, neuron), of `fluctuation`
    threshold : below it a neuron counts as inactive
    by : ``module`` or ``layer``

    Returns
    -------
    Dataset with the dimensions (member, by)
        inactive : number of neurons below the threshold
        share : the same divided by the number of neurons; NaN where the fluctuation is
        neurons : how many have a fluctuation

    Raises
    ------
    InputError : the threshold is not a number, or `by` is unknown.
    """
    if not np.isfinite(threshold):
        raise must_be("threshold", "a finite number", threshold)
    check_grouping(by)
    inactive = grouped(fluctuation, by, lambda some: (some < threshold).sum(NEURON))
    neurons = grouped(fluctuation, by, lambda some: some.notnull().sum(NEURON))
    share = inactive / neurons.where(neurons > 0)
    result = {
        "inactive": labelled(inactive, fluctuation, "inactive neurons", "neurons"),
        "share": labelled(share, fluctuation, "share of inactive neurons"),
        "neurons": labelled(neurons, fluctuation, "neurons", "neurons"),
    }
    return dataset(result, fluctuation).assign_attrs(threshold=threshold)


def dead(records: xr.Dataset, bounds: tuple[float, float] | None = None, tolerance: float = 0.01) -> xr.DataArray:
    """Return which neurons are dead at each recorded step.

    A neuron is dead at a step if its activation is zero on every sample (ReLU and its kin). With `bounds` it is dead
    if it is saturated: its activations lie at one and the same bound on every sample.

    Parameters
    ----------
    records : records with the statistics ``min`` and ``max`` of ``activations``, or with full activations
    bounds : of a bounded activation function: (-1, 1) for tanh, (0, 1) for the logistic function
    tolerance : what counts as at the bound, as a part of the distance between the bounds

    Returns
    -------
    DataArray (member, step, neuron) : 1 if dead, 0 if not, NaN after a member diverged

    Raises
    ------
    InputError : activations were not recorded, or as mean and deviation only; bounds that do not ascend.
    """
    if bounds is not None and not bounds[0] < bounds[1]:
        raise must_be("bounds", "two ascending numbers, or None", bounds)
    low, high = (_extreme(records, statistic) for statistic in ("min", "max"))
    if bounds is None:
        state = (low >= 0) & (high <= 0)
    else:
        margin = tolerance * (bounds[1] - bounds[0])
        state = (high <= bounds[0] + margin) | (low >= bounds[1] - margin)
    valid = before_divergence(records, state) & low.notnull().any(NEURON)
    flags = state.astype(np.float64).where(valid).transpose(*low.dims)
    return labelled(flags, records, "dead neurons")


def share(flags: xr.DataArray) -> xr.DataArray:
    """Return the share of the neurons of each layer for which something holds.

    Parameters
    ----------
    flags : DataArray (..., neuron) with the coordinates ``layer`` and ``module``: 1 or 0, or NaN where it is not known,
        e.g. of `lrscope.analysis.dead`

    Returns
    -------
    DataArray (..., layer) : between 0 and 1, of the neurons that are not NaN
    """
    shares = grouped(flags, "layer", lambda some: some.mean(NEURON)).transpose(..., "layer")
    return labelled(shares, flags, f"share of {flags.attrs.get('long_name', 'neurons')}")


def _of_layer(records: xr.Dataset, array: xr.DataArray) -> xr.DataArray:
    values = layer_spread(array)
    dim = step_dimension(values)
    values = values.where(before_divergence(records, values))
    used = values.notnull().any(NEURON).sum(dim)
    used.attrs = {"long_name": "steps used", "units": "steps"}
    values = values.where(used > 0, 0)
    moved = values.var(dim)
    moved = moved.where(values.max(dim) > values.min(dim), 0)  # exactly zero, without the rounding of a mean
    return moved.where(used >= 2).assign_coords(steps_used=used)


def _normalised(moved: xr.DataArray) -> xr.DataArray:
    for module in dict.fromkeys(moved["module"].values.tolist()):
        of_module = moved["module"] == module
        largest = moved.where(of_module).max(NEURON)
        moved = xr.where(of_module & (largest > 0), moved / largest.where(largest > 0), moved, keep_attrs=False)
    return moved.transpose(..., NEURON)


def _extreme(records: xr.Dataset, statistic: str) -> xr.DataArray:
    """Return the smallest or the largest activation of each neuron over the samples (member, step, neuron)."""

    def of_elements(array: xr.DataArray) -> xr.DataArray:
        over = element_dims(array)
        return array.min(over, skipna=False) if statistic == "min" else array.max(over, skipna=False)

    arrays = layers(records, "activations", (statistic, VALUES))
    return join([as_neurons(in_pieces(array, of_elements), array) for array in arrays])
