"""How the outputs change from one rate to another: by the output itself, by class, and sample by sample."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.papers.linearity.analysis._batches import (
    BATCH,
    CLASS_OUTPUT,
    LEARNED,
    LR,
    OUTPUT,
    POINT,
    SAMPLE,
    Batches,
    Floats,
    between_batches,
    estimate,
    half_width,
    quotient,
    trained_at,
)

BIN, CLASS, SIDE, RANK = "bin", "class", "side", "rank"
AT_ETA, DELTA = (1.0, 0.0), (-1.0, 1.0)
PRODUCTS = ((AT_ETA, AT_ETA), (AT_ETA, DELTA), (DELTA, DELTA))
SIDES = ("most", "least")
BAND = (0.4, 0.6)
"""Quantiles of the confidence between which samples are taken."""
NO_SAMPLE = -1


def delta_against_output(sums: xr.Dataset, eta: float, b: float, bins: int = 20) -> xr.Dataset:
    """Return how far the change of mean outputs from eta to eta + b follows from the mean output at eta.

    Parameters
    ----------
    bins : of outputs, with about as many points in each

    Returns
    -------
    Dataset
        output, delta : (sample, output) mean output at eta, and its change to eta + b
        r2_line, slope, intercept : of the least-squares line of the change on the output
        r2_bins : share of the variance of the change that the means of the bins explain
        r2_corrected : of the line without noise, with ``_low`` and ``_high``, as in `law`. Output and change share the
            noise at eta with opposite sign, which makes a relation where there is none
        r2_bins_corrected : of the bins without noise, with ``_low`` and ``_high``: bins from one half of the batches,
            products of different batches of their mean changes from the other half, and the reverse. Noise that moves
            points to other bins makes it too small, never too large
        bin_output, bin_delta : (bin) means of the points; NaN where there are none
        bin_low, bin_high : (bin) interval of the mean change of these points
    """
    batches = Batches.of(sums, eta, eta + b)
    counts, outputs = trained_at(sums, [eta, eta + b])
    means = outputs.sum(BATCH) / counts.sum(BATCH)
    output, delta = means.isel({LR: 0}), _difference(means)
    zz, zy, yy = (batches.observed(*two)[-1] for two in PRODUCTS)
    true_zz, true_zy, true_yy = (batches.corrected(*two) for two in PRODUCTS)
    slope, change = float(quotient(zy, zz)), f"change of the mean output to a learning rate of {eta + b:.4g}"
    between = _between_bins(counts, outputs, batches.weights, bins)
    result = xr.Dataset(
        {
            "output": output.assign_attrs(long_name=f"mean output at a learning rate of {eta:.4g}", units="1"),
            "delta": delta.assign_attrs(long_name=change, units="1"),
            "r2_line": float(quotient(zy * zy, zz * yy)),
            "slope": slope,
            "intercept": float(delta.mean() - slope * output.mean()),
            **estimate("r2_corrected", true_zy * true_zy, true_zz * true_yy, least=0.0),
            **estimate("r2_bins_corrected", between, true_yy, least=0.0),
        }
    )
    return result.assign(_binned(result, counts, outputs, bins))


def _binned(result: xr.Dataset, counts: xr.DataArray, outputs: xr.DataArray, bins: int) -> dict[str, xr.DataArray]:
    """Return the means of the bins, with intervals from leaving out one batch at a time; the bins stay the same."""
    points, share = _bins_of(result["output"], bins)
    output, delta = (xr.dot(share, result[name], dim=POINT) for name in ("output", "delta"))
    binned = xr.dot(outputs, share, dim=POINT)
    without = (binned.sum(BATCH) - binned) / (counts.sum(BATCH) - counts)
    reach = half_width(_difference(without))
    between = (points * (delta - result["delta"].mean()) ** 2).sum() / points.sum()
    variance = result["delta"].var()
    ends = {"bin_low": delta - reach, "bin_high": delta + reach}
    return {"bin_output": output, "bin_delta": delta, **ends, "r2_bins": between / variance.where(variance > 0)}


def _bins_of(output: xr.DataArray, bins: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the number of points in each bin (bin), and the share (bin, ...) of each point in its bin."""
    edges = np.quantile(output.values, np.linspace(0, 1, bins + 1))
    place = xr.DataArray(np.searchsorted(edges[1:-1], output.values, side="right"), dims=output.dims)
    member = (place == xr.DataArray(np.arange(bins), dims=BIN)).astype(np.float64)
    points = member.sum(POINT)
    return points, member / points.where(points > 0)


def _between_bins(counts: xr.DataArray, outputs: xr.DataArray, weights: Floats, bins: int) -> Floats:
    """Return the statistic of the mean square of the mean changes of bins, without noise."""
    odd = np.arange(len(weights)) % 2 == 1
    statistics = []
    # the bins come from one half of the batches, the changes from the other, and the reverse
    for chosen in (odd, ~odd):
        here, others = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        choosing, choosing_counts = outputs.isel({BATCH: others}), counts.isel({BATCH: others})
        points, share = _bins_of((choosing.sum(BATCH) / choosing_counts.sum(BATCH)).isel({LR: 0}), bins)
        means = xr.dot(outputs.isel({BATCH: here}), share.fillna(0.0), dim=POINT) / counts.isel({BATCH: here})
        delta = _difference(means)
        part = points / points.sum()
        rows = ((delta - xr.dot(delta, part, dim=BIN)) * part**0.5).transpose(BATCH, BIN).values
        statistics.append(between_batches(rows @ rows.T, weights[chosen]))
    without = np.empty(len(odd))
    without[odd] = (statistics[0][1:] + statistics[1][0]) / 2
    without[~odd] = (statistics[1][1:] + statistics[0][0]) / 2
    return np.concatenate([[(statistics[0][0] + statistics[1][0]) / 2], without])


def output_sensitivity(sums: xr.Dataset, eta: float, a: float) -> xr.Dataset:
    """Return the change of the mean outputs of each class from eta to eta + a, per unit of the learning rate.

    Returns
    -------
    Dataset (output)
        mean : over all samples, with the ends ``_low`` and ``_high`` of its interval, which holds for itself: of many
            classes, some miss
        own : over the samples of the class of this output; NaN where targets were not recorded, or there are none
    """
    counts, outputs = trained_at(sums, [eta, eta + a])
    totals = outputs.sum(BATCH)
    delta = _difference(totals / counts.sum(BATCH)) / a
    without = _difference((totals - outputs) / (counts.sum(BATCH) - counts)) / a
    classes = xr.DataArray(np.arange(delta.sizes[OUTPUT]), dims=OUTPUT)
    own = (sums["targets"] == classes).astype(float) if "targets" in sums else xr.zeros_like(delta)
    result: dict[str, xr.DataArray] = {}
    for name, weight in {"mean": xr.ones_like(delta), "own": own}.items():
        total = weight.sum(SAMPLE)
        share = weight / total.where(total > 0)
        mean = (delta * share).sum(SAMPLE, skipna=False)
        reach = half_width(xr.dot(without, share, dim=SAMPLE))
        result |= {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}
    return xr.Dataset(result)


def accuracy_change(sums: xr.Dataset, eta: float, b: float) -> xr.Dataset:
    """Return the mean accuracies at eta and eta + b, and their difference; each training counts the same.

    Returns
    -------
    Dataset
        accuracy : (lr) means over the trainings of the batches that have replicates at both rates
        difference : of these two, with the ends ``_low`` and ``_high`` of its interval
    """
    counts, correct = trained_at(sums, [eta, eta + b], "accuracy_sum")
    trained, total = counts.sum(BATCH), correct.sum(BATCH)
    accuracy = total / trained
    value, reach = _difference(accuracy), half_width(_difference((total - correct) / (trained - counts)))
    ends = {"difference_low": value - reach, "difference_high": value + reach}
    return xr.Dataset({"accuracy": accuracy, "difference": value, **ends})


def _difference(means: xr.DataArray) -> xr.DataArray:
    return means.isel({LR: 1}) - means.isel({LR: 0})


def favoured(sums: xr.Dataset, eta: float, b: float, count: int = 24) -> xr.Dataset:
    """Return the samples of middling confidence whose own class gains most, and least, from eta to eta + b.

    The confidence of a sample is the mean output of its own class at eta. Taken are the samples between the 40th and
    the 60th percentile of their class; of these the `count` whose confidence changes most and least, but no more than
    half of them on each side, so that no sample is on both.

    Which samples are extreme is partly chance: the changes by which they are chosen are too large. So they are chosen
    by every other batch of replicates, and their changes and confidences are those of the batches between, whose noise
    has no part in the choice.

    Returns
    -------
    Dataset (class, side, rank) : side ``most`` and ``least``; rank 0 is the most extreme
        position : of the sample among those that are learned from; -1 where there is none
        change : of its confidence from eta to eta + b, in the batches that did not choose; NaN where there is none
        confidence_low, confidence_high : its confidence at eta and at eta + b, in the same batches
        choosing_change : its change in the batches that chose it, which is too large
        mean_change, mean_confidence_low, mean_confidence_high, mean_choosing_change : (class, side) means over the
            ranks
        samples : (class, side) number of samples
        band : (class) samples between the percentiles

    Raises
    ------
    InputError : rates that are not among those of the sums; fewer than two batches with replicates at both.
    """
    counts, outputs = trained_at(sums, [eta, eta + b], CLASS_OUTPUT, at_least=2)
    halves = [{BATCH: slice(start, None, 2)} for start in (0, 1)]
    choosing, shown = (outputs.isel(half).sum(BATCH) / counts.isel(half).sum(BATCH) for half in halves)
    targets = sums["learned_targets"].values
    classes = np.unique(targets)
    chosen_low, chosen_high = choosing.values
    chosen = [_of_class(np.flatnonzero(targets == label), chosen_low, chosen_high, count) for label in classes]
    coords = {CLASS: classes, SIDE: list(SIDES), RANK: np.arange(count)}
    position = xr.DataArray(np.stack([positions for positions, _ in chosen]), coords, (CLASS, SIDE, RANK))
    exists = position != NO_SAMPLE

    def at_position(confidence: xr.DataArray) -> xr.DataArray:
        return confidence.isel({LEARNED: position.where(exists, 0)}).where(exists)

    low, high = at_position(shown)
    choosing_change = _difference(at_position(choosing))
    values = {"change": high - low, "confidence_low": low, "confidence_high": high, "choosing_change": choosing_change}
    result = xr.Dataset({"position": position, "samples": exists.sum(RANK), **values})
    result["band"] = CLASS, np.array([size for _, size in chosen])
    names = {
        "change": "mean change of the confidence",
        "confidence_low": f"mean confidence at a learning rate of {eta:.4g}",
        "confidence_high": f"mean confidence at a learning rate of {eta + b:.4g}",
        "choosing_change": "mean change in the trainings that chose them",
    }
    for name, text in names.items():
        result[f"mean_{name}"] = result[name].mean(RANK).assign_attrs(long_name=text, units="1")
    return result


def _of_class(members: NDArray[np.int64], low: Floats, high: Floats, count: int) -> tuple[NDArray[np.int64], int]:
    """Return the positions (side, rank) of the samples that gain most and least, and how many are in the band."""
    ends = np.quantile(low[members], BAND)
    band = members[(low[members] >= ends[0]) & (low[members] <= ends[1])]
    ascending = band[np.argsort((high - low)[band], kind="stable")]
    positions = np.full((len(SIDES), count), NO_SAMPLE, dtype=np.int64)
    taken = min(count, len(band) // 2)
    positions[0, :taken] = ascending[::-1][:taken]
    positions[1, :taken] = ascending[:taken]
    return positions, len(band)
