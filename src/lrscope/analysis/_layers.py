"""From one variable a layer to one array over all neurons, or to one value a layer."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xarray as xr

from lrscope.errors import must_be, unknown
from lrscope.records import DIVERGED_AT, STD, VALUES, identifier, of_quantity, step_dimension

NEURON = "neuron"
STATISTICS = (STD, VALUES)
"""What the spread is taken from: recorded as such, else computed of the values."""
ROW_ELEMENTS = 2**17
"""Elements of which deviations are computed at once: 1 MiB in float64."""
GRADIENTS = ("weight_gradients", "bias_gradients")
PIECE_BYTES = 2**24
"""A variable is reduced in pieces of about so many bytes, since the temporaries of a reduction are twice as large."""


def layers(records: xr.Dataset, quantity: str, statistics: Sequence[str]) -> Iterator[xr.DataArray]:
    """Yield one variable a layer: the one whose statistic comes first in `statistics`; others are passed over."""
    chosen: dict[str, xr.DataArray] = {}
    recorded = of_quantity(records, quantity)
    for statistic in statistics:
        for array in recorded:
            if array.attrs["statistic"] == statistic:
                chosen.setdefault(array.attrs["layer"], array)
    if not chosen:
        recorded_as = ", ".join(dict.fromkeys(array.attrs["statistic"] for array in recorded))
        allowed = f"recorded with one of the statistics {', '.join(statistics)}"
        raise must_be(quantity, allowed, recorded_as, "Record it with a probe that keeps one of them.")
    in_order = dict.fromkeys(array.attrs["layer"] for array in recorded)
    return (chosen[layer] for layer in in_order if layer in chosen)


def element_dims(array: xr.DataArray) -> list[str]:
    """Return the dimensions of the elements that belong to one neuron: inputs, or samples."""
    own = [str(dim) for dim in array.dims[array.dims.index(step_dimension(array)) + 1 :]]
    return [dim for dim in own if dim != _neuron_dim(array)]


def in_pieces(array: xr.DataArray, reduction: Callable[[xr.DataArray], xr.DataArray]) -> xr.DataArray:
    """Return `reduction(array)`, computed in float64 for a range of steps at a time.

    The variable is read once and dropped; what a lazily opened Dataset holds stays lazy.
    """
    dim = step_dimension(array)
    values = array.compute()
    length = max(1, PIECE_BYTES * values.sizes[dim] // max(1, values.nbytes))
    pieces = [
        reduction(values.isel({dim: slice(start, start + length)}).astype(np.float64))
        for start in range(0, values.sizes[dim], length)
    ]
    return xr.concat(pieces, dim, coords="minimal", compat="override") if len(pieces) > 1 else pieces[0]


def as_neurons(array: xr.DataArray, layer: xr.DataArray) -> xr.DataArray:
    """Return `array`, reduced from the variable `layer`, with its neurons along ``neuron`` and labelled."""
    named = array.rename({_neuron_dim(layer): NEURON})
    count = named.sizes[NEURON]
    return named.assign_coords(
        layer=(NEURON, [layer.attrs["layer"]] * count),
        module=(NEURON, [layer.attrs["module"]] * count),
        index=(NEURON, np.arange(count), {"long_name": "neuron of the layer"}),
    )


def join(arrays: Sequence[xr.DataArray]) -> xr.DataArray:
    """Return the layers' arrays as one, joined along ``neuron``, which comes last."""
    cadences = {str(dim) for array in arrays for dim in array.dims if str(dim).startswith("step")}
    if len(cadences) > 1:
        allowed = "recorded at one cadence in all layers"
        raise must_be("the quantity", allowed, sorted(cadences), "Drop the variables of the other cadence.")
    joined = xr.concat(arrays, NEURON, coords="minimal", compat="override", join="exact")
    return joined.transpose(..., NEURON)


def by_neuron(records: xr.Dataset, quantity: str, statistic: str) -> xr.DataArray:
    """Return a recorded statistic of all layers in one array.

    Parameters
    ----------
    records : records or a block of them
    quantity, statistic : as in the records, e.g. ``activations`` and ``active``

    Returns
    -------
    DataArray (member, step, neuron) : with the coordinates ``layer``, ``module`` and ``index`` along ``neuron``

    Raises
    ------
    InputError : it was not recorded.
    """
    arrays = list(layers(records, quantity, [statistic]))
    joined = join([as_neurons(array.compute(), array) for array in arrays])
    return labelled(joined, records, arrays[0].attrs["long_name"], arrays[0].attrs["units"])


def arranged(values: xr.DataArray) -> xr.DataArray:
    """Return the neurons of each layer in descending order of their mean over the steps, for a heat map.

    Parameters
    ----------
    values : DataArray (step, neuron) of one member, of `by_neuron` or `lrscope.analysis.spread`

    Returns
    -------
    DataArray (step, neuron) : the layers in the order of the network; ``index`` still tells which neuron it is
    """
    mean = values.mean(step_dimension(values))
    layers_in_order = dict.fromkeys(values["layer"].values.tolist())
    places = [np.flatnonzero(values["layer"].values == layer) for layer in layers_in_order]
    return values.isel({NEURON: np.concatenate([where[np.argsort(-mean.values[where])] for where in places])})


def labelled(array: xr.DataArray, source: xr.Dataset | xr.DataArray, long_name: str, units: str = "1") -> xr.DataArray:
    """Return `array` with its name and unit, and with the axes of the sweep, which `lrscope.records.on_grid` reads."""
    axes = {"axes": source.attrs["axes"]} if "axes" in source.attrs else {}
    result = array.copy(deep=False)
    result.attrs = {"long_name": long_name, "units": units} | axes
    return result.rename(long_name.replace(" ", "_"))


def dataset(arrays: dict[str, xr.DataArray], source: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Return the arrays as a Dataset that knows the axes of the sweep."""
    axes = {"axes": source.attrs["axes"]} if "axes" in source.attrs else {}
    return xr.Dataset(arrays, attrs=axes)


def grouped(array: xr.DataArray, coordinate: str, reduction: Callable[[xr.DataArray], xr.DataArray]) -> xr.DataArray:
    """Return `reduction` of the neurons of each module or layer, along a dimension of that name.

    Parts and layers keep the order of the network.
    """
    labels = list(dict.fromkeys(array[coordinate].values.tolist()))
    selected = [array.isel({NEURON: np.flatnonzero(array[coordinate].values == label)}) for label in labels]
    groups = [reduction(neurons) for neurons in selected]
    joined = xr.concat(groups, coordinate, coords="minimal", compat="override").assign_coords({coordinate: labels})
    if coordinate == "layer":
        joined = joined.assign_coords(module=("layer", [str(neurons["module"].values[0]) for neurons in selected]))
    joined[coordinate].attrs["long_name"] = coordinate
    return joined


def check_grouping(by: str | None) -> None:
    """Raise an error for a `by` that is neither ``module`` nor ``layer``."""
    if by not in ("module", "layer"):
        raise unknown("by", str(by), ("module", "layer"))


def recorded(records: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable, read once."""
    if name not in records:
        remedy = f"Record {name} with its probe."
        raise must_be("records", f"records with {name}", sorted(map(str, records)), remedy)
    return records[name].compute()


def before_divergence(records: xr.Dataset, array: xr.DataArray) -> xr.DataArray:
    """Tell for each member and step of `array` whether the member had not diverged yet (member, step)."""
    dim = step_dimension(array)
    if DIVERGED_AT not in records:
        return xr.ones_like(array[dim], dtype=bool)
    diverged_at = records[DIVERGED_AT].compute()
    diverged_at = diverged_at.max(step_dimension(diverged_at))
    return ~(diverged_at >= 0) | (array[dim] < diverged_at)


def _neuron_dim(array: xr.DataArray) -> str:
    """Return the dimension of the neurons: that of the layer, or the parameters' own where theirs are others."""
    of_layer = f"{NEURON}_{identifier(array.attrs['layer'])}"
    return next((str(dim) for dim in array.dims if str(dim).startswith(f"{NEURON}_")), of_layer)


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
    DataArray (member, step, neuron) : all layers in one dimension, with the coordinates ``layer``, ``module`` and
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
    """Return the deviation of each row, in float64."""
    deviations = np.empty(len(rows))
    # a few rows at a time: what fits into the cache takes a third of the time of an array that does not
    at_once = max(1, ROW_ELEMENTS // rows.shape[1])
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once].astype(np.float64)
        some -= some.mean(1)[:, np.newaxis]
        deviations[start : start + at_once] = np.sqrt(np.einsum("re,re->r", some, some) / some.shape[1])
    return deviations


def layer_norms(records: xr.Dataset, quantities: Sequence[str] = GRADIENTS) -> xr.DataArray:
    """Return the Euclidean norm of each layer's gradient, or of other quantities, at each recorded step.

    The squares of the layers add up to the square of the norm of the whole gradient, if all of it was recorded.

    Parameters
    ----------
    records : records or a block of them, with the values (not the spread) of the quantities
    quantities : counted together in a layer, e.g. the gradients of its weights and of its biases

    Returns
    -------
    DataArray (member, step, layer) : with the coordinate ``module`` along ``layer``; NaN after a member diverged

    Raises
    ------
    InputError : none of it was recorded, or only spreads of it, or at different cadences.
    """
    arrays = [array for quantity in quantities for array in layers(records, quantity, [VALUES])]
    squares = join(
        [
            as_neurons(in_pieces(array, lambda one: (one**2).sum(element_dims(one), skipna=False)), array)
            for array in arrays
        ]
    )
    joined = grouped(squares, "layer", lambda some: some.sum(NEURON, skipna=False))
    name = " and ".join(quantity.replace("_", " ") for quantity in quantities)
    return labelled((joined**0.5).transpose(..., "layer"), records, f"norm of the {name}", arrays[0].attrs["units"])
