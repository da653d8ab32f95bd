"""What the batches of replicates say about each other: products of their mean outputs, and intervals from them.

Products of two different batches share no noise. Averaged over all pairs they estimate the products of the true means
(errors in variables), which is the same as halving the replicates in every way and multiplying the halves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._bootstrap import student_quantile
from lrscope.analysis._replicates import BATCH, LR, OUTPUT, OUTPUTS, POINT, REPLICATES, SAMPLE, places_of, trained_at
from lrscope.errors import must_be

FEWEST = 8
"""Batches that an interval needs."""
VALUES_AT_ONCE = 2**22
"""Outputs that are multiplied at a time."""
OTHER_RATE, OTHER_BATCH = "lr_of_other", "other_batch"
OTHER = {LR: OTHER_RATE, BATCH: OTHER_BATCH}
SIGNS = {"x": [-1.0, 1.0, 0.0], "y": [-1.0, 0.0, 1.0]}
"""What is taken of the outputs at eta, eta + a and eta + b."""

Floats = NDArray[np.float64]


def check_confidence(confidence: float) -> None:
    """Raise an error for a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise must_be("confidence", "between 0 and 1", confidence)


@dataclass(frozen=True)
class Products:
    """Products of the deltas of batches of replicates.

    Attributes
    ----------
    xx, xy, yy : (batch, other_batch) mean over samples and outputs of the product of the delta x or y of a batch with
        that of another one; each delta without its mean over samples and outputs
    weights : (batch) replicates of each batch, the mean over the rates
    observed : xx, xy, yy of the deltas over all replicates of the first 1, 2, ... batches (products, batch)
    counts : (batch) replicates at each rate (the fewest) in the first 1, 2, ... batches
    """

    xx: Floats
    xy: Floats
    yy: Floats
    weights: Floats
    observed: dict[str, Floats]
    counts: NDArray[np.int64]


def gram(sums: xr.Dataset, places: Sequence[int]) -> tuple[xr.DataArray, xr.DataArray]:
    """Return products of the mean outputs of all batches at these rates, and the replicates of each (lr, batch).

    Outputs are taken less their mean over samples and outputs, and products are averaged over samples and outputs, some
    samples at a time, so that no copy of all outputs is made.

    Returns
    -------
    products : (lr, batch, lr_of_other, other_batch)
    counts : (lr, batch), of batches with replicates at each of the rates
    """
    some = trained_at(sums, places)
    counts, outputs = some[REPLICATES], some[OUTPUTS]
    centre = outputs.mean(POINT)
    size = max(1, VALUES_AT_ONCE // (counts.size * outputs.sizes[OUTPUT]))
    total = xr.DataArray(0.0)
    for start in range(0, outputs.sizes[SAMPLE], size):
        part = (outputs.isel({SAMPLE: slice(start, start + size)}) - centre) / counts
        part = part.drop_vars([LR, BATCH], errors="ignore")
        total = total + xr.dot(part, part.rename(OTHER), dim=POINT)
    return total / (outputs.sizes[SAMPLE] * outputs.sizes[OUTPUT]), counts.drop_vars([LR, BATCH], errors="ignore")


def products(sums: xr.Dataset, eta: float, a: float, b: float) -> Products:
    """Return the products of the deltas at eta + a and eta + b.

    Raises
    ------
    InputError : a or b is zero, both are equal, or a rate is not among the rates.
    """
    return products_of(*gram(sums, places_of(sums, eta, a=a, b=b)))


def products_of(all_products: xr.DataArray, counts: xr.DataArray) -> Products:
    """Return the products of deltas from those of outputs at three rates: eta, eta + a, eta + b (see `gram`)."""
    signs = {name: xr.DataArray(values, dims=LR) for name, values in SIGNS.items()}
    first = xr.DataArray(np.tri(counts.sizes[BATCH]), dims=(REPLICATES, BATCH))
    share = counts * first / xr.dot(counts, first, dim=BATCH)
    pairs: dict[str, Floats] = {}
    observed: dict[str, Floats] = {}
    for name in ("xx", "xy", "yy"):
        one, other = signs[name[0]], signs[name[1]].rename({LR: OTHER_RATE})
        between = xr.dot(one, all_products, other, dim=(LR, OTHER_RATE))
        pairs[name] = between.transpose(BATCH, OTHER_BATCH).values
        observed[name] = xr.dot(
            one * share, all_products, other * share.rename(OTHER), dim=(*OTHER, *OTHER.values())
        ).values
    cumulated = counts.cumsum(BATCH).min(LR).values.astype(np.int64)
    return Products(**pairs, weights=counts.mean(LR).values, observed=observed, counts=cumulated)


@dataclass(frozen=True)
class LeftOut:
    """A statistic of all batches, and with each batch left out.

    Attributes
    ----------
    whole : from all batches
    without : (batch) with this batch left out
    """

    whole: float
    without: Floats

    def __add__(self, other: "LeftOut") -> "LeftOut":
        """Return the sum of two statistics."""
        return LeftOut(self.whole + other.whole, self.without + other.without)

    def __mul__(self, other: "LeftOut") -> "LeftOut":
        """Return the product of two statistics."""
        return LeftOut(self.whole * other.whole, self.without * other.without)

    def scaled(self, factor: float) -> "LeftOut":
        """Return the statistic times a number."""
        return LeftOut(factor * self.whole, factor * self.without)

    def covariance(self, other: "LeftOut") -> float:
        """Return the jackknife estimate of the covariance of two statistics; with itself, of the variance."""
        count = len(self.without)
        deviations = (self.without - self.without.mean()) * (other.without - other.without.mean())
        return float((count - 1) / count * deviations.sum())


def between_batches(pairs: Floats, weights: Floats) -> LeftOut:
    """Return the mean product of two different batches, weighted by their replicates; NaN for fewer than two.

    Parameters
    ----------
    pairs : (batch, other_batch)
    weights : (batch)
    """
    weight = np.outer(weights, weights)
    np.fill_diagonal(weight, 0.0)
    both = weight * (pairs + pairs.T) / 2
    ones = np.ones(len(weights))
    above, below = both.sum() - 2 * both @ ones, weight.sum() - 2 * weight @ ones
    with np.errstate(divide="ignore", invalid="ignore"):
        return LeftOut(float(np.divide(both.sum(), weight.sum())), above / below)


def ratio_interval(above: LeftOut, below: LeftOut, confidence: float) -> tuple[float, float]:
    """Return the values of the ratio of two statistics that the batches do not contradict.

    A ratio q is contradicted where above - q below differs from zero by more than Student's quantile (batches - 1
    degrees of freedom) times its jackknife error. That needs no inverse of a noisy denominator; where it cannot be told
    from zero, nothing is known, and the interval is infinite.

    References
    ----------
    Fieller: Some problems in interval estimation, Journal of the Royal Statistical Society B 16 (1954).
    Efron, Stein: The jackknife estimate of variance, Annals of Statistics 9 (1981).
    """
    reach = student_quantile((1 + confidence) / 2, len(above.without) - 1) ** 2
    square = below.whole**2 - reach * below.covariance(below)
    if not square > 0:
        return -np.inf, np.inf
    middle = above.whole * below.whole - reach * above.covariance(below)
    rest = above.whole**2 - reach * above.covariance(above)
    half = max(middle**2 - square * rest, 0.0) ** 0.5
    return float((middle - half) / square), float((middle + half) / square)


def check_batches(batches: int, replicates: int) -> None:
    """Raise an error where there are too few batches for an interval."""
    if batches < FEWEST:
        allowed = f"at least {FEWEST} at each rate, in {FEWEST} batches or more, for an interval"
        raise must_be("replicates", allowed, f"{replicates} in {batches}", "Train more replicates.")
