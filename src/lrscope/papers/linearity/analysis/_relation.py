"""Is the change of a mean output a simple function of the mean output itself?"""

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._jackknife import (
    Batches,
    LeftOut,
    between_batches,
    check_batches,
    check_confidence,
    half_width,
    quotient,
    r_squared,
    ratio_interval,
)
from lrscope.papers.linearity.analysis._means import (
    BATCH,
    LR,
    OUTPUTS,
    POINT,
    REPLICATES,
    labelled,
    positions_of,
    trained_at,
)

BIN = "bin"
AT_ETA, DELTA = (1.0, 0.0), (-1.0, 1.0)


def delta_against_output(
    sums: xr.Dataset, eta: float, b: float, bins: int = 20, confidence: float = 0.95
) -> xr.Dataset:
    """Return how far the change of mean outputs from eta to eta + b follows from the mean output at eta.

    Parameters
    ----------
    sums : of `summed`, with outputs
    eta, b : eta and eta + b are among the rates
    bins : of outputs, with about as many points in each
    confidence : of the intervals, between 0 and 1

    Returns
    -------
    Dataset
        output, delta : (sample, output) mean output at eta, and its change to eta + b
        r2_line, slope, intercept : of the least-squares line of the change on the output
        r2_bins : share of the variance of the change that the means of the bins explain
        r2_corrected, r2_corrected_low, r2_corrected_high : of the line without noise, as in `law`. Output and change
            share the noise at eta with opposite sign, which makes a relation where there is none
        r2_bins_corrected, r2_bins_corrected_low, r2_bins_corrected_high : of the bins without noise: bins from one half
            of the batches, products of different batches of their mean changes from the other half, and the reverse.
            Noise that moves points to other bins makes it too small, never too large
        lower, upper : (bin) ends of the bins
        points : (bin) samples and outputs in them
        bin_output, bin_delta : (bin) means of the points; NaN where there are none
        bin_low, bin_high : (bin) jackknife interval of the mean change of these points

    Raises
    ------
    InputError : b is zero, a rate is not among the rates, fewer than one bin or 8 batches of replicates, or the
        confidence is not between 0 and 1.
    """
    check_confidence(confidence)
    if not (isinstance(bins, int | np.integer) and bins > 0):
        raise must_be("bins", "a positive integer", bins)
    positions = positions_of(sums, eta, b=b)
    batches = Batches.of(sums, positions)
    check_batches(len(batches.weights), int(batches.cumulated[-1]))
    some = trained_at(sums, positions).drop_vars([LR, BATCH], errors="ignore")
    means = some[OUTPUTS].sum(BATCH) / some[REPLICATES].sum(BATCH)
    output = means.isel({LR: 0})
    result = xr.Dataset({"output": output, "delta": means.isel({LR: 1}) - output})
    result = result.assign(_line(result, batches, confidence)).assign(_binned(result, some, bins, confidence))
    result = result.assign(_explained(some, batches, bins, confidence))
    return _labelled(result, eta, b)


def _line(result: xr.Dataset, batches: Batches, confidence: float) -> dict[str, float]:
    products = ((AT_ETA, AT_ETA), (AT_ETA, DELTA), (DELTA, DELTA))
    zz, zy, yy = (batches.in_all(*two) for two in products)
    true = [batches.corrected(*two) for two in products]
    low, high = ratio_interval(true[1] * true[1], true[0] * true[2], confidence)
    slope = quotient(zy, zz)
    return {
        "r2_line": r_squared(zz, zy, yy),
        "slope": slope,
        "intercept": float(result["delta"].mean() - slope * result["output"].mean()),
        "r2_corrected": r_squared(true[0].whole, true[1].whole, true[2].whole),
        "r2_corrected_low": max(low, 0.0),
        "r2_corrected_high": high,
    }


def _binned(result: xr.Dataset, some: xr.Dataset, bins: int, confidence: float) -> dict[str, xr.DataArray]:
    """Return what is known of the bins, with intervals from leaving out one batch at a time; the bins stay the same."""
    edges, points, share = _bins_of(result["output"], bins)
    output, delta = (xr.dot(share, result[name], dim=POINT) for name in ("output", "delta"))
    sums = xr.dot(some[OUTPUTS], share, dim=POINT)
    left = (sums.sum(BATCH) - sums) / (some[REPLICATES].sum(BATCH) - some[REPLICATES])
    reach = half_width(left.isel({LR: 1}) - left.isel({LR: 0}), confidence)
    between = (points * (delta - result["delta"].mean()) ** 2).sum() / points.sum()
    return {
        "lower": xr.DataArray(edges[:-1], dims=BIN),
        "upper": xr.DataArray(edges[1:], dims=BIN),
        "points": points,
        "bin_output": output,
        "bin_delta": delta,
        "bin_low": delta - reach,
        "bin_high": delta + reach,
        "r2_bins": between / result["delta"].var().where(lambda variance: variance > 0),
    }


def _bins_of(output: xr.DataArray, bins: int) -> tuple[np.ndarray, xr.DataArray, xr.DataArray]:
    """Return the ends of the bins, the points (bin) in them, and the share (bin, ...) of each point in its bin."""
    edges = np.quantile(output.values, np.linspace(0, 1, bins + 1))
    place = xr.DataArray(np.searchsorted(edges[1:-1], output.values, side="right"), dims=POINT)
    points = xr.DataArray(np.bincount(place.values.ravel(), minlength=bins), dims=BIN)
    member = xr.concat([place == number for number in range(bins)], BIN).astype(np.float64)
    return edges, points, member / points.where(points > 0)


def _explained(some: xr.Dataset, batches: Batches, bins: int, confidence: float) -> dict[str, float]:
    """Return the share of the variance that bins explain, without noise; the bins of each half stay the same."""
    odd = np.arange(len(batches.weights)) % 2 == 1
    halves = [_between_bins(some, batches.weights, bins, chosen) for chosen in (odd, ~odd)]
    without = np.empty(len(odd))
    for half, other, chosen in zip(halves, halves[::-1], (odd, ~odd), strict=True):
        without[chosen] = (half.without + other.whole) / 2
    between, whole = LeftOut((halves[0].whole + halves[1].whole) / 2, without), batches.corrected(DELTA, DELTA)
    low, high = ratio_interval(between, whole, confidence)
    return {
        "r2_bins_corrected": quotient(between.whole, whole.whole),
        "r2_bins_corrected_low": max(low, 0.0),
        "r2_bins_corrected_high": high,
    }


def _between_bins(some: xr.Dataset, weights: np.ndarray, bins: int, chosen: np.ndarray) -> LeftOut:
    """Return the mean square of the mean changes of bins, from these batches; the bins are from the other batches."""
    here, others = (some.isel({BATCH: np.flatnonzero(one)}) for one in (chosen, ~chosen))
    _, points, share = _bins_of((others[OUTPUTS].sum(BATCH) / others[REPLICATES].sum(BATCH)).isel({LR: 0}), bins)
    means = xr.dot(here[OUTPUTS], share.fillna(0.0), dim=POINT) / here[REPLICATES]
    delta = means.isel({LR: 1}) - means.isel({LR: 0})
    part = points / points.sum()
    rows = ((delta - xr.dot(delta, part, dim=BIN)) * part**0.5).transpose(BATCH, BIN).values
    return between_batches(rows @ rows.T, weights[chosen])


def _labelled(result: xr.Dataset, eta: float, b: float) -> xr.Dataset:
    change = f"change of the mean output to a learning rate of {eta + b:.4g}"
    texts = {
        "output": f"mean output at a learning rate of {eta:.4g}",
        "delta": change,
        "r2_line": "R² of a line",
        "slope": "slope of the line",
        "intercept": "intercept of the line",
        "r2_corrected": "R² of a line, without noise",
        "r2_bins": "share of the variance explained by the bins",
        "r2_bins_corrected": "share of the variance explained by the bins, without noise",
        "lower": "low end of the bin",
        "upper": "high end of the bin",
        "points": "points in the bin",
        "bin_output": "mean of the outputs in the bin",
        "bin_delta": f"mean {change}",
        "bin": f"mean {change}",
    }
    return labelled(result, texts, {"points": "points"})
