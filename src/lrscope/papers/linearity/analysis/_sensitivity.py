"""How fast does the mean output of each sample change with the learning rate?"""

import numpy as np
import scipy
import xarray as xr

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._jackknife import check_batches, check_confidence
from lrscope.papers.linearity.analysis._means import (
    BATCH,
    LR,
    OTHER_LR,
    OUTPUT,
    OUTPUTS,
    POINT,
    PRODUCTS,
    REPLICATES,
    SAMPLE,
    is_common,
    labelled,
    places_of,
    trained_at,
)


def output_sensitivity(sums: xr.Dataset, eta: float, a: float, confidence: float = 0.95) -> xr.Dataset:
    """Return the derivative of mean outputs by the learning rate: the delta at eta + a divided by a.

    Intervals of samples come from the squares and products of the outputs of all replicates (Student's quantile), those
    of classes from leaving out one batch at a time. Each holds for itself: of many, some miss.

    Parameters
    ----------
    sums : of `summed`, with outputs and their products
    eta, a : eta and eta + a are among the rates
    confidence : of the intervals, between 0 and 1

    Returns
    -------
    Dataset
        sensitivity, low, high : (sample, output) change of the mean output per unit of the learning rate
        mean, mean_low, mean_high : (output) mean over all samples
        own, own_low, own_high : (output) mean over the samples of the class of this output; NaN where targets were not
            recorded, or there are none

    Raises
    ------
    InputError : a is zero, a rate is not among the rates, products were not recorded, fewer than 8 batches of
        replicates, or the confidence is not between 0 and 1.
    """
    check_confidence(confidence)
    places = places_of(sums, eta, a=a)
    some = trained_at(sums, places)
    check_batches(some.sizes[BATCH], int(some[REPLICATES].sum(BATCH).min()))
    counts, totals = some[REPLICATES].sum(BATCH), some[OUTPUTS].sum(BATCH)
    delta = _difference(totals / counts) / a
    error, freedom = _error(sums, places, totals, counts)
    reach = scipy.stats.t.ppf((1 + confidence) / 2, freedom) * error / abs(a)
    result = xr.Dataset({"sensitivity": delta, "low": delta - reach, "high": delta + reach})
    left = _difference((totals - some[OUTPUTS]) / (counts - some[REPLICATES])) / a
    for name, weight in {"mean": xr.ones_like(delta), "own": _own(sums, delta)}.items():
        result = result.assign(_of_classes(name, delta, left, weight, confidence))
    return _labelled(result.drop_vars([LR, BATCH], errors="ignore"))


def _difference(means: xr.DataArray) -> xr.DataArray:
    return means.isel({LR: 1}, drop=True) - means.isel({LR: 0}, drop=True)


def _error(sums: xr.Dataset, places: list[int], totals: xr.DataArray, counts: xr.DataArray) -> tuple[xr.DataArray, int]:
    """Return the standard error of the difference of mean outputs (sample, output), and its degrees of freedom."""
    if PRODUCTS not in sums:
        raise must_be("sums", f"sums with {PRODUCTS}", ", ".join(map(str, sums)))
    whole = (sums[REPLICATES].isel({LR: places}) > 0).all(LR)
    first, second = (_scatter(sums, (place, place), whole, totals, counts, (i, i)) for i, place in enumerate(places))
    numbers = [int(counts.isel({LR: place})) for place in (0, 1)]
    if not is_common(sums):
        apart = first / (numbers[0] - 1) / numbers[0] + second / (numbers[1] - 1) / numbers[1]
        return apart**0.5, min(numbers) - 1
    pairs = min(numbers)  # what diverges at one rate only has no partner
    both = _scatter(sums, (places[0], places[1]), whole, totals, counts, (0, 1)) / (pairs - 1) * pairs
    apart = first / (numbers[0] - 1) * numbers[1] + second / (numbers[1] - 1) * numbers[0]
    return ((apart - 2 * both).clip(min=0.0) / numbers[0] / numbers[1]) ** 0.5, pairs - 1


def _scatter(
    sums: xr.Dataset,
    pair: tuple[int, int],
    whole: xr.DataArray,
    totals: xr.DataArray,
    counts: xr.DataArray,
    here: tuple[int, int],
) -> xr.DataArray:
    """Return the sum over replicates of the product of the deviations of two outputs from their means."""
    products = sums[PRODUCTS].isel({LR: pair[0], OTHER_LR: pair[1], BATCH: np.flatnonzero(whole.values)}, drop=True)
    pairs = int(counts.isel({LR: list(here)}).min())
    means = (totals / counts).isel({LR: here[0]}, drop=True) * (totals / counts).isel({LR: here[1]}, drop=True) * pairs
    return (products.sum(BATCH) - means).clip(min=0.0 if here[0] == here[1] else None)


def _own(sums: xr.Dataset, like: xr.DataArray) -> xr.DataArray:
    """Return 1 where the output is that of the sample's class, else 0 (sample, output)."""
    if "targets" not in sums:
        return xr.zeros_like(like)
    classes = xr.DataArray(np.arange(like.sizes[OUTPUT]), dims=OUTPUT)
    return (sums["targets"] == classes).astype(np.float64).transpose(*POINT)


def _of_classes(
    name: str, delta: xr.DataArray, left: xr.DataArray, weight: xr.DataArray, confidence: float
) -> dict[str, xr.DataArray]:
    """Return the weighted mean over the samples (output), with a jackknife interval from `left` (batch, ...)."""
    total = weight.sum(SAMPLE)
    share = weight / total.where(total > 0)
    mean = (delta * share).sum(SAMPLE, skipna=False)
    without = xr.dot(left, share, dim=SAMPLE)
    count = without.sizes[BATCH]
    error = np.sqrt((count - 1) * without.var(BATCH))
    reach = scipy.stats.t.ppf((1 + confidence) / 2, count - 1) * error
    return {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}


def _labelled(result: xr.Dataset) -> xr.Dataset:
    of = "change of the mean output per unit of the learning rate"
    names = {"sensitivity": of, "mean": f"{of}, mean over all samples", "own": f"{of}, samples of its class"}
    labels = []
    for name, text in names.items():
        start = "" if name == "sensitivity" else f"{name}_"
        labels.append((name, text, "1"))
        labels.append((f"{start}low", f"{text}, low end of the interval", "1"))
        labels.append((f"{start}high", f"{text}, high end of the interval", "1"))
    return labelled(result, labels)
