"""How many updates it takes to reach a target."""

import numpy as np
import xarray as xr

from lrscope.analysis._bootstrap import SEED, check, median_interval
from lrscope.analysis._scores import LR, curves, is_linear, ranked, unranked
from lrscope.errors import must_be
from lrscope.records import step_dimension

CLOSE = 0.1
"""The target lies so much, as a share, above what the best rate reaches in the end."""
MISSED = -1


def steps_to_target(
    records: xr.Dataset,
    target: float | None = None,
    quantity: str = "val_loss",
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """Return how many updates each member needed until a loss came down to a target for the first time.

    Parameters
    ----------
    records : (member, step) or (lr, seed, step), with `quantity`; where ``diverged_at`` is missing, members that
        diverged before the first value count as not trained
    target : what the loss must reach; None for 10 % above the geometric mean of the last losses at the best rate
    quantity : name of the loss
    confidence, resamples, seed : of the bootstrap over the seeds

    Returns
    -------
    Dataset
        steps : (lr, seed) updates, as exact as the quantity was recorded; -1 where the target was not reached, or
            nothing was trained
        reached : (lr) share of the members trained that reached it; NaN where none was trained
        median, low, high : (lr) median of the updates over the seeds, where those that did not reach the target needed
            infinitely many, with a bootstrap interval; NaN where that is infinite
        target : the target

    Raises
    ------
    InputError : the quantity was not recorded, the axes are not lr and seed, a target that is not finite, or none is
        given and all members diverged.
    """
    check(confidence, resamples)
    course, scores = curves(records, quantity)
    aim = _default(scores) if target is None else float(target)
    if not np.isfinite(aim):
        raise must_be("target", "a finite number", aim)
    dim = step_dimension(course)
    steps = course[dim].where(course <= aim).min(dim)
    trained = scores.notnull() | steps.notnull()
    ends = median_interval(steps.fillna(np.inf).where(trained), confidence, resamples, seed)
    median, low, high = (end.where(end < np.inf) for end in ends)
    members = trained.sum(SEED)
    result = {
        "steps": steps.fillna(MISSED).astype(np.int64),
        "reached": steps.count(SEED) / members.where(members > 0),
        "median": median,
        "low": low,
        "high": high,
        "target": xr.DataArray(aim),
    }
    return _labelled(xr.Dataset(result), course)


def _default(scores: xr.DataArray) -> float:
    """Return a tenth more than the best rate's score.

    Raises
    ------
    InputError : all members diverged.
    """
    means = ranked(scores).where((scores < np.inf).any(SEED)).mean(SEED)
    best = float(unranked(means.min(LR), is_linear(scores)))
    if not np.isfinite(best):
        raise must_be("target", "given where all members diverged", None)
    return best + CLOSE * abs(best)


def _labelled(result: xr.Dataset, course: xr.DataArray) -> xr.Dataset:
    name = course.attrs["long_name"]
    names = {
        "steps": ("steps to the target", "updates"),
        "reached": ("share that reached the target", "1"),
        "median": ("steps to the target, median", "updates"),
        "low": ("steps to the target, low end of the interval", "updates"),
        "high": ("steps to the target, high end of the interval", "updates"),
        "target": (f"target of the {name}", course.attrs.get("units", "1")),
    }
    for key, (long_name, units) in names.items():
        result[key].attrs = {"long_name": long_name, "units": units}
    return result
