"""Which neurons take part in learning: inactive ones, dead ones, and since when."""

import numpy as np
import xarray as xr

from lrscope.analysis._layers import (
    NEURON,
    as_neurons,
    before_divergence,
    dataset,
    element_dims,
    grouped,
    in_pieces,
    join,
    labelled,
    layers,
)
from lrscope.errors import must_be, unknown
from lrscope.records import VALUES, step_dimension

ALIVE = -1
"""Value of `since` for a neuron that is not dead at the end."""


def participation(fluctuation: xr.DataArray, threshold: float = 0.1, by: str = "part") -> xr.Dataset:
    """Return how many neurons are inactive: their normalised fluctuation lies below the threshold.

    Parameters
    ----------
    fluctuation : DataArray (member, neuron), of `lrscope.analysis.fluctuation`
    threshold : below it a neuron counts as inactive
    by : ``part`` or ``layer``

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
    _check_grouping(by)
    inactive = grouped(fluctuation, by, lambda some: (some < threshold).sum(NEURON))
    neurons = grouped(fluctuation, by, lambda some: some.notnull().sum(NEURON))
    share = inactive / neurons.where(neurons > 0)
    result = {
        "inactive": labelled(inactive, fluctuation, "inactive neurons", "neurons"),
        "share": labelled(share, fluctuation, "share of inactive neurons"),
        "neurons": labelled(neurons, fluctuation, "neurons", "neurons"),
    }
    return dataset(result, fluctuation).assign_attrs(threshold=threshold)


def dead(records: xr.Dataset, bounds: tuple[float, float] | None = None, tolerance: float = 0.01) -> xr.Dataset:
    """Return which neurons are dead, and since when.

    A neuron is dead at a step if its activation is zero on every sample (ReLU and its kin). With `bounds` it is dead
    if it is saturated: its activations lie at one and the same bound on every sample.

    Parameters
    ----------
    records : records with the statistics ``min`` and ``max`` of ``activations``, or with full activations
    bounds : of a bounded activation function: (-1, 1) for tanh, (0, 1) for the logistic function
    tolerance : what counts as at the bound, as a part of the distance between the bounds

    Returns
    -------
    Dataset
        dead : (member, step, neuron) 1 if dead, 0 if not, NaN after a member diverged
        since : first recorded step (member, neuron) from which the neuron was dead to the last (or to the last before
            the member diverged); -1 if it was not dead at the end

    Raises
    ------
    InputError : activations were not recorded, or as mean and deviation only; bounds that do not ascend.
    """
    if bounds is not None and not bounds[0] < bounds[1]:
        raise must_be("bounds", "two ascending numbers, or None", bounds)
    low, high = (_extreme(records, statistic) for statistic in ("min", "max"))
    state = (low >= 0) & (high <= 0) if bounds is None else _saturated(low, high, bounds, tolerance)
    valid = before_divergence(records, state) & low.notnull().any(NEURON)
    flags = state.astype(np.float64).where(valid).transpose(*low.dims)
    result = {
        "dead": labelled(flags, records, "dead neurons"),
        "since": labelled(_since(state, valid), records, "step of death", "updates"),
    }
    return dataset(result, records)


def share(flags: xr.DataArray, by: str = "layer") -> xr.DataArray:
    """Return the share of the neurons of each layer (or part) for which something holds.

    Parameters
    ----------
    flags : DataArray (..., neuron) with the coordinates ``layer`` and ``part``: 1 or 0, or NaN where it is not known,
        e.g. the variable ``dead`` of `lrscope.analysis.dead`
    by : ``layer`` or ``part``

    Returns
    -------
    DataArray (..., by) : between 0 and 1, of the neurons that are not NaN

    Raises
    ------
    InputError : an unknown `by`.
    """
    _check_grouping(by)
    shares = grouped(flags, by, lambda some: some.mean(NEURON)).transpose(..., by)
    return labelled(shares, flags, f"share of {flags.attrs.get('long_name', 'neurons')}")


def _check_grouping(by: str) -> None:
    if by not in ("part", "layer"):
        raise unknown("by", by, ("part", "layer"))


def _extreme(records: xr.Dataset, statistic: str) -> xr.DataArray:
    """Return the smallest or the largest activation of each neuron over the samples (member, step, neuron)."""

    def of_elements(array: xr.DataArray) -> xr.DataArray:
        over = element_dims(array)
        return array.min(over, skipna=False) if statistic == "min" else array.max(over, skipna=False)

    arrays = layers(records, "activations", (statistic, VALUES))
    return join([as_neurons(in_pieces(array, of_elements), array) for array in arrays])


def _saturated(low: xr.DataArray, high: xr.DataArray, bounds: tuple[float, float], tolerance: float) -> xr.DataArray:
    margin = tolerance * (bounds[1] - bounds[0])
    return (high <= bounds[0] + margin) | (low >= bounds[1] - margin)


def _since(state: xr.DataArray, valid: xr.DataArray) -> xr.DataArray:
    dim = step_dimension(state)
    step = state[dim].drop_attrs()
    last_alive = step.where(valid & ~state).max(dim).fillna(-np.inf)
    dying = step.where(valid & state & (step > last_alive)).min(dim)
    return dying.fillna(ALIVE).astype(np.int64).transpose(..., NEURON)
