"""Intervals from few seeds: resampled seeds, seeds with a random sign, and how far they must be widened."""

import itertools
from functools import cache
from statistics import NormalDist

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.errors import must_be

SEED = "seed"
RESAMPLE = "resample"
ANGLES = 100_001
"""Points of the grid on which Student's distribution is integrated."""


def check(confidence: float, resamples: int = 100) -> None:
    """Raise an error for a confidence that is not between 0 and 1, or fewer than 100 resamples."""
    if not 0 < confidence < 1:
        raise must_be("confidence", "between 0 and 1", confidence)
    if resamples < 100:
        raise must_be("resamples", "at least 100", resamples)


@cache
def student_quantile(share: float, freedom: float) -> float:
    """Return the value below which that share of Student's distribution lies.

    With t = sqrt(freedom) tan(a) the density becomes cos(a)^(freedom - 1), which is integrated over the angle a.

    Examples
    --------
    >>> round(student_quantile(0.975, 7), 4)
    2.3646
    """
    angles = np.linspace(-np.pi / 2, np.pi / 2, ANGLES)
    density = np.maximum(np.cos(angles), 0.0) ** (freedom - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return float(np.sqrt(freedom) * np.tan(np.interp(share, below / below[-1], angles)))


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


def expanded_interval(
    means: xr.DataArray, counts: xr.DataArray, confidence: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both ends of a percentile interval of resampled means, widened for few seeds.

    Percentiles of resampled means make an interval that is too narrow by sqrt((n - 1) / n), and by what Student's
    distribution is wider than the normal one. Percentiles further outside make good for both.

    Parameters
    ----------
    means : (resample, ...)
    counts : (...) seeds that the means are of
    confidence : of the interval

    Returns
    -------
    low, high : (...) NaN with fewer than two seeds

    References
    ----------
    Hesterberg: What teachers should know about the bootstrap, The American Statistician 69 (2015), section 5.3.
    """
    level = xr.apply_ufunc(_level, counts, kwargs={"confidence": confidence}, vectorize=True)
    return _quantile(means, level), _quantile(means, 1 - level)


def _level(count: int, confidence: float) -> float:
    """Return the share of resampled means below the low end; NaN where there is no interval."""
    if count < 2:
        return np.nan
    wider = np.sqrt(count / (count - 1)) * student_quantile((1 - confidence) / 2, count - 1)
    return NormalDist().cdf(wider)


def _quantile(samples: xr.DataArray, levels: xr.DataArray) -> xr.DataArray:
    """Return the quantile (...) of samples (resample, ...) at the level of each place."""
    found: xr.DataArray = xr.apply_ufunc(_of_one, samples, levels, input_core_dims=[[RESAMPLE], []], vectorize=True)
    return found


def _of_one(samples: NDArray[np.float64], level: float) -> float:
    known = samples[np.isfinite(samples)]
    return float(np.quantile(known, level)) if len(known) and np.isfinite(level) else np.nan


def median_interval(
    values: xr.DataArray, confidence: float, resamples: int, seed: int
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Return the median over the seeds and both ends of its bootstrap interval.

    Parameters
    ----------
    values : (..., seed), the seeds in ascending order; NaN are left out; infinite ones stay the largest

    Returns
    -------
    median, low, high : (...) infinite where half of the values are; NaN where there are none, the ends also where there
        is one
    """
    drawn = xr.apply_ufunc(
        _median_of_one,
        values,
        kwargs={"confidence": confidence, "resamples": resamples, "seed": seed},
        input_core_dims=[[SEED]],
        output_core_dims=[["end"]],
        vectorize=True,
    )
    median, low, high = (drawn.isel(end=place) for place in range(3))
    return median, low, high


def _median_of_one(values: NDArray[np.float64], confidence: float, resamples: int, seed: int) -> NDArray[np.float64]:
    known = np.sort(values[~np.isnan(values)])
    count = len(known)
    if count < 2:
        return np.array([known[0] if count else np.nan, np.nan, np.nan])
    drawn = known[np.random.default_rng(seed).integers(0, count, (resamples, count))]
    medians = xr.DataArray(drawn, dims=(RESAMPLE, SEED)).median(SEED).values
    level = _level(count, confidence)
    ends = np.quantile(medians, [level, 1 - level], method="inverted_cdf")
    return np.array([np.median(known), *ends])


def random_signs(count: int, resamples: int, seed: int) -> xr.DataArray:
    """Return signs for the seeds, 1 or -1 (resample, seed): all combinations if there are no more than `resamples`."""
    if 2**count <= resamples:
        signs = np.array(list(itertools.product([1.0, -1.0], repeat=count)))
    else:
        signs = np.random.default_rng(seed).choice([1.0, -1.0], (resamples, count))
    return xr.DataArray(signs, dims=(RESAMPLE, SEED))


def share_interval(share: xr.DataArray, count: xr.DataArray, confidence: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both ends of Wilson's interval for a probability, given the share among `count` trials.

    References
    ----------
    Brown, Cai, DasGupta: Interval estimation for a binomial proportion, Statistical Science 16 (2001).

    Examples
    --------
    >>> low, high = share_interval(xr.DataArray(0.0), xr.DataArray(8), 0.95)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.324)
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    trials = count.where(count > 0)
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * (share * (1 - share) / trials + (z / (2 * trials)) ** 2) ** 0.5
    return (centre - half).clip(min=0.0), (centre + half).clip(max=1.0)
