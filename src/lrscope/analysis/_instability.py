"""When a training run becomes unstable: the onset of each criterion, and how early it comes before another.

Gradient descent becomes unstable in one way that shows in several quantities. Once the sharpness lies above its limit,
the component of the parameters along the sharpest direction changes its sign at each step and grows by a constant
factor. It turns the gradient first (the angle is of first order in that component), then lengthens it, and last
outweighs what the other directions gain, so that the error rises.

All onsets of a member belong to one event. Each criterion is a state that a member enters and leaves, and its onset is
the beginning of the interval in that state that contains the start of the rise of the error. Earlier intervals, such as
the turns of the first iterations, do not count.
"""

import numpy as np
import xarray as xr

from lrscope.analysis._events import FIELDS, Thresholds, crossing, event_steps
from lrscope.analysis._layers import before_divergence, dataset, labelled, recorded
from lrscope.errors import must_be, unknown
from lrscope.records import LOSS, step_dimension

ERROR, ANGLE, NORM, OSCILLATION, SHARPNESS = "error", "angle", "gradient_norm", "oscillation", "sharpness"
CRITERIA = (SHARPNESS, ANGLE, NORM, OSCILLATION, ERROR)
"""The criteria of `onsets`, in the order in which full-batch gradient descent usually meets them."""
GRADIENT_ANGLE, LIMIT = "gradient_angle", "stability_limit"
DEFAULT = Thresholds()


def onsets(records: xr.Dataset, error: str = LOSS, thresholds: Thresholds = DEFAULT) -> xr.Dataset:
    """Return the step at which each criterion of instability began to hold.

    The *event* of a member is the first rise of its error to 1.5 times its lowest value so far. If the error never
    rises so far, it is the first swing of the angle past 90 degrees that began in calm. The onsets are those of the
    event; without an event only the sharpness can have one.

    ``error``
        the first step above the lowest value from which the error rose: its turning point, the earliest that could
        be called an onset, so that lead times over it are not flattered.
    ``angle``
        the first step above 10 degrees of the swing of the event. A swing takes the angle past 90 degrees and ends with
        10 recorded steps below 10 degrees; what stays below 90 is none.
    ``gradient_norm``
        the first step above 1.1 times the lowest value of the valley that precedes the event. Back in time, the valley
        ends where ten recorded steps in a row lie above twice its lowest value.
    ``oscillation``
        period two: the first of ten or more recorded steps in a row with an angle above 90 degrees, each gradient
        against the one before.
    ``sharpness``
        the first recorded step of the interval above the limit that contains the onset of the angle, or that follows
        it by the first recorded step at which the error has risen. Recorded rarely, it is late by up to the distance
        of two recorded steps.

    A divergence is a rise of the error. Lowest values below the resolution of the first error are taken for that.

    Parameters
    ----------
    records : records with the error, ``gradient_norm`` and ``gradient_angle`` (degrees) at the same steps; with
        ``sharpness`` and ``stability_limit``, if recorded, at steps of their own. The angle is NaN where it has no step
        before it
    error : name of the variable: ``loss`` or ``val_loss``
    thresholds : other values than those above

    Returns
    -------
    Dataset
        onset : (member, criterion) updates; -1 for what did not happen. Criteria as in `CRITERIA`, ``sharpness`` only
            if recorded
        risen : (member) updates; first step at which the error had risen (1.5 times its lowest value); -1 for never
        valley : (member) updates; step of the lowest gradient norm before the event; -1 without an event
        early : (member) 1 if the error rose before the angle had ever been calm for 10 recorded steps: unstable from
            the start, with nothing that could have announced it; else 0

    Raises
    ------
    InputError : a variable was not recorded, or not at the steps of the others.

    References
    ----------
    Peeters, Experiment 1B (2025), section 2.1: first the angle grows, then the norm, then the error. Cohen et al.
    (arXiv 2103.00065) for the limit of the sharpness.
    """
    series = [_until_divergence(records, name) for name in (error, NORM)] + [recorded(records, GRADIENT_ANGLE)]
    dim = step_dimension(series[0])
    for array in series[1:]:
        if step_dimension(array) != dim:
            raise must_be(str(array.name), f"recorded at the steps of {error}", step_dimension(array))
    fields = xr.apply_ufunc(
        event_steps,
        *series,
        series[0][dim].drop_attrs(),
        kwargs={"limits": thresholds},
        input_core_dims=[[dim]] * 4,
        output_core_dims=[["field"]],
        vectorize=True,
    ).assign_coords(field=list(FIELDS))
    by_criterion = {name: fields.sel(field=name, drop=True) for name in CRITERIA if name in FIELDS}
    if SHARPNESS in records:
        by_criterion = {SHARPNESS: _crossing(records, fields)} | by_criterion
    along = xr.Variable("criterion", list(by_criterion), {"long_name": "criterion"})
    onset = xr.concat(list(by_criterion.values()), along, coords="minimal", compat="override")
    result = {
        "onset": labelled(onset.transpose(..., "criterion"), records, "onset", "updates"),
        "risen": labelled(fields.sel(field="risen", drop=True), records, "risen", "updates"),
        "valley": labelled(fields.sel(field="valley", drop=True), records, "valley", "updates"),
        "early": labelled(fields.sel(field="early", drop=True), records, "unstable from the start"),
    }
    return dataset(result, records)


def lead_times(onset: xr.DataArray, over: str = ERROR) -> xr.DataArray:
    """Return by how many steps each criterion came before another one.

    Parameters
    ----------
    onset : DataArray (member, criterion), of `onsets`
    over : the criterion that the others lead

    Returns
    -------
    DataArray (member, criterion) : updates, negative for what came later; NaN where one of the two did not happen.
        Without `over` itself

    Raises
    ------
    InputError : an unknown criterion.
    """
    names = onset["criterion"].values.tolist()
    if over not in names:
        raise unknown("over", over, names)
    happened = onset.where(onset >= 0)
    lead = happened.sel(criterion=over, drop=True) - happened
    return labelled(lead.sel(criterion=[name for name in names if name != over]), onset, "lead time", "updates")


def _crossing(records: xr.Dataset, fields: xr.DataArray) -> xr.DataArray:
    """Return the step at which the sharpness crossed its limit (member)."""
    sharpness, limit = recorded(records, SHARPNESS), recorded(records, LIMIT)
    dim = step_dimension(sharpness)
    if step_dimension(limit) != dim:
        raise must_be(LIMIT, f"recorded at the steps of {SHARPNESS}", step_dimension(limit))
    event = [fields.sel(field=name, drop=True) for name in ("from", "to")]
    crossed: xr.DataArray = xr.apply_ufunc(
        crossing,
        sharpness,
        limit,
        sharpness[dim].drop_attrs(),
        *event,
        input_core_dims=[[dim], [dim], [dim], [], []],
        vectorize=True,
    )
    return crossed


def _until_divergence(records: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable that is infinite from the step on at which its member diverged."""
    array = recorded(records, name)
    return array.where(before_divergence(records, array), np.inf)
