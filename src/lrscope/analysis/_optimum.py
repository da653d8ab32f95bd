"""The best learning rate between those of the grid: the loss as a smooth curve over the logarithm of the rate."""

import itertools
import math

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._recommendation import candidates_of, completed
from lrscope.analysis._scores import LR, check_scores, from_log_scale, is_linear, on_log_scale
from lrscope.analysis._seeds import SEED, Labels, check, describe, name_of, student_quantile, units_of, with_ends
from lrscope.errors import must_be

DRAW = "draw"
ENOUGH_RATES = 5
"""With fewer rates a curve says nothing about what lies between them."""
POINTS = 100
"""Intervals of the curve's grid of rates."""
STEEP = 0.7
"""Log ratios to the best rate well above this are compressed: a flank of the valley says little about its floor."""
LENGTHS = np.geomspace(0.85, 8.0, 5)
"""Length scales that are tried, in distances between neighbouring rates of the grid."""
AMPLITUDES = np.geomspace(0.1, 4.0, 4)
"""Standard deviations of the curve that are tried."""
OFFSET = 4.0
"""Variance of the curve's mean, in those of the curve."""
TINY = 1e-10
DRAWS = 400
"""Curves that are drawn."""
Floats = NDArray[np.float64]


def optimum(scores: xr.DataArray, *, tolerance: float = 0.05, confidence: float = 0.95, seed: int = 0) -> xr.Dataset:
    """Return the learning rate with the lowest loss, between the rates of the grid too, and those that are as good.

    The mean logarithm of the score is a smooth curve over the logarithm of the rate: a Gaussian process with the Matérn
    kernel of two derivatives. What a seed does to all rates is taken out first; what is left is the noise of each rate.
    Length scales and amplitudes are averaged over, each with its likelihood, and curves are drawn from what the scores
    leave possible. A network that diverged counts as in `recommendation`; the curve ends at the last rate that may be
    recommended. docs/recommendation.md says how often interval and range were right where the truth was known.

    Parameters
    ----------
    scores : (lr, seed) of `final_scores`: losses, the smaller the better; inf where a member diverged, NaN where none
        was trained
    tolerance : loss that may be given away, as a share of the lowest one: 0.05 is 5%. Where scores are negative, as a
        share of the difference between the best and the worst rate
    confidence : of the intervals and of the range
    seed : of the curves that are drawn: the same scores always give the same result

    Returns
    -------
    Dataset (lr) : on a fine grid of rates; all NaN with one seed, fewer than five rates, or if all networks diverged
        score, score_low, score_high : the curve, median of those drawn, and where it lies with that confidence
        best, best_low, best_high : rate with the lowest score, and its interval: of those with that confidence the
            one with the smallest factor between its ends
        low, high : every rate between them costs at most `tolerance`; NaN if no rate is known to do so
        tolerance : the one asked for
        smallest : tolerance for which a rate is known

    Raises
    ------
    InputError : other dimensions than (lr, seed), a confidence that is not between 0 and 1, a tolerance not above 0.

    References
    ----------
    Rasmussen, Williams: Gaussian Processes for Machine Learning (2006), chapters 2 and 5.

    Examples
    --------
    >>> rates, noise = np.geomspace(0.001, 1, 7), np.random.default_rng(0).normal(0, 0.02, (7, 4))
    >>> losses = np.exp(0.2 * np.log(rates / 0.05)[:, None] ** 2 + noise)
    >>> result = optimum(xr.DataArray(losses, coords={"lr": rates, "seed": range(4)}))
    >>> bool(result.best_low < 0.05 < result.best_high), bool(result.low < 0.05 < result.high)
    (True, True)
    """
    check(confidence)
    if not (tolerance > 0 and np.isfinite(tolerance)):
        raise must_be("tolerance", "above 0", tolerance)
    ordered = check_scores(scores)
    ordered = ordered.isel({LR: np.flatnonzero(ordered.notnull().any(SEED).values)})
    candidates = candidates_of(ordered, confidence)
    if ordered.sizes[LR] < ENOUGH_RATES or ordered.notnull().sum(SEED).max() < 2 or not candidates.any():
        return _described(_unknown(ordered, tolerance), scores)
    logs = on_log_scale(ordered)
    known = ordered[LR].where(candidates, drop=True)
    fine = np.geomspace(float(known.min()), float(known.max()), POINTS + 1)
    curves = _drawn(logs, np.log(fine), np.random.default_rng(seed)).assign_coords({LR: fine})
    linear, worse = is_linear(ordered), curves - curves.min(LR)
    means = logs.mean(SEED)
    cost = worse / (means.max() - means.min()) if linear else xr.apply_ufunc(np.expm1, worse)
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    below, score, above = curves.quantile([ends[0], 0.5, ends[1]], DRAW).drop_vars("quantile")
    best_low, best_high = _shortest(curves.idxmin(LR).values, confidence)
    low, high = _range(cost <= tolerance, confidence)
    result = xr.Dataset(
        {
            "score": from_log_scale(score, linear),
            "score_low": from_log_scale(below, linear),
            "score_high": from_log_scale(above, linear),
            "best": score.idxmin(LR),
            "best_low": best_low,
            "best_high": best_high,
            "low": low,
            "high": high,
            "tolerance": tolerance,
            "smallest": float(cost.quantile(confidence, DRAW).min()),
        }
    )
    return _described(result, scores)


def _unknown(scores: xr.DataArray, tolerance: float) -> xr.Dataset:
    names = ("score", "score_low", "score_high")
    nothing = xr.full_like(scores.isel({SEED: 0}, drop=True), np.nan).drop_attrs()
    numbers = dict.fromkeys(("best", "best_low", "best_high", "low", "high", "smallest"), np.nan)
    return xr.Dataset(dict.fromkeys(names, nothing) | numbers | {"tolerance": tolerance})


def _drawn(logs: xr.DataArray, wanted: Floats, random: np.random.Generator) -> xr.DataArray:
    """Return curves (draw, lr) at logarithms of rates, drawn from what the scores leave possible."""
    places = np.log(logs[LR].values)
    mean, variance = _mean_and_noise(logs)
    heights = np.log1p((mean - mean.min()) / STEEP) * STEEP
    noise = variance / np.exp(heights / STEEP) ** 2 + TINY
    spacing = (places[-1] - places[0]) / (len(places) - 1)
    processes = [
        Process(length, amplitude, places, heights - heights.mean(), noise)
        for length, amplitude in itertools.product(LENGTHS * spacing, AMPLITUDES)
    ]
    shares = scipy.special.softmax([process.log_likelihood for process in processes])
    counts = random.multinomial(DRAWS, shares)
    drawn = [process.draw(wanted, count, random) for process, count in zip(processes, counts, strict=True) if count]
    compressed = np.vstack(drawn) + heights.mean()
    return xr.DataArray(mean.min() + np.expm1(compressed / STEEP) * STEEP, dims=(DRAW, LR))


class Process:
    """A Gaussian process with noisy observations.

    It equals scikit-learn's `GaussianProcessRegressor`, which takes seconds to import.

    Parameters
    ----------
    length, amplitude : of the kernel
    places, values, noise : (n) of the observations, with the variance of each

    Attributes
    ----------
    log_likelihood : of the observations
    """

    def __init__(self, length: float, amplitude: float, places: Floats, values: Floats, noise: Floats) -> None:
        self._length, self._variance, self._places = length, amplitude**2, places
        self._factor = scipy.linalg.cho_factor(self.kernel(places, places) + np.diag(noise), lower=True)
        self._weights = scipy.linalg.cho_solve(self._factor, values)
        half_determinant = np.log(np.diag(self._factor[0])).sum()
        self.log_likelihood = -0.5 * (values @ self._weights + len(values) * np.log(2 * np.pi)) - half_determinant

    def kernel(self, first: Floats, second: Floats) -> Floats:
        """Return the covariance of the curve at two sets of places."""
        distance = np.sqrt(5) * abs(np.subtract.outer(first, second)) / self._length
        matern: Floats = (1 + distance + distance**2 / 3) * np.exp(-distance)
        return self._variance * (matern + OFFSET)

    def posterior(self, wanted: Floats) -> tuple[Floats, Floats]:
        """Return mean (m) and covariance (m, m) of the curve at other places."""
        across = self.kernel(self._places, wanted)
        return across.T @ self._weights, self.kernel(wanted, wanted) - across.T @ scipy.linalg.cho_solve(
            self._factor, across
        )

    def draw(self, wanted: Floats, count: int, random: np.random.Generator) -> Floats:
        """Return curves (count, m) at other places."""
        mean, covariance = self.posterior(wanted)
        return random.multivariate_normal(mean, covariance, count, method="eigh", check_valid="ignore")


def _mean_and_noise(logs: xr.DataArray) -> tuple[Floats, Floats]:
    """Return the mean of each rate, and the variance of its error without what a seed does to all rates.

    Few seeds say little about a variance: it is averaged with those of the neighbouring rates, and enlarged as
    Student's quantile is above the normal one.
    """
    whole = completed(logs)
    mean, count = whole.mean(SEED), logs.count(SEED)
    left, variance = whole - mean, whole.var(SEED, ddof=1).clip(min=TINY)
    for _ in range(20):  # seeds and variances settle in some few turns
        weight = 1 / variance
        of_seed = (weight * left).sum(LR) / weight.sum(LR)
        rest = (left - of_seed).where(logs.notnull())
        freedom = (count - 1).clip(min=1) * (1 - 1 / logs.sizes[LR])
        rough = np.log(((rest**2).sum(SEED) / freedom).clip(min=TINY).values)
        beside = np.pad(rough, 1, mode="edge")
        variance = mean.copy(data=np.exp((beside[:-2] + 2 * rough + beside[2:]) / 4))
    few = student_quantile(0.975, 2 * (count - 1).clip(min=1)) / scipy.special.ndtri(0.975)
    return mean.values, (variance * few**2 / count).values


def _shortest(rates: Floats, confidence: float) -> tuple[float, float]:
    """Return the interval with so large a share of the rates (n) whose ends differ by the smallest factor."""
    ordered = np.sort(rates)
    count = math.ceil(confidence * len(ordered))
    first = int((ordered[count - 1 :] / ordered[: len(ordered) - count + 1]).argmin())
    return float(ordered[first]), float(ordered[first + count - 1])


def _range(good: xr.DataArray, confidence: float) -> tuple[float, float]:
    """Return the ends of the longest run of rates that are all good in so large a share of the draws (draw, lr)."""
    rates, good = good[LR].values, good.drop_vars(LR)
    low = high = int(good.mean(DRAW).argmax(LR))
    together = good.isel({LR: low})
    if together.mean() < confidence:
        return np.nan, np.nan
    while True:
        beside = [place for place in (low - 1, high + 1) if 0 <= place < len(rates)]
        grown = {place: together & good.isel({LR: place}) for place in beside}
        place = max(grown, key=lambda place: float(grown[place].mean()), default=None)
        if place is None or grown[place].mean() < confidence:
            return float(rates[low]), float(rates[high])
        together = grown[place]
        low, high = min(low, place), max(high, place)


def _described(result: xr.Dataset, scores: xr.DataArray) -> xr.Dataset:
    linear = is_linear(check_scores(scores))
    labels: Labels = {
        **with_ends("score", name_of(scores), units_of(scores)),
        **with_ends("best", "learning rate with the lowest score"),
        "low": "smallest rate that costs at most the tolerance",
        "high": "largest rate that costs at most the tolerance",
        "tolerance": "tolerated loss, as a share",
        "smallest": "tolerance for which a rate is known, as a share",
    }
    result[LR].attrs = {"long_name": "learning rate", "units": "1", "scale": "log", **scores[LR].attrs}
    return describe(result, labels).assign_attrs(scale="linear" if linear else "log")
