"""The spread of a neuron: how far apart the elements that belong to it lie."""

import xarray as xr

from lrscope.analysis._layers import as_neurons, element_dims, in_pieces, join, labelled, layers
from lrscope.records import STD, VALUES

STATISTICS = (STD, VALUES)
"""What the spread is taken from: recorded as such, else computed of the values."""


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
    found = list(layers(records, quantity, STATISTICS))
    joined = join([layer_spread(array) for array in found])
    return labelled(joined, records, f"spread of {quantity.replace('_', ' ')}", found[0].attrs["units"])


def layer_spread(array: xr.DataArray) -> xr.DataArray:
    """Return the spread (member, step, neuron) of one recorded variable."""
    return as_neurons(in_pieces(array, _of_elements), array)


def _of_elements(array: xr.DataArray) -> xr.DataArray:
    dims = element_dims(array)
    if array.attrs["statistic"] != VALUES:
        return array
    if all(array.sizes[dim] == 1 for dim in dims):
        return abs(array.squeeze(dims))
    return array.std(dims, skipna=False)
