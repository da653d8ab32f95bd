"""How many updates it takes to reach a target."""

import numpy as np
import xarray as xr

from lrscope.analysis._intervals import SEED, check
from lrscope.analysis._labels import Labels, labelled, units_of, with_ends
from lrscope.analysis._scores import LR, curves, is_linear, ranked, unranked
from lrscope.analysis._seeds import over_seeds
from lrscope.errors import must_be
from lrscope.records import step_dimension

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
    target : what the loss must reach; None for 10 % above the geometric mean of the last losses at the best rate
    quantity : name of the loss
    confidence : of the intervals

    Returns
    -------
    Dataset
        steps : (lr, seed) updates, as exact as the quantity was recorded; -1 where the target was not reached, or
            nothing was trained
        reached : (lr) share of the members trained that reached it; NaN where none was trained
        mean, low, high : (lr) geometric mean of the updates over the seeds that reached
            the target, with Student's t interval of the logarithm
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
        "steps": ("steps to the target", "updates"),
        "reached": "share that reached the target",
        **with_ends("mean", "steps to the target, geometric mean", "updates"),
        "target": (f"target of the {course.attrs['long_name']}", units_of(course)),
    }
    return labelled(xr.Dataset(result), labels)


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
