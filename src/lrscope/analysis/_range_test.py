"""Range tests: a run of rising learning rate, what the tools suggest, and how often it is right."""

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._layers import recorded
from lrscope.analysis._scores import LR
from lrscope.analysis._seeds import SEED, Labels, describe
from lrscope.errors import must_be
from lrscope.records import LOSS, MEMBER, on_grid, step_dimension

Curve = NDArray[np.float64]

WEIGHT = 0.98
FASTAI_STOP, FINDER_STOP, LIGHTNING_STOP = 4.0, 5.0, 4.0
FINDER_SMOOTHING = 0.05
SLIDE_APART, SLIDE_THRESHOLD = 15, 0.005


def averaged(loss: Curve, late: int = 0) -> Curve:
    """Return the running average with weights 0.98, divided by the sum of the weights of `late` steps more."""
    result, value = np.empty(len(loss)), 0.0
    for step, one in enumerate(loss.tolist()):
        value = WEIGHT * value + (1 - WEIGHT) * one
        result[step] = value / (1 - WEIGHT ** (step + 1 + late))
    return result


def stopped(smoothed: Curve, factor: float) -> int:
    """Return how many points there are when the test stops: after the first above `factor` times the lowest so far."""
    above = smoothed > factor * np.fmin.accumulate(smoothed)
    return int(np.argmax(above)) + 1 if above.any() else len(smoothed)


def fastai(rates: Curve, loss: Curve) -> tuple[Curve, Curve]:
    """Return the rates and smoothed losses that fastai's rules look at."""
    smoothed = averaged(loss)
    there = slice(len(loss) // 10, max(0, stopped(smoothed, FASTAI_STOP) - 5))
    rates, smoothed = rates[there], smoothed[there]
    missing = np.isnan(smoothed)
    end = int(np.argmax(missing)) if missing.any() else len(smoothed)
    return rates[:end], smoothed[:end]


def valley(rates: Curve, loss: Curve) -> float:
    """Return the rate half-way into the longest falling subsequence of the losses (fastai's default)."""
    rates, losses = fastai(rates, loss)
    if not len(losses):
        return np.nan
    lengths = np.ones(len(losses), dtype=np.int64)
    for place in range(1, len(losses)):
        larger = lengths[:place][losses[:place] > losses[place]]
        lengths[place] = 1 + larger.max(initial=0)
    end = int(np.argmax(lengths))
    start = end - int(lengths[end]) if end else 0
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def steep(rates: Curve, loss: Curve) -> float:
    """Return the rate at which the loss falls fastest over the logarithm of the rate (fastai)."""
    rates, losses = fastai(rates, loss)
    if len(losses) < 2:
        return np.nan
    return float(rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)))])


def minimum(rates: Curve, loss: Curve) -> float:
    """Return a tenth of the rate at which the loss is lowest (fastai)."""
    rates, losses = fastai(rates, loss)
    return float(rates[np.argmin(losses)]) / 10 if len(losses) else np.nan


def slide(rates: Curve, loss: Curve) -> float:
    """Return the rate at which an interval of 15 points, moved from the end, has about the same slope at both ends."""
    rates, losses = fastai(rates, loss)
    if len(losses) <= SLIDE_APART:
        return np.nan
    slopes = np.gradient(losses)
    rate = rates[-1 - SLIDE_APART]
    for left in range(len(losses) - 1 - SLIDE_APART, -1, -1):
        if not abs(slopes[left + SLIDE_APART] - slopes[left]) > SLIDE_THRESHOLD:
            break
        rate = rates[left]
    return float(rate)


def finder(rates: Curve, loss: Curve) -> float:
    """Return the rate at which the loss falls fastest from step to step (torch-lr-finder)."""
    smoothed = loss.copy()
    for step in range(1, len(loss)):
        smoothed[step] = FINDER_SMOOTHING * loss[step] + (1 - FINDER_SMOOTHING) * smoothed[step - 1]
    end = stopped(smoothed, FINDER_STOP)
    losses = smoothed[:end][10:-5]
    with np.errstate(invalid="ignore"):
        return float(rates[10 + np.argmin(np.gradient(losses))]) if len(losses) >= 2 else np.nan


def lightning(rates: Curve, loss: Curve) -> float:
    """Return the rate at which the loss falls fastest over the rate (Lightning)."""
    smoothed = averaged(loss, late=1)
    end = stopped(smoothed, LIGHTNING_STOP)
    losses, rates = smoothed[:end][10:-1], rates[:end][10:-1]
    known = np.isfinite(losses)
    losses, rates = losses[known], rates[known]
    return float(rates[np.argmin(np.gradient(losses, rates))]) if len(losses) >= 2 else np.nan


RULES: Mapping[str, Callable[[Curve, Curve], float]] = {
    "fastai: valley": valley,
    "fastai: steep": steep,
    "fastai: minimum / 10": minimum,
    "fastai: slide": slide,
    "torch-lr-finder": finder,
    "Lightning": lightning,
}


RATE = "learning_rate"
RULE = "rule"
ALONE = 0.3
"""Decades to either side of a rate that has no neighbour."""


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
    of_rules = [
        xr.apply_ufunc(rule, rate, loss, input_core_dims=[[dim]] * 2, vectorize=True, output_dtypes=[np.float64])
        for rule in RULES.values()
    ]
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


def range_test_agreement(suggestions: xr.DataArray, recommended: xr.Dataset) -> xr.Dataset:
    """Return how often the suggestions of a range test fall inside the range that training gives.

    Training knows the rates of its grid only. Its range therefore reaches from each plausible rate half-way, on the
    logarithmic scale, to the next rates of the grid, and beyond an end of the grid as far as on the other side of that
    rate; around a rate that is alone, by a factor of 2. Where a rate between two plausible ones was ruled out, there is
    a gap: a suggestion in it lies outside.

    Parameters
    ----------
    suggestions : (rule, seed) of `range_test`
    recommended : of `recommendation`

    Returns
    -------
    Dataset
        share : (rule) of the seeds whose suggestion lies inside the range; seeds without a suggestion count as outside
        factor : (rule) median over the seeds of the factor by which the suggestion is off the best rate, 1 or above;
            infinite for seeds without one

    Raises
    ------
    InputError : other dimensions.
    """
    if set(suggestions.dims) != {RULE, SEED}:
        raise must_be("suggestions", "an array with the dimensions rule and seed", suggestions.dims)
    inside = [(suggestions >= first) & (suggestions <= last) for first, last in range_blocks(recommended)]
    ratio = suggestions / float(recommended["best"])
    off = xr.where(ratio < 1, 1 / ratio, ratio)
    result = {
        "share": sum(inside, xr.zeros_like(suggestions, dtype=bool)).mean(SEED),
        "factor": off.fillna(np.inf).median(SEED),
    }
    labels: Labels = {
        "share": "share of the suggestions inside the recommended range",
        "factor": "factor between suggestion and best rate",
    }
    return describe(xr.Dataset(result), labels)


def range_blocks(recommended: xr.Dataset) -> list[tuple[float, float]]:
    """Return the ends of each stretch of plausible rates, half-way to the next rate on either side.

    Beyond an end of the grid it reaches as far as on the other side of that rate; around a rate that is alone, by a
    factor of 2.

    Parameters
    ----------
    recommended : Dataset (lr) with ``plausible``

    Examples
    --------
    >>> table = xr.Dataset({"plausible": ("lr", [True, True, False, True])}, {"lr": [0.01, 0.1, 1.0, 10.0]})
    >>> [(round(first, 4), round(last, 4)) for first, last in range_blocks(table)]
    [(0.0032, 0.3162), (3.1623, 31.6228)]
    """
    ordered = recommended["plausible"].sortby(LR)
    places = np.log10(ordered[LR].values)
    half = np.diff(places) / 2 if len(places) > 1 else np.array([ALONE])
    edges = 10 ** np.r_[places[0] - half[0], places[1:] - np.diff(places) / 2, places[-1] + half[-1]]
    changes = np.diff(ordered.values.astype(int), prepend=0, append=0)
    return list(zip(edges[changes == 1].tolist(), edges[changes == -1].tolist(), strict=True))
