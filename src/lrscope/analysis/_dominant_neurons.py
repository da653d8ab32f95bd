"""Which neurons dominate an instability."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._layers import NEURON, by_neuron, dataset, labelled
from lrscope.errors import must_be
from lrscope.records import VALUES, step_dimension

ROUNDING = 1e-9
"""A sum that misses `most` by this share or less counts as reaching it."""


def dominant_neurons(
    records: xr.Dataset, at: xr.DataArray, quantity: str = "oscillation_share", most: float = 0.9
) -> xr.Dataset:
    """Return the share of each neuron in an instability, and the smallest set of neurons that holds most of it.

    Parameters
    ----------
    records : records with the quantity, one variable a layer (member, step, neuron)
    at : DataArray (member) updates; when to look, e.g. the onset of the error from `lrscope.analysis.onsets`; -1 for
        never
    quantity : ``oscillation_share`` (of the part of the update that turns around) or ``sharpness_share`` (of the
        eigenvector of the largest eigenvalue), at least 0
    most : above 0, at most 1; what the dominant neurons hold together, of the sum over all neurons

    Returns
    -------
    Dataset
        share : (member, neuron) of the sum over all neurons, with the coordinates ``layer``, ``part`` and ``index``;
            NaN for a member without a step to look at, or that diverged before
        dominant : (member, neuron) 1 for the neurons of the smallest set that holds `most`, else 0; NaN as above
        step : (member) updates; first recorded step at or after `at`, the last if there is none; -1 for never

    Raises
    ------
    InputError : the quantity was not recorded, or `most` is out of range.
    """
    if not 0 < most <= 1:
        raise must_be("most", "above 0 and at most 1", most)
    shares = by_neuron(records, quantity, VALUES)
    dim = step_dimension(shares)
    step = shares[dim].drop_attrs()
    known = shares.notnull().any(NEURON)
    chosen = step.where(known & (step >= at)).min(dim).fillna(step.where(known).max(dim)).where(at >= 0)
    share = shares.where(step == chosen).max(dim)
    share = share / (total := share.sum(NEURON)).where(total > 0)
    dominant = xr.apply_ufunc(
        _smallest_set,
        share,
        kwargs={"most": most},
        input_core_dims=[[NEURON]],
        output_core_dims=[[NEURON]],
        vectorize=True,
    )
    name = quantity.replace("_", " ")
    result = {
        "share": labelled(share, records, name),
        "dominant": labelled(dominant.where(share.notnull()), records, f"neurons that hold most of the {name}"),
        "step": labelled(chosen.fillna(-1).astype(np.int64), records, "step looked at", "updates"),
    }
    return dataset(result, records)


def _smallest_set(share: NDArray[np.floating], most: float) -> NDArray[np.floating]:
    """Return 1 for the largest values that together reach `most`, else 0 (neuron)."""
    order = np.argsort(-share, kind="stable")
    before = np.cumsum(share[order]) - share[order]
    chosen = np.zeros(len(share))
    chosen[order[before < most * (1 - ROUNDING)]] = 1
    return chosen
