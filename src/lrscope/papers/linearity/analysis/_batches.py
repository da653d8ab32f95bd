"""Batches of replicates: products of their mean outputs, and intervals from leaving out one at a time.

Products of two different batches share no noise. Averaged over all pairs they estimate the products of the true means
(errors in variables), as if the replicates were halved in every way and the halves multiplied.

A *statistic* is an array: its value from all batches, then its value with each batch left out. Statistics are added and
multiplied like other arrays; `estimate` returns the ratio of two with its interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy
import xarray as xr
from numpy.typing import NDArray

from lrscope.errors import must_be
from lrscope.records import MEMBER, STEP, on_grid

LR, BATCH, SAMPLE, OUTPUT, LEARNED = "lr", "batch", "sample", "output", "learned_sample"
POINT = (SAMPLE, OUTPUT)
REPLICATES, OUTPUTS, CLASS_OUTPUT = "replicates", "outputs_sum", "class_output_sum"
TARGETS = ("targets", "learned_targets")
CONFIDENCE = 0.95
MIN_BATCHES = 8
"""Batches that an interval needs."""
CLOSE = 1e-9
"""Rates that differ by no more than this share of them are the same."""
X, Y = (-1.0, 1.0, 0.0), (-1.0, 0.0, 1.0)
"""Factors of the outputs at eta, eta + a and eta + b in the delta at eta + a, and in that at eta + b."""

Floats = NDArray[np.float64]
Factors = Sequence[float] | Floats


def summed(records: xr.Dataset) -> xr.Dataset:
    """Return the sums over replicates that are in the records of replicated trainings.

    Parameters
    ----------
    records : (member, step) or (lr, batch, step), as the study linearity records them

    Returns
    -------
    Dataset (lr, batch, ...) : without ``step``; rates and batches ascend. ``targets`` (sample) and ``learned_targets``
        (learned_sample), which are the same in each batch

    Raises
    ------
    InputError : the records are not those of replicated trainings.
    """
    grid = on_grid(records) if MEMBER in records.dims else records
    if REPLICATES not in grid or not {LR, BATCH, STEP} <= set(grid.dims):
        remedy = "Give the records of replicated trainings, as the study linearity writes them."
        raise must_be("records", "sums over replicates (lr, batch, step)", ", ".join(map(str, grid)), remedy)
    sums = grid.isel({STEP: -1}, drop=True).sortby([LR, BATCH]).transpose(LR, BATCH, ...).load()
    return sums.assign({name: sums[name].isel({LR: 0, BATCH: 0}, drop=True) for name in TARGETS if name in sums})


def trained_at(
    sums: xr.Dataset, lrs: Sequence[float], name: str = OUTPUTS, at_least: int = MIN_BATCHES
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the replicates (lr, batch), and sums over them (lr, batch, ...), of batches that have some at each rate.

    Raises
    ------
    InputError : the rates do not differ or are not among those of the sums; fewer batches than `at_least`.
    """
    positions = _positions(sums, lrs)
    counts = sums[REPLICATES].isel({LR: positions})
    whole = np.flatnonzero((counts > 0).all(LR))
    _check_batches(len(whole), at_least)
    chosen = {LR: positions, BATCH: whole}
    counts, values = (sums[each].isel(chosen).drop_vars([LR, BATCH], errors="ignore") for each in (REPLICATES, name))
    return counts, values


def _positions(sums: xr.Dataset, lrs: Sequence[float]) -> list[int]:
    rates = sums[LR].values
    positions = [int(abs(rates - lr).argmin()) for lr in lrs]
    if len(set(positions)) < len(lrs) or not np.allclose(rates[positions], lrs, rtol=CLOSE, atol=0):
        allowed = f"different rates among {', '.join(f'{lr:.6g}' for lr in rates)}"
        raise must_be("eta, eta + a and eta + b", allowed, [float(f"{lr:.6g}") for lr in lrs])
    return positions


def _check_batches(count: int, at_least: int = MIN_BATCHES) -> None:
    if count < at_least:
        allowed = f"trained at each of the rates in {at_least} batches or more"
        raise must_be("replicates", allowed, count, "Train more replicates.")


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
    def of(cls, sums: xr.Dataset, *lrs: float) -> "Batches":
        """Return the products at some rates, of the batches that have replicates at each of them."""
        return cls._of(*trained_at(sums, lrs))

    @classmethod
    def everywhere(cls, sums: xr.Dataset) -> "Batches":
        """Return the products at every rate, batches without replicates included; `at` selects some rates."""
        _check_batches(sums.sizes[BATCH])
        return cls._of(sums[REPLICATES], sums[OUTPUTS])

    @classmethod
    def _of(cls, counts: xr.DataArray, outputs: xr.DataArray) -> "Batches":
        means = (outputs - outputs.mean(POINT)) / counts.where(counts > 0, 1)
        rows = means.transpose(LR, BATCH, *POINT).values.reshape(counts.size, -1)
        return cls((rows @ rows.T / rows.shape[1]).reshape(counts.shape * 2), counts.transpose(LR, BATCH).values)

    def at(self, positions: Sequence[int]) -> "Batches":
        """Return the same of some of the rates, of the batches that have replicates at each of them."""
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
        """Return the product of two combinations of mean outputs over the first 1, 2, ... batches, noise included."""
        first = np.tri(self.counts.shape[1])
        share = self.counts[:, None] * first / (self.counts @ first.T)[..., None]  # (lr, first batches, batch)
        return np.asarray(np.einsum("i,ina,iajb,j,jnb->n", one, share, self.products, other, share, optimize=True))

    def corrected(self, one: Factors, other: Factors) -> Floats:
        """Return the statistic of the product of two combinations without noise."""
        return between_batches(self.pairs(one, other), self.weights)

    def noise(self, one: Factors, other: Factors) -> Floats:
        """Return the statistic of what the noise of one replicate adds to the product of two combinations."""
        own = self.weights * np.diagonal(self.pairs(one, other))
        return _mean(own) - _mean(self.weights) * self.corrected(one, other)


def between_batches(pairs: Floats, weights: Floats) -> Floats:
    """Return the statistic of the mean of products (batch, other_batch) of different batches, weighted (batch)."""
    weight = np.outer(weights, weights)
    np.fill_diagonal(weight, 0.0)
    both = weight * (pairs + pairs.T) / 2
    # leaving out a batch removes its row and its column of pairs
    above, below = (np.r_[each.sum(), each.sum() - 2 * each.sum(axis=1)] for each in (both, weight))
    return np.asarray(above / below)


def _mean(values: Floats) -> Floats:
    """Return the statistic of the mean of values (batch)."""
    return np.concatenate([[values.mean()], (values.sum() - values) / (len(values) - 1)])


def _covariance(one: Floats, other: Floats) -> float:
    """Return the jackknife estimate of the covariance of two statistics; with itself, of the variance."""
    return float((len(one) - 2) * np.cov(one[1:], other[1:], ddof=0)[0, 1])


def _quantile(batches: int) -> float:
    """Return Student's quantile for an interval from leaving out one of some batches at a time."""
    return float(scipy.special.stdtrit(batches - 1, (1 + CONFIDENCE) / 2))


def half_width(without: xr.DataArray) -> xr.DataArray:
    """Return half the width of the interval of values, from those without each batch (batch, ...)."""
    count = without.sizes[BATCH]
    width: xr.DataArray = ((count - 1) * without.var(BATCH)) ** 0.5 * _quantile(count)
    return width


def estimate(name: str, above: Floats, below: Floats, least: float = -np.inf) -> dict[str, float]:
    """Return the ratio of two statistics under its name, and the ends of its interval as ``_low`` and ``_high``.

    A ratio q lies in the interval unless above - q below differs from zero by more than Student's quantile times its
    jackknife error (Fieller). That needs no inverse of a noisy denominator; where the denominator does not differ from
    zero, nothing is known, and the interval is infinite.

    Parameters
    ----------
    least : the interval ends here

    References
    ----------
    Fieller: Some problems in interval estimation, Journal of the Royal Statistical Society B 16 (1954).
    Efron, Stein: The jackknife estimate of variance, Annals of Statistics 9 (1981).
    """
    reach = _quantile(len(above) - 1) ** 2
    square = below[0] ** 2 - reach * _covariance(below, below)
    low, high = -np.inf, np.inf
    if square > 0:
        middle = above[0] * below[0] - reach * _covariance(above, below)
        rest = above[0] ** 2 - reach * _covariance(above, above)
        half = max(middle**2 - square * rest, 0.0) ** 0.5
        low, high = (middle - half) / square, (middle + half) / square
    value = float(quotient(above[0], below[0]))
    return {name: value, f"{name}_low": float(max(low, least)), f"{name}_high": float(high)}


def quotient(above: Floats | float, below: Floats | float) -> Floats:
    """Return above / below; NaN where `below` is not positive."""
    nothing = np.full(np.broadcast_shapes(np.shape(above), np.shape(below)), np.nan)
    return np.asarray(np.divide(above, below, out=nothing, where=np.greater(below, 0)))
