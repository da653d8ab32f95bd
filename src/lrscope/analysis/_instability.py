"""When a training run becomes unstable: the onset of each criterion, how early it comes, and which neurons dominate.

Gradient descent becomes unstable in one way that shows in several quantities. Once the sharpness lies above its limit,
the component of the parameters along the sharpest direction changes its sign at each step and grows by a constant
factor. It turns the gradient first (the angle is of first order in that component), then lengthens it, and last
outweighs what the other directions gain, so that the error rises. All onsets of a member belong to one such event.
"""

from functools import reduce

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._layers import NEURON, before_divergence, by_neuron, dataset, labelled, recorded
from lrscope.errors import must_be
from lrscope.records import LOSS, VALUES, step_dimension

Series = NDArray[np.floating]
Interval = tuple[int, int]
"""First and last index of a stretch in which a state holds."""

ERROR, ANGLE, NORM, OSCILLATION, SHARPNESS = "error", "angle", "gradient_norm", "oscillation", "sharpness"
CRITERIA = (SHARPNESS, ANGLE, NORM, OSCILLATION, ERROR)
"""The criteria of `onsets`, in the order in which full-batch gradient descent usually meets them."""
FIELDS = (ANGLE, NORM, OSCILLATION, ERROR, "risen", "valley", "early", "from", "to")
"""What is found of each member; ``from`` and ``to`` are the start and the peak of the event."""
NEVER = -1
"""Onset of what did not happen."""
QUIET, REVERSED = 10.0, 90.0
"""Degrees; up to the first the gradient keeps its course, above the second it points against the one before."""
GROWN = 1.1
"""The gradient norm has grown at this multiple of the lowest value of its valley."""
WALL = 2.0
"""A valley ends where the values lie above this multiple of its lowest."""
STATE_STEPS = 10
"""Recorded steps in a row that make a state: of calm between two swings of the angle, of an oscillation, of a wall."""


def onsets(records: xr.Dataset, error: str = LOSS, rise: float = 1.5) -> xr.Dataset:
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

    A divergence is a rise of the error: from then on error and norm count as infinite. Lowest values below the
    resolution of the first error are taken for that.

    Parameters
    ----------
    records : records with the error, ``gradient_norm`` and ``gradient_angle`` (degrees) at the same steps; with
        ``sharpness`` and ``stability_limit``, if recorded, at steps of their own. The angle is NaN where it has no step
        before it
    error : name of the variable: ``loss`` or ``val_loss``
    rise : above 1; the error has risen at this multiple of its lowest value so far

    Returns
    -------
    Dataset
        onset : (member, criterion) updates; -1 for what did not happen. Criteria as in `CRITERIA`, ``sharpness`` only
            if recorded
        risen : (member) updates; first step at which the error had risen; -1 for never
        valley : (member) updates; step of the lowest gradient norm before the event; -1 without an event
        early : (member) 1 if the error rose before the angle had ever been calm for 10 recorded steps: unstable from
            the start, with nothing that could have announced it; else 0

    Raises
    ------
    InputError : a variable was not recorded, or not at the steps of the others; a `rise` that is not above 1.

    References
    ----------
    Peeters, Experiment 1B (2025), section 2.1: first the angle grows, then the norm, then the error. Cohen et al.
    (arXiv 2103.00065) for the limit of the sharpness.
    """
    if not 1 < rise < np.inf:
        raise must_be("rise", "a finite number above 1", rise)
    *rising, angle = (recorded(records, name) for name in (error, NORM, "gradient_angle"))
    series = [*(array.where(before_divergence(records, array), np.inf) for array in rising), angle]
    dim = step_dimension(series[0])
    for array in series[1:]:
        if step_dimension(array) != dim:
            raise must_be(str(array.name), f"recorded at the steps of {error}", step_dimension(array))
    fields = xr.apply_ufunc(
        _event_steps,
        *series,
        series[0][dim].drop_attrs(),
        kwargs={"rise": rise},
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


def lead_times(onset: xr.DataArray) -> xr.DataArray:
    """Return by how many steps each criterion came before the error.

    Parameters
    ----------
    onset : DataArray (member, criterion), of `onsets`

    Returns
    -------
    DataArray (member, criterion) : updates, negative for what came later; NaN where one of the two did not happen.
        Without the error itself
    """
    names = onset["criterion"].values.tolist()
    happened = onset.where(onset >= 0)
    lead = happened.sel(criterion=ERROR, drop=True) - happened
    return labelled(lead.sel(criterion=[name for name in names if name != ERROR]), onset, "lead time", "updates")


def dominant_neurons(records: xr.Dataset, at: xr.DataArray, quantity: str = "oscillation_share") -> xr.DataArray:
    """Return the share of each neuron in an instability; those with the largest dominate it.

    Parameters
    ----------
    records : records with the quantity, one variable a layer (member, step, neuron)
    at : DataArray (member) updates; when to look, e.g. the onset of the error from `lrscope.analysis.onsets`; -1 for
        never. The first recorded step at or after it counts, the last if there is none
    quantity : ``oscillation_share`` (of the part of the update that turns around) or ``sharpness_share`` (of the
        eigenvector of the largest eigenvalue), at least 0

    Returns
    -------
    DataArray (member, neuron) : of the sum over all neurons, with the coordinates ``layer``, ``module`` and ``index``;
        NaN for a member without a step to look at, or that diverged before

    Raises
    ------
    InputError : the quantity was not recorded.
    """
    shares = by_neuron(records, quantity, VALUES)
    dim = step_dimension(shares)
    step = shares[dim].drop_attrs()
    known = shares.notnull().any(NEURON)
    chosen = step.where(known & (step >= at)).min(dim).fillna(step.where(known).max(dim)).where(at >= 0)
    share = shares.where(step == chosen).max(dim)
    total = share.sum(NEURON)
    return labelled(share / total.where(total > 0), records, quantity.replace("_", " "))


def _crossing(records: xr.Dataset, fields: xr.DataArray) -> xr.DataArray:
    """Return the step at which the sharpness crossed its limit (member)."""
    sharpness, limit = recorded(records, SHARPNESS), recorded(records, "stability_limit")
    dim = step_dimension(sharpness)
    if step_dimension(limit) != dim:
        raise must_be("stability_limit", f"recorded at the steps of {SHARPNESS}", step_dimension(limit))
    event = [fields.sel(field=name, drop=True) for name in ("from", "to")]
    crossed: xr.DataArray = xr.apply_ufunc(
        _crossing_step,
        sharpness,
        limit,
        sharpness[dim].drop_attrs(),
        *event,
        input_core_dims=[[dim], [dim], [dim], [], []],
        vectorize=True,
    )
    return crossed


def _event_steps(
    error: Series, norm: Series, angle: Series, steps: NDArray[np.integer], rise: float
) -> NDArray[np.int64]:
    """Return the step numbers named in `FIELDS`, -1 for what did not happen; ``early`` is 1 or 0."""
    lowest, risen = _rise(error, rise)
    swing, turned = _swing(angle, lowest, risen)
    start = min((index for index in (lowest, swing[0]) if index != NEVER), default=NEVER)
    peak = turned if risen == NEVER else risen
    end = max(peak, swing[1])
    valley = _bottom(norm, peak)
    reversed_long = (one for one in _intervals(angle > REVERSED, 1) if one[1] - one[0] + 1 >= STATE_STEPS)
    indices = {
        ANGLE: swing[0],
        NORM: _first(norm > GROWN * norm[valley], valley, end) if valley != NEVER else NEVER,
        OSCILLATION: next((low for low, high in reversed_long if low <= end and high >= start), NEVER),
        ERROR: lowest + 1 if risen != NEVER else NEVER,
        "risen": risen,
        "valley": valley,
        "from": start,
        "to": peak,
    }
    numbers = {name: int(steps[index]) if index != NEVER else NEVER for name, index in indices.items()}
    calm = _first_calm(angle)
    numbers["early"] = int(risen != NEVER and (calm == NEVER or lowest < calm))
    return np.array([numbers[name] for name in FIELDS], dtype=np.int64)


def _crossing_step(sharpness: Series, limit: Series, steps: NDArray[np.integer], start: int, peak: int) -> int:
    """Return the first recorded step of the interval above the limit that belongs to the event; -1 if there is none.

    A recorded value holds until the next, and the first one after the peak still belongs to the event. Without an event
    it is the first interval that began below the limit, or the first step where all lie above.
    """
    above = sharpness > limit
    ends = np.append(steps[1:], np.iinfo(np.int64).max)
    last = steps[min(int(np.searchsorted(steps, peak)), len(steps) - 1)]
    every = _intervals(above, 1)
    if start == NEVER:
        belonging = [one for one in every if one[0] > 0 or above.all()]
    else:
        belonging = [(low, high) for low, high in every if steps[low] <= last and ends[high] > start]
    return int(steps[belonging[0][0]]) if belonging else NEVER


def _rise(error: Series, factor: float) -> tuple[int, int]:
    """Return where the error was lowest before it first rose to `factor` times that, and where it had risen; or -1."""
    if not np.isfinite(error[:1]).all():
        return 0, 0
    resolution = np.finfo(error.dtype).eps * abs(error[0])
    lowest = np.maximum(np.fmin.accumulate(error), resolution)
    risen = _first(error > factor * lowest, 0, len(error) - 1)
    if risen == NEVER:
        return NEVER, NEVER
    before = error[: risen + 1]
    return int(np.flatnonzero(before <= lowest[risen])[-1]), risen


def _bottom(norm: Series, peak: int) -> int:
    """Return the index of the lowest value of the valley that lies before the peak; -1 if there is no peak."""
    if peak == NEVER:
        return NEVER
    back = np.nan_to_num(norm[peak::-1], nan=np.inf, posinf=np.inf)
    lowest = np.minimum.accumulate(back)
    padded = np.append(back, np.full(STATE_STEPS - 1, np.inf))
    ahead = reduce(np.minimum, (padded[shift : shift + len(back)] for shift in range(STATE_STEPS)))
    walls = np.flatnonzero(ahead > WALL * lowest)
    valley = back[: walls[0]] if len(walls) and walls[0] else back
    return peak - int(np.argmin(valley))


def _intervals(state: NDArray[np.bool_], gap: int) -> list[Interval]:
    """Return the stretches in which a state holds; those at most `gap` apart are one."""
    where = np.flatnonzero(state)
    if not len(where):
        return []
    cuts = np.flatnonzero(np.diff(where) > gap)
    starts, ends = where[np.append(0, cuts + 1)], where[np.append(cuts, len(where) - 1)]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _first(state: NDArray[np.bool_], low: int, high: int) -> int:
    """Return the first index between `low` and `high`, both included, at which a state holds; -1 if there is none."""
    places = np.flatnonzero(state[low : high + 1])
    return low + int(places[0]) if len(places) else NEVER


def _first_calm(angle: Series) -> int:
    """Return the index at which the angle had first been quiet for so many recorded steps in a row; -1 for never."""
    quiet = _intervals(angle <= QUIET, 1)
    return next((low + STATE_STEPS - 1 for low, high in quiet if high - low + 1 >= STATE_STEPS), NEVER)


def _swing(angle: Series, lowest: int, risen: int) -> tuple[Interval, int]:
    """Return the swing of the angle that belongs to the rise of the error, and where it passes 90 degrees; or -1."""
    swings = [swing for swing in _intervals(angle > QUIET, STATE_STEPS) if _first(angle > REVERSED, *swing) != NEVER]
    if risen == NEVER:
        calm = _first_calm(angle)
        belonging = [swing for swing in swings if NEVER < calm < swing[0]]
    else:
        belonging = [swing for swing in swings if swing[0] <= risen and swing[1] >= lowest]
    if not belonging:
        return (NEVER, NEVER), NEVER
    return belonging[0], _first(angle > REVERSED, *belonging[0])
