"""Neurons that are copies of each other: how alike the weights of a layer's neurons are, when pairs merge and part.

Two neurons with the same incoming weights and bias compute the same; those that also go out with the same weights get
the same gradient, and stay equal for ever. Small initial weights bring neurons close to this, and what drives them
apart is what makes the second one useful.
"""

import numpy as np
import xarray as xr

from lrscope.analysis._layers import NEURON, dataset, labelled
from lrscope.errors import must_be, unknown
from lrscope.records import VALUES, identifier, of_quantity, quantities, step_dimension

OTHER = "other"
"""Dimension of the second neuron of a pair."""
NEVER = -1
SIGN, SIGN_AND_SCALE = "sign", "sign and scale"


def similarity(records: xr.Dataset, layer: str, outgoing: str | None = None, up_to: str = SIGN) -> xr.DataArray:
    """Return how alike each two neurons of a layer are at each recorded step, between 0 and 1.

    Of two neurons with the incoming weights and bias a and b:

    ``up_to="sign"``
        ``2 |a·b| / (|a|² + |b|²)``: 1 if a = b or a = -b. This is the cosine times what the lengths differ. A sigmoid
        or tanh neuron with the opposite weights is the same function up to its sign and a constant; one with weights
        twice as large is not.
    ``up_to="sign and scale"``
        ``|a·b| / (|a| |b|)``, the absolute cosine: 1 if a and b are multiples of each other. A ReLU neuron with weights
        twice as large is the same function up to its scale. With one input and a bias this sees where a neuron has
        its threshold, and not how steep it is.

    Neurons whose weights are all zero are like no other.

    Parameters
    ----------
    records : records with the ``weights`` of the layer, and its ``biases`` if there are
    layer : its name in the records, e.g. ``encoder.0``
    outgoing : the next layer; if given, weights towards it must be as alike, by the same formula (the smaller one of
        the two counts). Where it has one neuron, the cosine of outgoing weights is 1 whatever they are
    up_to : ``sign`` or ``sign and scale``

    Returns
    -------
    DataArray (member, step, neuron, other) : at the steps of the weights; NaN after a member diverged

    Raises
    ------
    InputError : a layer whose weights were not recorded as values, an `outgoing` whose inputs are not the neurons of
        the layer, or an unknown `up_to`.
    """
    if up_to not in (SIGN, SIGN_AND_SCALE):
        raise unknown("up_to", up_to, (SIGN, SIGN_AND_SCALE))
    incoming, *outgoing_too = (_alike(vectors, up_to) for vectors in _features(records, layer, outgoing))
    alike = incoming.where(incoming <= outgoing_too[0], outgoing_too[0]) if outgoing_too else incoming
    return labelled(alike, records, f"similarity of neurons in {layer}").rename("similarity")


def duplicates(
    records: xr.Dataset, layer: str, outgoing: str | None = None, up_to: str = SIGN, threshold: float = 0.99
) -> xr.Dataset:
    """Return which neurons of a layer are duplicates, and since when and until when.

    Neurons belong to one group if a chain of pairs leads from one to the other, each at least as alike as the
    threshold. With two or three elements a neuron (one input and a bias), even neurons drawn at random are often
    alike; watch the number of groups over the steps rather than at one.

    Parameters
    ----------
    records, layer, outgoing, up_to : as in `similarity`
    threshold : above 0, at most 1

    Returns
    -------
    Dataset
        group : (member, step, neuron) the lowest number of a neuron of its group; NaN after the member diverged
        groups : (member, step) how many groups there are, those of a single neuron included; NaN as above
        merged : (member, neuron, other) updates; first recorded step at which the pair is in one group; -1 for never
        parted : (member, neuron, other) updates; first recorded step from which on it is not any more, to the end; -1
            if it is at the last (or never was)

    Raises
    ------
    InputError : as in `similarity`; a threshold out of range.
    """
    if not 0 < threshold <= 1:
        raise must_be("threshold", "above 0 and at most 1", threshold)
    alike = similarity(records, layer, outgoing, up_to)
    dim = step_dimension(alike)
    group = _groups(alike, threshold)
    index = xr.DataArray(np.arange(group.sizes[NEURON]), dims=NEURON)
    count = (group == index).sum(NEURON).where(group.notnull().all(NEURON))
    merged, parted = _together(group, dim)
    result = {
        "group": labelled(group, records, "group of the neuron"),
        "groups": labelled(count, records, "groups of neurons", "neurons"),
        "merged": labelled(merged, records, "step at which a pair merged", "updates"),
        "parted": labelled(parted, records, "step at which a pair parted", "updates"),
    }
    return dataset(result, records)


def _features(records: xr.Dataset, layer: str, outgoing: str | None) -> list[xr.DataArray]:
    """Return vectors (member, step, neuron, element) of incoming weights with bias, and of outgoing weights."""
    incoming = _of_layer(records, "weights", layer)
    own, inputs = f"{NEURON}_{identifier(layer)}", str(incoming.dims[-1])
    vectors = incoming.rename({own: NEURON, inputs: "element"})
    if "biases" in quantities(records) and layer in _layers(records, "biases"):
        bias = _of_layer(records, "biases", layer).rename({own: NEURON})
        vectors = xr.concat([vectors, bias.expand_dims("element")], "element")
    if outgoing is None:
        return [vectors]
    return [vectors, _outgoing(_of_layer(records, "weights", outgoing), outgoing, vectors.sizes[NEURON])]


def _outgoing(weights: xr.DataArray, layer: str, neurons: int) -> xr.DataArray:
    """Return the weights that lead away from each neuron; a convolution takes several of them from one channel."""
    inputs = str(weights.dims[-1])
    taps, rest = divmod(weights.sizes[inputs], neurons)
    if rest or not taps:
        allowed = f"a layer whose inputs are the {neurons} neurons of the layer before"
        raise must_be("outgoing", allowed, layer, f"It has {weights.sizes[inputs]} inputs.")
    apart = weights.coarsen({inputs: taps}).construct({inputs: (NEURON, "tap")})
    vectors: xr.DataArray = apart.stack(element=(f"{NEURON}_{identifier(layer)}", "tap"), create_index=False)
    return vectors


def _alike(vectors: xr.DataArray, up_to: str) -> xr.DataArray:
    """Return the similarity (member, step, neuron, other) of vectors (member, step, neuron, element)."""
    vectors = vectors.astype(float)
    largest = abs(vectors).max("element", skipna=False)
    scaled = vectors / largest.where(largest != 0, 1.0)  # first, so that no square over- or underflows
    length = (scaled**2).sum("element", skipna=False) ** 0.5
    unit = scaled / length.where(length != 0, 1.0)
    alike: xr.DataArray = abs(xr.dot(unit, unit.rename({NEURON: OTHER}), dim="element"))
    if up_to == SIGN:
        alike = alike * _of_lengths(largest * length)
    return alike.clip(0, 1).transpose(..., NEURON, OTHER)


def _of_lengths(length: xr.DataArray) -> xr.DataArray:
    """Return ``2 |a| |b| / (|a|² + |b|²)`` (member, step, neuron, other): the similarity of parallel vectors."""
    other = length.rename({NEURON: OTHER})
    longer = xr.where(length >= other, length, other)
    ratio = xr.where(length >= other, other, length) / longer.where(longer != 0, 1.0)
    similar: xr.DataArray = 2 * ratio / (1 + ratio**2)
    return similar


def _groups(alike: xr.DataArray, threshold: float) -> xr.DataArray:
    """Return the lowest number in the group of each neuron (member, step, neuron), NaN where nothing is known."""
    other = xr.DataArray(np.arange(alike.sizes[OTHER], dtype=float), dims=OTHER)
    itself = other == other.rename({OTHER: NEURON})
    linked = (alike >= threshold) | itself
    lowest = other.where(linked).min(OTHER)
    while True:
        handed_on = lowest.rename({NEURON: OTHER}).where(linked).min(OTHER)
        if handed_on.equals(lowest):
            break
        lowest = handed_on
    group: xr.DataArray = lowest.where(alike.notnull().any(OTHER)).transpose(..., NEURON)
    return group


def _together(group: xr.DataArray, dim: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Return when each two neurons were first in one group, and since when they are not."""
    step = group[dim].drop_attrs()
    same = group == group.rename({NEURON: OTHER})
    known = group.notnull().all(NEURON)
    last = step.where(same).max(dim)
    after = step.where(known & (step > last)).min(dim)
    found = (step.where(same).min(dim), after)
    merged, parted = (array.fillna(NEVER).astype(np.int64).transpose(..., NEURON, OTHER) for array in found)
    return merged, parted


def _of_layer(records: xr.Dataset, quantity: str, layer: str) -> xr.DataArray:
    """Return the recorded values of one layer."""
    found = _layers(records, quantity)
    if layer not in found:
        raise unknown("layer", layer, found)
    return found[layer].compute()


def _layers(records: xr.Dataset, quantity: str) -> dict[str, xr.DataArray]:
    return {str(array.attrs["layer"]): array for array in of_quantity(records, quantity, VALUES)}
