"""How fast does the mean output of each class change with the learning rate?"""

import numpy as np
import xarray as xr

from lrscope.papers.linearity.analysis._jackknife import check_batches, check_confidence, half_width
from lrscope.papers.linearity.analysis._means import (
    BATCH,
    LR,
    OUTPUT,
    OUTPUTS,
    POINT,
    REPLICATES,
    SAMPLE,
    labelled,
    positions_of,
    trained_at,
)


def output_sensitivity(sums: xr.Dataset, eta: float, a: float, confidence: float = 0.95) -> xr.Dataset:
    """Return the derivative of mean outputs by the learning rate: the delta at eta + a divided by a.

    Parameters
    ----------
    sums : of `summed`, with outputs
    eta, a : eta and eta + a are among the rates
    confidence : of the intervals, between 0 and 1. Each holds for itself: of many, some miss

    Returns
    -------
    Dataset
        sensitivity : (sample, output) change of the mean output per unit of the learning rate
        mean, mean_low, mean_high : (output) mean over all samples, with a jackknife interval
        own, own_low, own_high : (output) mean over the samples of the class of this output; NaN where targets were not
            recorded, or there are none

    Raises
    ------
    InputError : a is zero, a rate is not among the rates, fewer than 8 batches of replicates, or the confidence is not
        between 0 and 1.
    """
    check_confidence(confidence)
    some = trained_at(sums, positions_of(sums, eta, a=a))
    check_batches(some.sizes[BATCH], int(some[REPLICATES].sum(BATCH).min()))
    some = some.drop_vars([LR, BATCH], errors="ignore")
    counts, totals = some[REPLICATES].sum(BATCH), some[OUTPUTS].sum(BATCH)
    delta = _difference(totals / counts) / a
    without = _difference((totals - some[OUTPUTS]) / (counts - some[REPLICATES])) / a
    result = {"sensitivity": delta}
    for name, weight in {"mean": xr.ones_like(delta), "own": _own(sums, delta)}.items():
        total = weight.sum(SAMPLE)
        share = weight / total.where(total > 0)
        mean = (delta * share).sum(SAMPLE, skipna=False)
        reach = half_width(xr.dot(without, share, dim=SAMPLE), confidence)
        result |= {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}
    of = "change of the mean output per unit of the learning rate"
    texts = {"sensitivity": of, "mean": f"{of}, mean over all samples", "own": f"{of}, samples of its class"}
    return labelled(xr.Dataset(result), texts)


def _difference(means: xr.DataArray) -> xr.DataArray:
    return means.isel({LR: 1}, drop=True) - means.isel({LR: 0}, drop=True)


def _own(sums: xr.Dataset, like: xr.DataArray) -> xr.DataArray:
    """Return 1 where the output is that of the sample's class, else 0 (sample, output)."""
    if "targets" not in sums:
        return xr.zeros_like(like)
    classes = xr.DataArray(np.arange(like.sizes[OUTPUT]), dims=OUTPUT)
    return (sums["targets"] == classes).astype(np.float64).transpose(*POINT)
