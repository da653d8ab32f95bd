"""Hidden neurons that are duplicates of each other: how similar each pair is, since when and until when."""

import numpy as np
import xarray as xr

from lrscope.records import step_dimension

THRESHOLD = 0.99
"""Two neurons of this similarity or more are duplicates."""


def similarity(records: xr.Dataset) -> xr.DataArray:
    """Return how similar the incoming weights (with the bias) of each two hidden neurons are, between 0 and 1.

    Of neurons with the incoming weights and bias a and b it is ``2 |a·b| / (|a|² + |b|²)``: 1 for a = b and a = -b,
    since a sigmoid neuron with the opposite weights is the same function up to its sign and a constant. Neurons whose
    weights are all zero are similar to none.

    Parameters
    ----------
    records : records with ``weights_hidden`` and ``biases_hidden``

    Returns
    -------
    DataArray (member, step of the weights, pair) : with names such as "0 and 1" along `pair`; NaN after a divergence
    """
    weights = records["weights_hidden"].rename(neuron_hidden="neuron", input_hidden="element").astype(float)
    biases = records["biases_hidden"].rename(neuron_hidden="neuron").astype(float)
    vectors = xr.concat([weights, biases.expand_dims("element")], "element")
    largest = abs(vectors).max(["neuron", "element"])
    vectors = vectors / largest.where(largest > 0, 1)  # first, so that no square overflows
    pairs = np.triu_indices(vectors.sizes["neuron"], 1)
    one, other = (vectors.isel(neuron=xr.DataArray(numbers, dims="pair")) for numbers in pairs)
    product = abs((one * other).sum("element", skipna=False))
    lengths = (one**2 + other**2).sum("element", skipna=False)
    result = (2 * product / lengths.where(lengths != 0, 1)).transpose(..., "pair")
    names = np.array([f"{first} and {second}" for first, second in zip(*pairs, strict=True)], dtype=object)
    attrs = {"long_name": "similarity of neurons", "units": "1"}
    return result.assign_coords(pair=names).assign_attrs(attrs).rename("similarity")


def duplicates(similar: xr.DataArray) -> xr.Dataset:
    """Return when the pairs of one network became duplicates, and when they parted.

    Parameters
    ----------
    similar : DataArray (step, pair) of `similarity`

    Returns
    -------
    Dataset (pair) of those that ever were duplicates
        merged, parted : updates; first recorded step at which they are duplicates, and the step from which on they no
            longer are; -1 if they are until the end
        last : similarity at the end
    """
    dim = step_dimension(similar)
    together = similar >= THRESHOLD
    step = similar[dim].drop_attrs()
    last = step.where(together).max(dim)
    parted = step.where(step > last).min(dim).fillna(-1)
    merged = step.where(together).min(dim)
    result = xr.Dataset({"merged": merged, "parted": parted, "last": similar.isel({dim: -1}, drop=True)})
    return result.isel(pair=np.flatnonzero(together.any(dim)))
