"""Which samples of a class does a higher learning rate favour?"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._means import (
    BATCH,
    CLASS_OUTPUT,
    LEARNED,
    LR,
    labelled,
    means_of,
    positions_of,
    trained_at,
)

CLASS, SIDE, RANK = "class", "side", "rank"
SIDES = ("most", "least")
BAND = (0.4, 0.6)
"""Quantiles of the confidence between which samples are taken."""
NO_SAMPLE = -1


def favoured(sums: xr.Dataset, eta: float, b: float, count: int = 24) -> xr.Dataset:
    """Return the samples of middling confidence whose own class gains most, and least, from eta to eta + b.

    The confidence of a sample is the mean output of its own class at eta. Taken are the samples between the 40th and
    the 60th percentile of their class; of these the `count` whose confidence changes most and least, but no more than
    half of them on each side, so that no sample is on both.

    Who is extreme is so partly by chance: the changes by which samples are chosen are too large. So the samples are
    chosen by every other batch of replicates, and their changes and confidences are those of the batches between, whose
    noise has no part in the choice.

    Parameters
    ----------
    sums : of `summed`, with ``class_output_sum`` and ``learned_targets``
    eta, b : eta and eta + b are among the rates
    count : of samples on each side

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
    InputError : b is zero, a rate is not among the rates, the outputs of the own class were not recorded, fewer than
        two batches have replicates at both rates, or the count is not positive.
    """
    if not (isinstance(count, int | np.integer) and count > 0):
        raise must_be("count", "a positive integer", count)
    if "learned_targets" not in sums:
        raise must_be("sums", "sums with learned_targets", ", ".join(map(str, sums)))
    rates = positions_of(sums, eta, b=b)
    (chosen_low, chosen_high), (low, high) = _halves(sums, rates)
    targets = sums["learned_targets"].values
    classes = np.unique(targets)
    chosen = [
        _of_class(np.flatnonzero(targets == one), chosen_low.values, chosen_high.values, count) for one in classes
    ]
    position = xr.DataArray(
        np.stack([positions for positions, _ in chosen]),
        coords={CLASS: classes, SIDE: list(SIDES), RANK: np.arange(count)},
        dims=(CLASS, SIDE, RANK),
    )
    there = position != NO_SAMPLE
    each = (chosen_high - chosen_low, low, high)
    choosing, before, after = (one.isel({LEARNED: position.where(there, 0)}, drop=True).where(there) for one in each)
    result = xr.Dataset(
        {
            "position": position,
            "samples": there.sum(RANK),
            "change": after - before,
            "confidence_low": before,
            "confidence_high": after,
            "choosing_change": choosing,
            "band": (CLASS, np.array([size for _, size in chosen])),
        }
    )
    return _labelled(result.drop_vars(LEARNED, errors="ignore"), eta, b)


def _halves(sums: xr.Dataset, rates: list[int]) -> list[tuple[xr.DataArray, xr.DataArray]]:
    """Return the confidences (learned_sample) at two rates, in every other batch, and in those between.

    Raises
    ------
    InputError : the outputs were not recorded, or there are fewer than two batches.
    """
    some = trained_at(sums, rates, CLASS_OUTPUT)
    if some.sizes[BATCH] < 2:
        raise must_be(
            "replicates", "in two batches at least at both rates", some.sizes[BATCH], "Train more replicates."
        )
    halves = (some.isel({BATCH: slice(start, None, 2)}) for start in (0, 1))
    means = (means_of(half, CLASS_OUTPUT, "confidence") for half in halves)
    return [(one.isel({LR: 0}, drop=True), one.isel({LR: 1}, drop=True)) for one in means]


def _of_class(
    members: NDArray[np.int64], low: NDArray[np.float64], high: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], int]:
    """Return the positions (side, rank) of the samples that gain most and least, and how many are in the band."""
    ends = np.quantile(low[members], BAND)
    band = members[(low[members] >= ends[0]) & (low[members] <= ends[1])]
    ascending = band[np.argsort((high - low)[band], kind="stable")]
    positions = np.full((len(SIDES), count), NO_SAMPLE, dtype=np.int64)
    taken = min(count, len(band) // 2)
    positions[0, :taken] = ascending[::-1][:taken]
    positions[1, :taken] = ascending[:taken]
    return positions, len(band)


def _labelled(result: xr.Dataset, eta: float, b: float) -> xr.Dataset:
    for name in ("change", "confidence_low", "confidence_high", "choosing_change"):
        result[f"mean_{name}"] = result[name].mean(RANK)
    texts = {"position": "position among the samples that are learned from"}
    texts |= {"samples": "samples on one side", "band": "samples of middling confidence"}
    for start, word in (("", ""), ("mean_", "mean ")):
        texts |= {
            f"{start}change": f"{word}change of the confidence",
            f"{start}choosing_change": f"{word}change in the trainings that chose them",
            f"{start}confidence_low": f"{word}confidence at a learning rate of {eta:.4g}",
            f"{start}confidence_high": f"{word}confidence at a learning rate of {eta + b:.4g}",
        }
    labelled(result, texts, {"samples": "samples", "band": "samples"})
    result[CLASS].attrs = {"long_name": "class"}
    return result.assign_attrs(eta=eta, b=b)
