"""How long a quantity is in each layer: its Euclidean norm over everything that belongs to the layer."""

from collections.abc import Sequence

import xarray as xr

from lrscope.analysis._layers import NEURON, as_neurons, element_dims, in_pieces, join, labelled, layers
from lrscope.records import VALUES

GRADIENTS = ("weight_gradients", "bias_gradients")


def layer_norms(records: xr.Dataset, quantities: Sequence[str] = GRADIENTS) -> xr.DataArray:
    """Return the Euclidean norm of each layer's gradient, or of other quantities, at each recorded step.

    The squares of the layers add up to the square of the norm of the whole gradient, if all of it was recorded.

    Parameters
    ----------
    records : records or a block of them, with the values (not the spread) of the quantities
    quantities : counted together in a layer, e.g. the gradients of its weights and of its biases

    Returns
    -------
    DataArray (member, step, layer) : with the coordinate ``part`` along ``layer``; NaN after a member diverged

    Raises
    ------
    InputError : none of it was recorded, or only spreads of it, or at different cadences.
    """
    arrays = [array for quantity in quantities for array in layers(records, quantity, [VALUES])]
    squares = join([as_neurons(in_pieces(array, _squared), array) for array in arrays])
    names = squares["layer"].values
    groups = {name: squares.isel({NEURON: names == name}).sum(NEURON, skipna=False) for name in dict.fromkeys(names)}
    joined = xr.concat(list(groups.values()), "layer", coords="minimal", compat="override")
    parts = {array.attrs["layer"]: array.attrs["part"] for array in arrays}
    joined = joined.assign_coords(layer=list(groups), part=("layer", [parts[name] for name in groups]))
    name = " and ".join(quantity.replace("_", " ") for quantity in quantities)
    return labelled((joined**0.5).transpose(..., "layer"), records, f"norm of the {name}", arrays[0].attrs["units"])


def _squared(array: xr.DataArray) -> xr.DataArray:
    return (array**2).sum(element_dims(array), skipna=False)
