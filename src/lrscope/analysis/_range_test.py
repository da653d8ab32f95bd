"""The range test that people know: a run of rising learning rate, what the tools suggest, and how often it is right."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._intervals import SEED
from lrscope.analysis._layers import recorded
from lrscope.analysis._range_rules import FASTAI_STOP, RULES, averaged, stopped
from lrscope.analysis._scores import LR
from lrscope.errors import must_be
from lrscope.records import LOSS, MEMBER, on_grid, step_dimension

RATE = "learning_rate"
RULE = "rule"
ALONE = 10**0.3
"""Factor to either side of a rate that has no neighbour."""


def range_test(records: xr.Dataset) -> xr.Dataset:
    """Return what fastai, torch-lr-finder and Lightning would suggest from runs of rising learning rate.

    Each rule is that of its tool, smoothing, stop and skipped points included, applied to the recorded losses. Where
    a tool would fail, since the test stopped at once, the suggestion is NaN.

    Parameters
    ----------
    records : (member, step), or (seed, step) with or without an axis lr of one value, with ``loss`` and
        ``learning_rate`` at every step

    Returns
    -------
    Dataset
        smoothed : (seed, step) loss as fastai smooths it; NaN after the step at which it stops, above 4 times the
            lowest
        learning_rate : (seed, step)
        suggestion : (rule, seed) learning rate; the rules are ``fastai: valley`` (its default), ``fastai: steep``,
            ``fastai: minimum / 10``, ``fastai: slide``, ``torch-lr-finder`` and ``Lightning``

    Raises
    ------
    InputError : loss or learning rate was not recorded, at different steps, or of several values of lr.

    References
    ----------
    Smith: Cyclical learning rates for training neural networks (2015), arXiv 1506.01186; ``LRFinder`` and ``valley``,
    ``steep``, ``minimum``, ``slide`` of fastai 2.7; ``LRFinder.range_test`` and ``plot`` of torch-lr-finder 0.2;
    ``_LRCallback`` and ``_LRFinder.suggestion`` of Lightning 2.6.
    """
    loss, rate = (_by_seed(records, name) for name in (LOSS, RATE))
    if loss.dims != rate.dims or loss.sizes != rate.sizes:
        raise must_be(RATE, "recorded at the same steps as the loss", rate.dims, "Give both probes the same cadence.")
    dim = loss.dims[-1]
    smoothed = xr.apply_ufunc(_smoothed, loss, input_core_dims=[[dim]], output_core_dims=[[dim]], vectorize=True)
    of_rules = [_suggested(name, rate, loss) for name in RULES]
    suggestion = xr.concat(of_rules, xr.DataArray(list(RULES), dims=RULE, name=RULE))
    smoothed.attrs = {"long_name": f"{loss.attrs['long_name']}, smoothed", "units": loss.attrs["units"]}
    rate.attrs = {"long_name": "learning rate", "units": "1", "scale": "log"}
    suggestion.attrs = {"long_name": "suggested learning rate", "units": "1", "scale": "log"}
    suggestion[RULE].attrs = {"long_name": "rule"}
    return xr.Dataset({"smoothed": smoothed, RATE: rate, "suggestion": suggestion})


def _by_seed(records: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable (seed, step), the seeds ascending."""
    array = recorded(records, name)
    if MEMBER in array.dims:
        array = on_grid(array.assign_attrs(axes=records.attrs["axes"]))
    if array.sizes.get(LR, 1) > 1:
        raise must_be("records", "of one range test a seed", array.sizes[LR], "Select one value of lr.")
    array = array.squeeze(LR, drop=True) if LR in array.dims else array.drop_vars(LR, errors="ignore")
    if set(array.dims) != {SEED, step_dimension(array)}:
        raise must_be("records", "records with the dimensions seed and step", array.dims)
    return array.astype(np.float64).transpose(SEED, ...).sortby(SEED)


def _smoothed(loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the loss as fastai smooths it, NaN where its test would not have come."""
    smoothed = averaged(loss)
    smoothed[stopped(smoothed, FASTAI_STOP) :] = np.nan
    return smoothed


def _suggested(rule: str, rate: xr.DataArray, loss: xr.DataArray) -> xr.DataArray:
    """Return what a rule suggests (seed)."""
    dim = loss.dims[-1]
    suggested: xr.DataArray = xr.apply_ufunc(
        RULES[rule], rate, loss, input_core_dims=[[dim], [dim]], vectorize=True, output_dtypes=[np.float64]
    )
    return suggested


def range_test_agreement(suggestions: xr.DataArray, recommended: xr.Dataset) -> xr.Dataset:
    """Return how often the suggestions of a range test fall inside the range that training gives.

    Training knows the rates of its grid only. Its range therefore reaches from each plausible rate half-way, on the
    logarithmic scale, to the next rates of the grid, and beyond an end of the grid as far as on the other side of that
    rate; around a rate that is alone, by a factor of 2. Where a rate between two plausible ones was ruled out, there is
    a gap: a suggestion in it lies outside, but neither below nor above.

    Parameters
    ----------
    suggestions : (rule, seed) of `range_test`
    recommended : of `recommendation`

    Returns
    -------
    Dataset
        share : (rule) of the seeds whose suggestion lies inside the range; seeds without a suggestion count as outside
        below, above : (rule) share of the seeds whose suggestion lies below all of it, or above all of it
        factor : (rule) median over the seeds of the factor by which the suggestion is off the best rate, 1 or above;
            infinite for seeds without one
        low, high : ends of the range

    Raises
    ------
    InputError : other dimensions.
    """
    if set(suggestions.dims) != {RULE, SEED}:
        raise must_be("suggestions", "an array with the dimensions rule and seed", suggestions.dims)
    blocks = _blocks(recommended)
    low, high = (blocks[0][0], blocks[-1][1]) if blocks else (np.nan, np.nan)
    inside = [(suggestions >= first) & (suggestions <= last) for first, last in blocks]
    ratio = suggestions / float(recommended["best"])
    off = xr.where(ratio < 1, 1 / ratio, ratio)
    result = {
        "share": sum(inside, xr.zeros_like(suggestions, dtype=bool)).mean(SEED),
        "below": (suggestions < low).mean(SEED),
        "above": (suggestions > high).mean(SEED),
        "factor": off.fillna(np.inf).median(SEED),
        "low": xr.DataArray(low),
        "high": xr.DataArray(high),
    }
    names = {
        "share": "share of the suggestions inside the recommended range",
        "below": "share of the suggestions below the recommended range",
        "above": "share of the suggestions above the recommended range",
        "factor": "factor between suggestion and best rate",
        "low": "low end of the range",
        "high": "high end of the range",
    }
    for name, array in result.items():
        array.attrs = {"long_name": names[name], "units": "1"}
    return xr.Dataset(result)


def _blocks(recommended: xr.Dataset) -> list[tuple[float, float]]:
    """Return the ends of each stretch of plausible rates, half a step of the grid outside of its rates."""
    rates = np.log(recommended[LR].values)
    steps = np.diff(rates) if len(rates) > 1 else np.full(1, 2 * np.log(ALONE))
    edges = np.concatenate([[rates[0] - steps[0] / 2], rates[1:] - np.diff(rates) / 2, [rates[-1] + steps[-1] / 2]])
    changes = np.diff(recommended["plausible"].values.astype(int), prepend=0, append=0)
    ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return [(float(np.exp(edges[first])), float(np.exp(edges[last]))) for first, last in zip(*ends, strict=True)]
