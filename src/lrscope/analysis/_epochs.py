"""When a longer training would decide which learning rate is best."""

import re

import numpy as np
import xarray as xr

from lrscope.analysis._recommendation import OTHER, critical_values, pairs
from lrscope.analysis._scores import LR, curves, on_log_scale
from lrscope.analysis._seeds import SEED, mean_interval
from lrscope.records import step_dimension

LAST_SHARE = 1 / 3
"""The trend is that of the last third of the training."""
FORESEEABLE = 8.0
"""A trend is prolonged to at most so many times the training."""
FLAT = 1e-9
"""A smaller trend is that of a loss that does not change, up to rounding."""
CONFIDENCE, RESAMPLES = 0.95, 2000
"""Of the intervals; random signs by which many seeds are compared."""
OF_EPOCHS = re.compile(r"step_every_(\d+)_epoch")


def epochs_needed(records: xr.Dataset, recommended: xr.Dataset, quantity: str = "val_loss") -> xr.DataArray:
    """Return how many epochs would distinguish the best rate from all others that it may be.

    The trend of a member is the slope, by least squares, of the logarithm of its loss over the logarithm of the step in
    the last third of the training: a loss that falls as a power of the step is a straight line. Rates whose trends
    differ significantly (5%) are extrapolated until they can be distinguished. That is no more than a straight line:
    it foresees neither the end of a schedule nor a loss that begins to rise.

    Parameters
    ----------
    records : (member, step) or (lr, seed, step), with `quantity`
    recommended : of `recommendation`, of the scores of these records
    quantity : name of the loss

    Returns
    -------
    epochs_needed : () int, in epochs, or in recorded values if the loss was not recorded by epoch; those trained if
        nothing is to be distinguished; -1 if it cannot be foreseen: some trends do not differ, or it would take more
        than 8 times as many

    Raises
    ------
    InputError : the quantity was not recorded, or the axes are not lr and seed.
    """
    course, scores = curves(records, quantity)
    slopes = _slopes(course).where(np.isfinite(scores))
    longer = _distinguished(slopes, scores, recommended)
    dim = step_dimension(course)
    by_epoch = OF_EPOCHS.fullmatch(dim)
    trained = course.sizes[dim] * (int(by_epoch[1]) if by_epoch else 1)
    needed = int(np.ceil(trained * longer)) if longer <= FORESEEABLE else -1
    attrs = {"long_name": "epochs that would decide", "units": "epochs" if by_epoch else "recorded values"}
    return xr.DataArray(needed, attrs=attrs, name="epochs_needed")


def _slopes(course: xr.DataArray) -> xr.DataArray:
    """Return the slope of each member's loss, or its logarithm, over the logarithm of the step (lr, seed)."""
    dim = step_dimension(course)
    length = max(2, int(np.ceil(course.sizes[dim] * LAST_SHARE)))
    late = course.isel({dim: slice(-length, None)})
    values = on_log_scale(late.where(np.isfinite(late)))
    place: xr.DataArray = xr.apply_ufunc(np.log, values[dim].drop_vars(dim) + 1.0)
    centred = place - place.mean(dim)
    slope: xr.DataArray = (centred * values.drop_vars(dim)).sum(dim, skipna=False) / (centred**2).sum(dim)
    return slope


def _distinguished(slopes: xr.DataArray, scores: xr.DataArray, recommended: xr.Dataset) -> float:
    """Return after how many times the training the plausible rates are distinguished from the best one."""
    plausible, best = recommended["plausible"], float(recommended["best"])
    rivals = plausible & (plausible[LR] != best)
    if not plausible.any():
        return np.inf
    if not rivals.any():
        return 1.0
    logs = on_log_scale(scores)
    paired = pairs(logs, plausible)
    margins = critical_values(logs, paired, CONFIDENCE, RESAMPLES, 0) * paired["error"]
    gap, margin = (array.sel({OTHER: best}, drop=True) for array in (paired["mean"].clip(min=0.0), margins))
    drift = slopes - slopes.sel({LR: best}, drop=True)
    low, high = mean_interval(drift, CONFIDENCE)
    differs = ((low > FLAT) | (high < -FLAT)) & rivals
    speed = drift.mean(SEED).where(differs)
    wait = xr.where(speed > 0, (margin - gap) / speed, (margin + gap) / -speed)
    return float(np.exp(wait.where(rivals).fillna(np.inf).where(rivals).max()))
