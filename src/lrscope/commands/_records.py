"""From the metrics of all trainings to records."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from lrscope.commands._trainings import Trainings
from lrscope.logs import Curves
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, identifier, new_block

RESERVED = (MEMBER, STEP, DIVERGED_AT)
LONG_NAMES = {"val_loss": "validation loss", "val_accuracy": "validation accuracy"}
"""How the page calls metrics that vectorised trainings have, too."""


def block_of(trainings: Trainings, curves: Sequence[Curves | None]) -> xr.Dataset:
    """Return the metrics of all trainings as records (member, step).

    A training whose last value of the metric is not finite has diverged, at the first step from which none was. Metrics
    that were logged at other steps than the one that counts have a step dimension of their own.

    Parameters
    ----------
    curves : of each training, None of one that failed: it has no values
    """
    names = _names(trainings, [metric for one in curves if one for metric in one])
    columns = trainings.sweep.members()
    values: dict[str, np.ndarray] = {}
    steps: dict[str, np.ndarray] = {}
    step_dims: dict[str, str] = {}
    for name, metric in names.items():
        own = [one[metric] if one and metric in one else pd.Series(dtype=float) for one in curves]
        numbers = np.unique(np.concatenate([curve.index.to_numpy(dtype=np.int64) for curve in own]))
        numbers = numbers if len(numbers) else np.zeros(1, np.int64)
        same = next((dim for dim, others in steps.items() if np.array_equal(others, numbers)), None)
        step_dims[name] = same or (f"{STEP}_{name}" if steps else STEP)
        steps[step_dims[name]] = numbers
        values[name] = np.stack([curve.reindex(numbers).to_numpy(dtype=np.float64) for curve in own])
    first = next(iter(names))
    diverged = np.array([diverged_at(one[trainings.metric]) if one else -1 for one in curves])
    reached = (diverged[:, None] >= 0) & (steps[STEP][None] >= diverged[:, None])
    values[DIVERGED_AT] = np.where(reached, diverged[:, None], -1).astype(np.int64)
    values[first] = np.where(reached, np.nan, values[first])
    step_dims[DIVERGED_AT] = STEP
    labels = {name: Variable(name, name, LONG_NAMES.get(metric, metric)) for name, metric in names.items()}
    labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "first step that is not finite", "updates")
    return new_block(values, labels, steps, columns, trainings.sweep.attrs(), step_dims)


def diverged_at(curve: "pd.Series[float]") -> int:
    """Return the first step of those at the end that are not finite; -1 if the last one is.

    Examples
    --------
    >>> diverged_at(pd.Series([0.5, np.nan, 0.25, np.nan, np.inf], index=[0, 10, 20, 30, 40]))
    30
    """
    finite = np.isfinite(curve.to_numpy())
    if not len(finite) or finite[-1]:
        return -1
    return int(curve.index[int(np.flatnonzero(finite)[-1]) + 1 if finite.any() else 0])


def variable_of(trainings: Trainings) -> str:
    """Return the name of the variable that the metric has in the records."""
    return next(iter(_names(trainings, [])))


def _names(trainings: Trainings, metrics: Iterable[str]) -> dict[str, str]:
    """Return a legal name of a variable for each metric, that which counts first."""
    taken = {*RESERVED, *trainings.sweep.axes}
    names: dict[str, str] = {}
    for metric in dict.fromkeys([trainings.metric, *metrics]):
        name = identifier(metric)
        name = f"metric_{name}" if not name or name[0].isdigit() or name in taken else name
        while name in names:
            name += "_"
        names[name] = metric
    return names
