"""The spread of a neuron: how far apart the elements that belong to it lie."""

import numpy as np
import xarray as xr

from lrscope.analysis._layers import as_neurons, element_dims, join, labelled, layers
from lrscope.records import STD, VALUES

STATISTICS = (STD, VALUES)
"""What the spread is taken from: recorded as such, else computed of the values."""
ROW_ELEMENTS = 2**17
"""Elements of which deviations are computed at once: 1 MiB in float64."""


def spread(records: xr.Dataset, quantity: str) -> xr.DataArray:
    """Return the spread of each neuron at each recorded step.

    The standard deviation (of the population) of the elements that belong to the neuron: its incoming weights, their
    gradients, its activations over the samples. The absolute value where there is one element only: a bias, the
    weight of a layer with one input. A recorded spread or standard deviation is taken as it is.

    Parameters
    ----------
    records : records or a block of them, e.g. (member, step, ...)
    quantity : ``weights``, ``biases``, ``activations``, ``weight_gradients``, ``bias_gradients``, ...

    Returns
    -------
    DataArray (member, step, neuron) : all layers in one dimension, with the coordinates ``layer``, ``part`` and
        ``index`` (number in the layer); the unit is the quantity's. NaN after a member diverged.

    Raises
    ------
    InputError : the quantity was not recorded, or its layers were recorded at different cadences.
    """
    arrays = list(layers(records, quantity, STATISTICS))
    joined = join([layer_spread(array) for array in arrays])
    return labelled(joined, records, f"spread of {quantity.replace('_', ' ')}", arrays[0].attrs["units"])


def layer_spread(array: xr.DataArray) -> xr.DataArray:
    """Return the spread (member, step, neuron) of one recorded variable, which is read once and not kept."""
    dims = element_dims(array)
    values = array.compute()
    if array.attrs["statistic"] != VALUES:
        return as_neurons(values.astype(np.float64), array)
    if all(array.sizes[dim] == 1 for dim in dims):
        return as_neurons(abs(values.squeeze(dims).astype(np.float64)), array)
    rows = values.transpose(..., *dims)
    kept = rows.isel(dict.fromkeys(dims, 0), drop=True)
    count = int(np.prod([array.sizes[dim] for dim in dims]))
    return as_neurons(kept.copy(data=_deviation(rows.values.reshape(-1, count)).reshape(kept.shape)), array)


def _deviation(rows: np.ndarray) -> np.ndarray:
    """Return the deviation of each row, in float64.

    A few rows at a time: what fits into the cache takes a third of the time of an array that does not.
    """
    deviations = np.empty(len(rows))
    at_once = max(1, ROW_ELEMENTS // rows.shape[1])
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once].astype(np.float64)
        some -= some.mean(1)[:, np.newaxis]
        deviations[start : start + at_once] = np.sqrt(np.einsum("re,re->r", some, some) / some.shape[1])
    return deviations
