"""Whether members are still improving at the end, and whether a longer training would change which rate is best."""

import re

import numpy as np
import xarray as xr

from lrscope.analysis._intervals import SEED, check, mean_interval
from lrscope.analysis._labels import Labels, labelled, name_of, with_ends
from lrscope.analysis._pairs import OTHER, critical_values, pairs
from lrscope.analysis._scores import LR, curves, is_linear, ranked
from lrscope.records import step_dimension

LAST_SHARE = 1 / 3
"""The trend is that of the last third of the training."""
FORESEEABLE = 8.0
"""A trend is prolonged to at most so many times the training."""
FLAT = 1e-9
"""A smaller trend is that of a loss that does not change, up to rounding."""
OF_EPOCHS = re.compile(r"step_every_(\d+)_epoch")


def more_epochs(
    records: xr.Dataset,
    recommended: xr.Dataset,
    quantity: str = "val_loss",
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """Return whether the members were still improving at the end, and when more epochs would decide which rate is best.

    The trend of a member is the slope, by least squares, of the logarithm of its loss over the logarithm of the step in
    the last third of the training: a loss that falls as a power of the step is a straight line. Rates whose trends
    differ, beyond doubt, are extrapolated until they can be distinguished. That is no more than a straight line: it
    foresees neither the end of a schedule nor a loss that begins to rise.

    Parameters
    ----------
    records : (member, step) or (lr, seed, step), with `quantity`
    recommended : of `recommendation`, of the scores of these records
    quantity : name of the loss
    confidence : of the intervals
    resamples, seed : of the random signs by which many seeds are compared

    Returns
    -------
    Dataset
        trend, trend_low, trend_high : (lr) mean slope over the seeds that did not diverge, with Student's t
            interval; -0.5 means that the loss falls by the factor sqrt(2) when the training is doubled. Where losses
            are below zero, of the loss itself
        still_improving : (lr) bool, the trend is below zero beyond doubt
        rising : (lr) bool, it is above zero beyond doubt, as with overfitting
        overtakes : (lr) bool, this plausible rate would overtake the best one within 8 times the training
        epochs : epochs trained
        epochs_needed : epochs that would distinguish every plausible rate from the best one, either way; those trained
            if there is only one; -1 if that cannot be foreseen: some trends do not differ, or more than 8 times as many

    Raises
    ------
    InputError : the quantity was not recorded, or the axes are not lr and seed.
    """
    check(confidence, resamples)
    course, scores = curves(records, quantity)
    slopes = _slopes(course).where(np.isfinite(scores))
    low, high = mean_interval(slopes, confidence)
    epochs = _epochs(course)
    longer, overtakes = _distinguished(slopes, scores, recommended, (confidence, resamples, seed))
    needed = int(np.ceil(epochs * longer)) if longer <= FORESEEABLE else -1
    result = {
        "trend": slopes.mean(SEED),
        "trend_low": low,
        "trend_high": high,
        "still_improving": high < -FLAT,
        "rising": low > FLAT,
        "overtakes": overtakes,
        "epochs": xr.DataArray(epochs),
        "epochs_needed": xr.DataArray(needed),
    }
    name = name_of(course, "loss")
    unit = "epochs" if OF_EPOCHS.fullmatch(step_dimension(course)) else "recorded values"
    labels: Labels = {
        **with_ends("trend", f"trend of the {name}" if is_linear(course) else f"trend of the logarithm of the {name}"),
        "still_improving": "still improving at the end",
        "rising": "rising at the end",
        "overtakes": "would overtake the best rate",
        "epochs": ("epochs trained", unit),
        "epochs_needed": ("epochs that would decide", unit),
    }
    return labelled(xr.Dataset(result), labels)


def _epochs(course: xr.DataArray) -> int:
    """Return the epochs trained, or the number of recorded values if these are not taken by epoch."""
    dim = step_dimension(course)
    by_epoch = OF_EPOCHS.fullmatch(dim)
    return course.sizes[dim] * (int(by_epoch[1]) if by_epoch else 1)


def _slopes(course: xr.DataArray) -> xr.DataArray:
    """Return the slope of each member's loss, or its logarithm, over the logarithm of the step (lr, seed)."""
    dim = step_dimension(course)
    length = max(2, int(np.ceil(course.sizes[dim] * LAST_SHARE)))
    late = course.isel({dim: slice(-length, None)})
    values = ranked(late.where(np.isfinite(late)))
    place: xr.DataArray = xr.apply_ufunc(np.log, values[dim].drop_vars(dim) + 1.0)
    centred = place - place.mean(dim)
    slope: xr.DataArray = (centred * values.drop_vars(dim)).sum(dim, skipna=False) / (centred**2).sum(dim)
    return slope


def _distinguished(
    slopes: xr.DataArray, scores: xr.DataArray, recommended: xr.Dataset, how: tuple[float, int, int]
) -> tuple[float, xr.DataArray]:
    """Return after how many times the training the plausible rates are distinguished, and which overtake the best."""
    plausible, best = recommended["plausible"], float(recommended["best"])
    rivals = plausible & (plausible[LR] != best)
    if not plausible.any():
        return np.inf, rivals
    gap, margin = _gaps(scores, plausible, best, how)
    drift = slopes - slopes.sel({LR: best}, drop=True)
    low, high = mean_interval(drift, how[0])
    differs = ((low > FLAT) | (high < -FLAT)) & rivals
    speed = drift.mean(SEED).where(differs)
    wait = xr.where(speed > 0, (margin - gap) / speed, (margin + gap) / -speed)
    overtakes = differs & (speed < 0) & (gap / -speed <= np.log(FORESEEABLE))
    longest = float(np.exp(wait.where(rivals).fillna(np.inf).where(rivals).max())) if rivals.any() else 1.0
    return longest, overtakes


def _gaps(
    scores: xr.DataArray, plausible: xr.DataArray, best: float, how: tuple[float, int, int]
) -> tuple[xr.DataArray, xr.DataArray]:
    """Return how far each rate lies above the best one, and how far it must to be worse beyond chance (lr)."""
    ranks = ranked(scores)
    paired = pairs(ranks, plausible)
    margin = (critical_values(ranks, paired, *how) * paired["error"]).sel({OTHER: best}, drop=True)
    return paired["mean"].sel({OTHER: best}, drop=True).clip(min=0.0), margin
