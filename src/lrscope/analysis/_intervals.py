"""Intervals from few seeds: Student's t for means, Wilson's for shares; resampled seeds and random signs for ranks."""

import itertools

import numpy as np
import scipy
import xarray as xr

from lrscope.errors import must_be

SEED = "seed"
RESAMPLE = "resample"


def check(confidence: float, resamples: int = 100) -> None:
    """Raise an error for a confidence that is not between 0 and 1, or fewer than 100 resamples."""
    if not 0 < confidence < 1:
        raise must_be("confidence", "between 0 and 1", confidence)
    if resamples < 100:
        raise must_be("resamples", "at least 100", resamples)


def mean_interval(values: xr.DataArray, confidence: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both ends of Student's t interval for the mean over the seeds.

    It covers the mean with the given confidence from two seeds on if the values are normal, and nearly so if they are
    not too skewed. Quantities that vary by factors, as losses do, are given by their logarithms.

    Parameters
    ----------
    values : (..., seed); NaN are left out

    Returns
    -------
    low, high : (...) NaN with fewer than two seeds

    References
    ----------
    Student: The probable error of a mean, Biometrika 6 (1908).
    """
    count = values.count(SEED)
    several = count.where(count >= 2)
    half = student_quantile((1 + confidence) / 2, several - 1) * values.std(SEED, ddof=1) / several**0.5
    mean = values.mean(SEED)
    return mean - half, mean + half


def student_quantile(share: float | xr.DataArray, freedom: xr.DataArray) -> xr.DataArray:
    """Return the value below which that share of Student's distribution lies; NaN without degrees of freedom.

    Examples
    --------
    >>> float(student_quantile(0.975, xr.DataArray(7)).round(4))
    2.3646
    """
    # This is scipy.stats.t.ppf, without the second that importing scipy.stats takes.
    quantile: xr.DataArray = xr.apply_ufunc(scipy.special.stdtrit, freedom, share)
    return quantile


def share_interval(events: xr.DataArray, trials: xr.DataArray, confidence: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both ends of Wilson's interval for a probability, given counts; NaN without trials.

    References
    ----------
    Brown, Cai, DasGupta: Interval estimation for a binomial proportion, Statistical Science 16 (2001).

    Examples
    --------
    >>> low, high = share_interval(xr.DataArray(0), xr.DataArray(8), 0.95)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.324)
    """

    def wilson(events: int, trials: int) -> tuple[float, float]:
        if not trials:
            return np.nan, np.nan
        interval = scipy.stats.binomtest(int(events), int(trials)).proportion_ci(confidence, method="wilson")
        return interval.low, interval.high

    low, high = xr.apply_ufunc(wilson, events, trials, output_core_dims=[[], []], vectorize=True)
    return low, high


def resampled_means(values: xr.DataArray, resamples: int, seed: int) -> xr.DataArray:
    """Return the means over resampled seeds, the same seeds at every other place: (resample, ...).

    Parameters
    ----------
    values : (..., seed), the seeds in ascending order; NaN are left out, place by place

    Returns
    -------
    DataArray (resample, ...) : NaN where none of the resampled seeds has a value
    """
    count = values.sizes[SEED]
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    weights = xr.DataArray(draws.astype(np.float64), dims=(RESAMPLE, SEED))
    present = values.notnull()
    total = xr.dot(weights, present.astype(np.float64), dim=SEED)
    means: xr.DataArray = xr.dot(weights, values.where(present, 0.0), dim=SEED) / total.where(total > 0)
    return means


def random_signs(count: int, resamples: int, seed: int) -> xr.DataArray:
    """Return signs for the seeds, 1 or -1 (resample, seed): all combinations if there are no more than `resamples`."""
    if 2**count <= resamples:
        signs = np.array(list(itertools.product([1.0, -1.0], repeat=count)))
    else:
        signs = np.random.default_rng(seed).choice([1.0, -1.0], (resamples, count))
    return xr.DataArray(signs, dims=(RESAMPLE, SEED))
