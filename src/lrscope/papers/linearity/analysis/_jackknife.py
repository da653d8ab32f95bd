"""What the batches of replicates say about each other: products of their mean outputs, and intervals from them.

Products of two different batches share no noise. Averaged over all pairs they estimate the products of the true means
(errors in variables), as if the replicates were halved in every way and the halves multiplied.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._means import (
    BATCH,
    LR,
    OUTPUT,
    OUTPUTS,
    POINT,
    REPLICATES,
    SAMPLE,
    recorded,
    trained_at,
)

MIN_BATCHES = 8
"""Batches that an interval needs."""
VALUES_AT_ONCE = 2**22
"""Outputs that are multiplied at a time."""
X, Y = (-1.0, 1.0, 0.0), (-1.0, 0.0, 1.0)
"""Combinations of the outputs at eta, eta + a and eta + b: the delta at eta + a, and at eta + b."""

Floats = NDArray[np.float64]
Factors = Sequence[float]


def check_confidence(confidence: float) -> None:
    """Raise an error for a confidence that is not between 0 and 1."""
    if not 0 < confidence < 1:
        raise must_be("confidence", "between 0 and 1", confidence)


def check_batches(batches: int, replicates: int) -> None:
    """Raise an error where there are too few batches for an interval."""
    if batches < MIN_BATCHES:
        allowed = f"at least {MIN_BATCHES} at each rate, in {MIN_BATCHES} batches or more, for an interval"
        raise must_be("replicates", allowed, f"{replicates} in {batches}", "Train more replicates.")


def student(confidence: float, batches: int) -> float:
    """Return Student's quantile for an interval from leaving out one of some batches at a time."""
    return float(scipy.stats.t.ppf((1 + confidence) / 2, batches - 1))


def half_width(without: xr.DataArray, confidence: float) -> xr.DataArray:
    """Return half the width of the jackknife interval of values, from those without each batch (batch, ...)."""
    count = without.sizes[BATCH]
    width: xr.DataArray = ((count - 1) * without.var(BATCH)) ** 0.5 * student(confidence, count)
    return width


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
    # leaving out a batch removes its row and its column of pairs
    above, below = (one.sum() - 2 * one.sum(axis=1) for one in (both, weight))
    with np.errstate(divide="ignore", invalid="ignore"):
        return LeftOut(float(np.divide(both.sum(), weight.sum())), above / below)


def mean_of(values: Floats) -> LeftOut:
    """Return the mean of values (batch)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return LeftOut(float(values.mean()), np.divide(values.sum() - values, len(values) - 1))


@dataclass(frozen=True)
class Batches:
    """What mean outputs of batches of replicates have in common, at some rates.

    A combination of the rates, such as the delta `X`, is given by a factor for each rate.

    Attributes
    ----------
    products : (lr, batch, lr, batch) mean over samples and outputs of the product of the mean outputs of two batches,
        each less its mean over samples and outputs
    counts : (lr, batch) replicates
    """

    products: Floats
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, sums: xr.Dataset, positions: Sequence[int]) -> "Batches":
        """Return the products of the outputs at these rates, of batches that have replicates at each of them.

        Raises
        ------
        InputError : outputs were not recorded, or no batch has replicates at each of the rates.
        """
        return cls._products(trained_at(sums, positions))

    @classmethod
    def everywhere(cls, sums: xr.Dataset) -> "Batches":
        """Return the same at every rate, batches without replicates included; `at` selects some rates.

        Raises
        ------
        InputError : outputs were not recorded.
        """
        return cls._products(recorded(sums, OUTPUTS))

    @classmethod
    def _products(cls, sums: xr.Dataset) -> "Batches":
        """Multiply some samples at a time, so that no copy of all outputs is made."""
        some = sums.drop_vars([LR, BATCH], errors="ignore")
        counts, outputs = some[REPLICATES].transpose(LR, BATCH), some[OUTPUTS].transpose(LR, BATCH, *POINT)
        centre, trained = outputs.mean(POINT), counts.where(counts > 0, 1)
        size = max(1, VALUES_AT_ONCE // (counts.size * outputs.sizes[OUTPUT]))
        total = np.zeros((counts.size, counts.size))
        for start in range(0, outputs.sizes[SAMPLE], size):
            part = (outputs.isel({SAMPLE: slice(start, start + size)}) - centre) / trained
            rows = part.values.reshape(counts.size, -1)
            total += rows @ rows.T
        points = outputs.sizes[SAMPLE] * outputs.sizes[OUTPUT]
        return cls(total.reshape(counts.shape * 2) / points, counts.values)

    def at(self, positions: Sequence[int]) -> "Batches":
        """Return the same of some of the rates, in this order, of batches that have replicates at each of them."""
        here = list(positions)
        whole = (self.counts[here] > 0).all(axis=0)
        products = self.products[here][:, :, here]
        return Batches(products[:, whole][..., whole], self.counts[here][:, whole])

    @property
    def weights(self) -> Floats:
        """Replicates of each batch, the mean over the rates."""
        return np.asarray(self.counts.mean(axis=0))

    @property
    def cumulated(self) -> NDArray[np.int64]:
        """Replicates at each rate (the fewest) in the first 1, 2, ... batches."""
        return np.asarray(self.counts.cumsum(axis=1).min(axis=0))

    def pairs(self, one: Factors, other: Factors) -> Floats:
        """Return the products (batch, other_batch) of two combinations of the rates."""
        return np.asarray(np.einsum("i,iajb,j->ab", one, self.products, other))

    def observed(self, one: Factors, other: Factors) -> Floats:
        """Return the product of two combinations of mean outputs over the first 1, 2, ... batches."""
        first = np.tri(self.counts.shape[1])
        share = self.counts[:, None] * first / (self.counts @ first.T)[..., None]  # (lr, first batches, batch)
        return np.asarray(np.einsum("i,ina,iajb,j,jnb->n", one, share, self.products, other, share, optimize=True))

    def in_all(self, one: Factors, other: Factors) -> float:
        """Return the product of two combinations of mean outputs over all batches."""
        share = self.counts / self.counts.sum(axis=1, keepdims=True)
        return float(np.einsum("i,ia,iajb,j,jb->", one, share, self.products, other, share, optimize=True))

    def corrected(self, one: Factors, other: Factors) -> LeftOut:
        """Return the product of two combinations without noise: the mean over all pairs of different batches."""
        return between_batches(self.pairs(one, other), self.weights)

    def noise(self, one: Factors, other: Factors) -> LeftOut:
        """Return what the noise of one replicate adds to the product of two combinations; divide it by replicates."""
        signal = mean_of(self.weights) * self.corrected(one, other)
        return mean_of(self.weights * np.diagonal(self.pairs(one, other))) + LeftOut(-signal.whole, -signal.without)


def ratio_interval(above: LeftOut, below: LeftOut, confidence: float) -> tuple[float, float]:
    """Return the values of the ratio of two statistics that the batches do not contradict.

    A ratio q is contradicted where above - q below differs from zero by more than Student's quantile (batches - 1
    degrees of freedom) times its jackknife error. That needs no inverse of a noisy denominator; where the denominator
    does not differ from zero, nothing is known, and the interval is infinite.

    References
    ----------
    Fieller: Some problems in interval estimation, Journal of the Royal Statistical Society B 16 (1954).
    Efron, Stein: The jackknife estimate of variance, Annals of Statistics 9 (1981).
    """
    reach = student(confidence, len(above.without)) ** 2
    square = below.whole**2 - reach * below.covariance(below)
    if not square > 0:
        return -np.inf, np.inf
    middle = above.whole * below.whole - reach * above.covariance(below)
    rest = above.whole**2 - reach * above.covariance(above)
    half = max(middle**2 - square * rest, 0.0) ** 0.5
    return float((middle - half) / square), float((middle + half) / square)


def quotient(above: float, below: float) -> float:
    """Return above / below; NaN where `below` is not positive."""
    return above / below if below > 0 else np.nan


def r_squared(xx: float, xy: float, yy: float) -> float:
    """Return the squared correlation; NaN where the product of the variances is not positive."""
    return quotient(xy * xy, xx * yy)
