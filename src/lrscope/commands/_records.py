"""From the metrics of all trainings to records."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from lrscope.errors import InputError, must_be
from lrscope.logs import Curves
from lrscope.records import DIVERGED_AT, MEMBER, STEP, Variable, identifier, new_block

RESERVED = (MEMBER, STEP, DIVERGED_AT)
LONG_NAMES = {"val_loss": "validation loss", "val_accuracy": "validation accuracy"}
"""How the page calls metrics that vectorised trainings have, too."""


def block_of(
    metric: str,
    curves: Sequence[Curves | None],
    columns: Mapping[str, np.ndarray],
    attrs: Mapping[str, Mapping[str, str]],
) -> xr.Dataset:
    """Return the metrics of trainings as records (member, step).

    A training whose last value of the metric is not finite has diverged, at the first step from which none was. Metrics
    that were logged at other steps than the one that counts have a step dimension of their own.

    Parameters
    ----------
    metric : what trainings are compared by
    curves : of each training, None of one that failed: it has no values
    columns, attrs : ``member`` and each axis -> one entry a training; axis -> its labels
    """
    names = _names(metric, attrs, [other for one in curves if one for other in one])
    values: dict[str, np.ndarray] = {}
    steps: dict[str, np.ndarray] = {}
    step_dims: dict[str, str] = {}
    for name, logged in names.items():
        own = [one[logged] if one and logged in one else pd.Series(dtype=float) for one in curves]
        numbers = np.unique(np.concatenate([curve.index.to_numpy(dtype=np.int64) for curve in own]))
        numbers = numbers if len(numbers) else np.zeros(1, np.int64)
        same = next((dim for dim, others in steps.items() if np.array_equal(others, numbers)), None)
        step_dims[name] = same or (f"{STEP}_{name}" if steps else STEP)
        steps[step_dims[name]] = numbers
        values[name] = np.stack([curve.reindex(numbers).to_numpy(dtype=np.float64) for curve in own])
    first = next(iter(names))
    diverged = np.array([diverged_at(one[metric]) if one else -1 for one in curves])
    reached = (diverged[:, None] >= 0) & (steps[STEP][None] >= diverged[:, None])
    values[DIVERGED_AT] = np.where(reached, diverged[:, None], -1).astype(np.int64)
    values[first] = np.where(reached, np.nan, values[first])
    step_dims[DIVERGED_AT] = STEP
    labels = {name: Variable(name, name, LONG_NAMES.get(logged, logged)) for name, logged in names.items()}
    labels[DIVERGED_AT] = Variable(DIVERGED_AT, DIVERGED_AT, "first step that is not finite", "updates")
    return new_block(values, labels, steps, columns, attrs, step_dims)


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


def no_such_step(metric: str, step: int, logged: Iterable[int]) -> InputError:
    """Return what is raised if a metric was not logged at the step that counts."""
    near = sorted(logged, key=lambda other: abs(other - step))[:2]
    remedy = f"The nearest: {' and '.join(map(str, sorted(near)))}."
    return must_be("at", f"a step at which {metric} was logged", step, remedy)


def variable_of(metric: str, axes: Iterable[str]) -> str:
    """Return the name of the variable that the metric has in records with some axes."""
    return next(iter(_names(metric, axes, [])))


def _names(metric: str, axes: Iterable[str], metrics: Iterable[str]) -> dict[str, str]:
    """Return a legal name of a variable for each metric, that which counts first."""
    taken = {*RESERVED, *axes}
    names: dict[str, str] = {}
    for one in dict.fromkeys([metric, *metrics]):
        name = identifier(one)
        name = f"metric_{name}" if not name or name[0].isdigit() or name in taken else name
        while name in names:
            name += "_"
        names[name] = one
    return names
