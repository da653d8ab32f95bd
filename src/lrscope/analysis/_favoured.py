"""Which samples of a class does a higher learning rate favour?"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._replicates import CLASS_OUTPUT, LEARNED, LR, REPLICATES, labelled, means_of, places_of
from lrscope.errors import must_be

CLASS, SIDE, RANK = "class", "side", "rank"
SIDES = ("most", "least")
BAND = (0.4, 0.6)
"""Quantiles of the confidence between which samples are taken."""
NOBODY = -1


def favoured(sums: xr.Dataset, eta: float, b: float, count: int = 24) -> xr.Dataset:
    """Return the samples of middling confidence whose own class gains most, and least, from eta to eta + b.

    The confidence of a sample is the mean output of its own class at eta. Taken are the samples between the 40th and
    the 60th percentile of their class; of these the `count` whose confidence changes most and least, but no more than
    half of them on each side, so that no sample is on both. Both sides are chosen by the noisy changes that are then
    reported, so that their difference is a little too large where replicates are few.

    Parameters
    ----------
    sums : of `summed`, with ``class_output_sum`` and ``learned_targets``
    eta, b : eta and eta + b are among the rates
    count : of samples on each side

    Returns
    -------
    Dataset (class, side, rank) : side ``most`` and ``least``; rank 0 is the most extreme
        position : of the sample among those that are learned from; -1 where there is none
        change : of its confidence from eta to eta + b; NaN where there is none
        confidence_low, confidence_high : its confidence at eta and at eta + b
        mean_change, mean_confidence_low, mean_confidence_high : (class, side) means over the ranks
        band : (class) samples between the percentiles

    Raises
    ------
    InputError : b is zero, a rate is not among the rates, the outputs of the own class were not recorded, or the count
        is not positive.
    """
    if not (isinstance(count, int | np.integer) and count > 0):
        raise must_be("count", "a positive integer", count)
    if "learned_targets" not in sums:
        raise must_be("sums", "sums with learned_targets", ", ".join(map(str, sums)))
    places = places_of(sums, eta, b=b)
    few = sums[[name for name in (REPLICATES, CLASS_OUTPUT) if name in sums]]
    means = means_of(few.isel({LR: places}), CLASS_OUTPUT, "confidence")
    low, high = (means.isel({LR: place}, drop=True) for place in (0, 1))
    targets = sums["learned_targets"].values
    classes = np.unique(targets)
    chosen = [_of_class(np.flatnonzero(targets == one), low.values, high.values, count) for one in classes]
    position = xr.DataArray(
        np.stack([positions for positions, _ in chosen]),
        coords={CLASS: classes, SIDE: list(SIDES), RANK: np.arange(count)},
        dims=(CLASS, SIDE, RANK),
    )
    there = position != NOBODY
    before, after = (values.isel({LEARNED: position.where(there, 0)}, drop=True).where(there) for values in (low, high))
    result = xr.Dataset(
        {
            "position": position,
            "change": after - before,
            "confidence_low": before,
            "confidence_high": after,
            "band": (CLASS, np.array([size for _, size in chosen])),
        }
    )
    return _labelled(result.drop_vars(LEARNED, errors="ignore"), eta, b)


def _of_class(
    members: NDArray[np.int64], low: NDArray[np.float64], high: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], int]:
    """Return the positions (side, rank) of the samples that gain most and least, and how many are in the band."""
    ends = np.quantile(low[members], BAND)
    band = members[(low[members] >= ends[0]) & (low[members] <= ends[1])]
    ascending = band[np.argsort((high - low)[band], kind="stable")]
    found = np.full((len(SIDES), count), NOBODY, dtype=np.int64)
    taken = min(count, len(band) // 2)
    found[0, :taken] = ascending[::-1][:taken]
    found[1, :taken] = ascending[:taken]
    return found, len(band)


def _labelled(result: xr.Dataset, eta: float, b: float) -> xr.Dataset:
    means = {"change": "change", "confidence_low": "confidence", "confidence_high": "confidence"}
    for name in means:
        result[f"mean_{name}"] = result[name].mean(RANK)
    names = [("position", "position among the samples that are learned from", "1")]
    names.append(("band", "samples of middling confidence", "samples"))
    for start in ("", "mean_"):
        word = start.replace("_", " ")
        names.append((f"{start}change", f"{word}change of the confidence", "1"))
        names.append((f"{start}confidence_low", f"{word}confidence at a learning rate of {eta:.4g}", "1"))
        names.append((f"{start}confidence_high", f"{word}confidence at a learning rate of {eta + b:.4g}", "1"))
    labelled(result, names)
    result[CLASS].attrs = {"long_name": "class"}
    return result.assign_attrs(eta=eta, b=b)
