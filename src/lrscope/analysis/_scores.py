"""One number for each trained network: its last loss, by which rates are ranked, or its updates to a target."""

import numpy as np
import xarray as xr

from lrscope.analysis._layers import recorded
from lrscope.analysis._seeds import SEED, Labels, check, describe, over_seeds, units_of, with_ends
from lrscope.errors import must_be
from lrscope.records import DIVERGED_AT, MEMBER, on_grid, step_dimension

LR = "lr"
PENALTY = 2.0
"""A network that diverged counts as one whose loss is so many times the largest finite one of the grid."""


def final_scores(records: xr.Dataset, quantity: str = "val_loss") -> xr.DataArray:
    """Return the last recorded value of each member.

    Parameters
    ----------
    records : records (member, step) or on the grid of the sweep (lr, seed, step)
    quantity : name of the variable

    Returns
    -------
    DataArray (lr, seed) : or whatever the axes of the sweep are, each ascending; inf where the member diverged, or its
        last value is infinite; NaN where a combination was not trained

    Raises
    ------
    InputError : the quantity was not recorded.
    """
    array = recorded(records, quantity)
    dim = step_dimension(array)
    known = array.notnull()
    last = xr.where(known, xr.DataArray(np.arange(array.sizes[dim]), dims=dim), 0).max(dim)
    score = array.astype(np.float64).isel({dim: last}).drop_vars(dim, errors="ignore")
    score = score.where(known.any(dim))
    if DIVERGED_AT in records:
        diverged_at = recorded(records, DIVERGED_AT)
        score = score.where(~(diverged_at.max(step_dimension(diverged_at)) >= 0), np.inf)
    score.attrs = {"long_name": array.attrs["long_name"], "units": array.attrs.get("units", "1")}
    if MEMBER in score.dims:
        score = on_grid(score.assign_attrs(axes=records.attrs["axes"]))
    axes = [str(axis) for axis in score.dims]
    return score.assign_attrs(axes=axes).sortby([axis for axis in axes if axis in score.coords]).rename(quantity)


def curves(records: xr.Dataset, quantity: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Return the course of a quantity (lr, seed, step), and its last values (lr, seed) as `final_scores` has them.

    Records that do not hold ``diverged_at`` show it by values that are missing at the end.
    """
    array, scores = recorded(records, quantity), final_scores(records, quantity)
    if MEMBER in array.dims:
        array = on_grid(array.assign_attrs(axes=records.attrs["axes"]))
    check_scores(scores)
    dim = step_dimension(array)
    course = array.astype(np.float64).sortby([LR, SEED]).transpose(LR, SEED, dim)
    unfinished = course.notnull().any(dim) & course.isel({dim: -1}, drop=True).isnull()
    return course, scores.transpose(LR, SEED).where(~unfinished, np.inf)


def check_scores(scores: xr.DataArray) -> xr.DataArray:
    """Return scores (lr, seed) with both axes ascending."""
    if set(scores.dims) != {LR, SEED}:
        remedy = "Select one value of every other axis first, or combine the axes of the seeds."
        raise must_be("scores", "an array with the dimensions lr and seed", scores.dims, remedy)
    return scores.astype(np.float64).transpose(LR, SEED).sortby([LR, SEED])


def is_linear(scores: xr.DataArray) -> bool:
    """Tell whether scores are compared by their differences, not by their ratios: some are below zero, or all zero."""
    known = scores.values[np.isfinite(scores.values)]
    return bool((known < 0).any()) or bool(len(known) and not known.any())


def on_log_scale(scores: xr.DataArray) -> xr.DataArray:
    """Return the logarithm of each score; that of a diverged member is above all others; NaN where not trained.

    The logarithm, since losses differ by factors, and their noise does, too. A loss of zero counts as a tenth of the
    smallest other one. Where a score is below zero or all are zero, the scores themselves; one that diverged then lies
    above the largest by as much as this lies above the smallest, or by 1 where all are equal.
    """
    finite = scores.where(np.isfinite(scores))
    if is_linear(scores):
        spread = finite.max() - finite.min()
        return scores.where(~(scores == np.inf), finite.max() + spread.where(spread > 0, 1.0))
    positive = finite.where(finite > 0)
    smallest, largest = positive.min().fillna(1.0), positive.max().fillna(1.0)
    filled = scores.where(~(scores == np.inf), largest * PENALTY)
    logarithm: xr.DataArray = xr.apply_ufunc(np.log, filled.where(scores > 0, smallest / 10))
    return logarithm.where(scores.notnull())


def from_log_scale(values: xr.DataArray, linear: bool) -> xr.DataArray:
    """Return the scores of which `values` are the logarithms, or `values` themselves."""
    scores: xr.DataArray = values if linear else xr.apply_ufunc(np.exp, values)
    return scores


CLOSE = 0.1
"""The target lies so much, as a share, above what the best rate reaches in the end."""
MISSED = -1


def steps_to_target(
    records: xr.Dataset, target: float | None = None, quantity: str = "val_loss", *, confidence: float = 0.95
) -> xr.Dataset:
    """Return how many updates each member needed until a loss came down to a target for the first time.

    Parameters
    ----------
    records : (member, step) or (lr, seed, step), with `quantity`; where ``diverged_at`` is missing, members that
        diverged before the first value count as not trained
    target : what the loss must reach; None for 10% above the geometric mean of the last losses at the best rate
    quantity : name of the loss
    confidence : of the intervals

    Returns
    -------
    Dataset
        steps : (lr, seed) in the unit of the recorded steps, as exact as the quantity was recorded; -1 where the target
            was not reached, or nothing was trained
        reached : (lr) share of the members trained that reached it; NaN where none was trained
        mean, low, high : (lr) geometric mean of the steps over the seeds that reached the target, with Student's t
            interval of the logarithm
        target : the target

    Raises
    ------
    InputError : the quantity was not recorded, the axes are not lr and seed, a target that is not finite, or none is
        given and all members diverged.
    """
    check(confidence)
    course, scores = curves(records, quantity)
    aim = _default(scores) if target is None else float(target)
    if not np.isfinite(aim):
        raise must_be("target", "a finite number", aim)
    dim = step_dimension(course)
    steps = course[dim].where(course <= aim).min(dim)
    trained = scores.notnull() | steps.notnull()
    members = trained.sum(SEED)
    typical = over_seeds(steps + 1, confidence, log=True)  # counted from 1, for the first step is 0
    result = {
        "steps": steps.fillna(MISSED).astype(np.int64),
        "reached": steps.count(SEED) / members.where(members > 0),
        **{name: typical[name] - 1 for name in ("mean", "low", "high")},
        "target": xr.DataArray(aim),
    }
    labels: Labels = {
        "steps": ("steps to the target", units_of(course[dim])),
        "reached": "share that reached the target",
        **with_ends("mean", "steps to the target, geometric mean", units_of(course[dim])),
        "target": (f"target of the {course.attrs['long_name']}", units_of(course)),
    }
    return describe(xr.Dataset(result), labels)


def _default(scores: xr.DataArray) -> float:
    """Return a tenth more than the best rate's score."""
    means = on_log_scale(scores).where((scores < np.inf).any(SEED)).mean(SEED)
    best = float(from_log_scale(means.min(LR), is_linear(scores)))
    if not np.isfinite(best):
        raise must_be("target", "given where all members diverged", None)
    return best + CLOSE * abs(best)
