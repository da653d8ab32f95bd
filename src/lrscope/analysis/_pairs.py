"""Which learning rates may be the best one: each compared with every other, paired by seed."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._intervals import RESAMPLE, SEED, random_signs, student_quantile
from lrscope.analysis._scores import LR

OTHER = "other"
ENOUGH_SEEDS = 8
"""From so many common seeds on, critical values come from random signs; below, from Student's distribution."""
TURNS = 100
"""Iterations that fill in missing ranks."""
TINY = 1e-12
"""Standard errors below this are those of equal values."""


def pairs(ranks: xr.DataArray, rivals: xr.DataArray) -> xr.Dataset:
    """Return for each rate how it differs from every rival, over the seeds that both have.

    Parameters
    ----------
    ranks : (lr, seed) of `lrscope.analysis._scores.ranked`
    rivals : (lr) bool, what the rates are compared with

    Returns
    -------
    Dataset (lr, other)
        mean, error : of the differences over the seeds; the standard error is NaN with fewer than two seeds
        count : common seeds
        compared : whether the two are compared: another rate, a rival, two common seeds or more
    """
    difference = ranks - _as_other(ranks)
    count = difference.count(SEED)
    error = (difference.std(SEED, ddof=1) / count.where(count >= 2) ** 0.5).clip(min=TINY)
    different = _places(LR, ranks) != _places(OTHER, ranks)
    compared = (count >= 2) & different & _as_other(rivals)
    return xr.Dataset({"mean": difference.mean(SEED), "error": error, "count": count, "compared": compared})


def completed(ranks: xr.DataArray) -> xr.DataArray:
    """Return ranks (lr, seed) in which one that is missing is the sum of what its rate and its seed are worth.

    What they are worth is that of least squares: each is, in turn, the mean of what the other leaves.
    """
    if ranks.notnull().all():
        return ranks
    of_rate = ranks.mean(SEED)
    for _ in range(TURNS):
        of_seed = (ranks - of_rate).mean(LR)
        of_rate = (ranks - of_seed).mean(SEED)
    return ranks.fillna(of_rate + of_seed)


def _places(dim: str, ranks: xr.DataArray) -> xr.DataArray:
    return xr.DataArray(np.arange(ranks.sizes[LR]), dims=dim)


def _as_other(array: xr.DataArray) -> xr.DataArray:
    return array.rename({LR: OTHER})


def critical_values(
    ranks: xr.DataArray, paired: xr.Dataset, confidence: float, resamples: int, seed: int
) -> xr.DataArray:
    """Return how many standard errors a rate must lie above another one to be worse beyond chance (lr, other).

    If a rate is the best, none of its differences has a mean above zero. So it is not the best where the largest
    of its t-values is larger than chance makes it with the probability `confidence`, which is simulated by giving each
    seed's differences, centred, a random sign (the wild bootstrap: Student's t anew for each choice of signs, exact
    where they are symmetric). All comparisons of a rate share one probability of error, and each rate has its own;
    the rate that is the best in truth is therefore not ruled out with the given confidence.
    The probability of error is halved, as for an interval with two ends, so that one of two equal rates is taken for
    the better one no more often than 1 - confidence. Pairs with fewer than 8 common seeds get Student's quantile, by
    Bonferroni.

    References
    ----------
    Hsu: Simultaneous confidence intervals for all distances from the "best", Annals of Statistics 9 (1981).
    Hansen, Lunde, Nason: The model confidence set, Econometrica 79 (2011).
    Romano, Wolf: Stepwise multiple testing as formalized data snooping, Econometrica 73 (2005).
    """
    many = paired["compared"] & (paired["count"] >= ENOUGH_SEEDS)
    comparisons = paired["compared"].sum(OTHER)
    of_few = _student(paired["count"], (1 - confidence) / 2 / comparisons.where(comparisons > 0))
    if not many.any():
        return of_few
    error_share = (1 - confidence) / 2 * many.sum(OTHER) / comparisons.where(comparisons > 0)
    largest = _largest_of_signs(ranks, many, random_signs(ranks.sizes[SEED], resamples, seed))
    critical: xr.DataArray = xr.where(many, _upper(largest, error_share), of_few)
    return critical


def _largest_of_signs(ranks: xr.DataArray, compared: xr.DataArray, signs: xr.DataArray) -> xr.DataArray:
    """Return for each choice of signs the largest t-value of each rate (lr, resample)."""
    difference = (ranks - _as_other(ranks)).where(compared)
    centred = difference - difference.mean(SEED)
    count = centred.count(SEED).where(compared)
    mean = xr.dot(centred.fillna(0.0), signs, dim=SEED) / count
    variance = ((centred**2).mean(SEED) - mean**2).clip(min=0.0)
    largest: xr.DataArray = (mean / ((variance / (count - 1)) ** 0.5).clip(min=TINY)).max(OTHER)
    return largest


def _upper(samples: xr.DataArray, share: xr.DataArray) -> xr.DataArray:
    """Return the value that is exceeded by at most that share of the samples (lr, resample), rate by rate."""
    upper: xr.DataArray = xr.apply_ufunc(_exceeded_by, samples, share, input_core_dims=[[RESAMPLE], []], vectorize=True)
    return upper


def _exceeded_by(samples: NDArray[np.float64], share: float) -> float:
    if not np.isfinite(share) or not share or np.isnan(samples).any():
        return np.inf
    return float(np.quantile(samples, 1 - share, method="higher"))


def _student(count: xr.DataArray, share: xr.DataArray) -> xr.DataArray:
    """Return what Student's t exceeds with the probability `share` (lr), for differences of `count` seeds."""
    return student_quantile(1 - share, count.where(count >= 2) - 1).fillna(np.inf)
