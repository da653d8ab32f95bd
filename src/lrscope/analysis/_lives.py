"""The lives of neurons: when each was first active, when it fell silent, whether it came back, how many survive."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._layers import (
    NEURON,
    before_divergence,
    by_neuron,
    check_grouping,
    dataset,
    grouped,
    labelled,
)
from lrscope.analysis._participation import dead
from lrscope.analysis._seeds import SEED, Labels, check, describe, student_quantile, with_ends
from lrscope.errors import must_be
from lrscope.records import of_quantity, step_dimension

NOT_BORN, ALIVE, DEAD = range(3)
NEVER = -1
"""Value of ``born`` for a neuron that was active at no recorded step, of ``died`` for one that lives at the end."""


def lives(
    records: xr.Dataset, window: int = 1, bounds: tuple[float, float] | None = None, tolerance: float = 0.01
) -> xr.Dataset:
    """Return the life of every neuron: born at its first activity, dead while it is silent, perhaps revived.

    A neuron is silent at a recorded step if it is dead there in the sense of `lrscope.analysis.dead`, or, where only
    the active share was recorded, if no sample has an output above 0. On small batches a neuron is silent now and then
    although it lives; `window` says for how many recorded steps in a row it must be, so that this is a death.

    Parameters
    ----------
    records : records with the statistics ``min`` and ``max``, or ``active``, of ``activations``, or full activations
    window : silent steps in a row that make a death, e.g. the recorded steps of an epoch; 1 or more
    bounds, tolerance : for bounded activation functions, as in `lrscope.analysis.dead`

    Returns
    -------
    Dataset
        state : (member, step, neuron) 0 before its birth, 1 alive, 2 dead; NaN where nothing is known, as after a
            divergence
        born : (member, neuron) first recorded step with any activity, -1 if there was none
        died : step of the last death (of a neuron that was never active: the first recorded step) if the neuron is
            dead at the end, or when its member diverged; -1 if it is not
        deaths, revivals : how often it died, and came back
        dead_share : share of the recorded steps at which it was dead or not yet born; NaN without any step
        ever_dead : 1 if it ever died or was never active, else 0

    Raises
    ------
    InputError : activations were not recorded, or as mean and deviation only; a `window` below 1; bounds that do not
        ascend.

    Examples
    --------
    A neuron that is born at step 1, dies at step 2 and comes back at step 4:

    >>> share = xr.DataArray(
    ...     [[[0.0], [0.4], [0.0], [0.0], [0.1]]],
    ...     dims=("member", "step", "neuron_0"),
    ...     coords={"step": range(5)},
    ...     attrs={"long_name": "active", "quantity": "activations", "statistic": "active", "layer": "0", "units": "1"}
    ...     | {"module": "0"},
    ... )
    >>> life = lives(xr.Dataset({"activations_active_0": share}))
    >>> [life[name].item() for name in ("born", "died", "deaths", "revivals")]
    [1, -1, 1, 1]
    """
    if window < 1:
        raise must_be("window", "1 recorded step or more", window)
    silent = _silent(records, bounds, tolerance)
    state = _states(silent, window)
    result = {"state": labelled(state, records, "state"), **_dates(records, state), **_counts(records, state)}
    return dataset(result, records).assign_attrs(window=window)


def _silent(records: xr.Dataset, bounds: tuple[float, float] | None, tolerance: float) -> xr.DataArray:
    """Return 1 where a neuron is silent, 0 where it is active, NaN where nothing is known (member, step, neuron)."""
    statistics = {array.attrs["statistic"] for array in of_quantity(records, "activations")}
    if bounds is not None or {"min", "max"} <= statistics or "active" not in statistics:
        return dead(records, bounds, tolerance)
    shares = by_neuron(records, "activations", "active")
    known = before_divergence(records, shares) & shares.notnull()
    return (shares == 0).astype(np.float64).where(known).transpose(*shares.dims)


def _states(silent: xr.DataArray, window: int) -> xr.DataArray:
    dim = step_dimension(silent)
    state: xr.DataArray = xr.apply_ufunc(
        _life, silent, kwargs={"window": window}, input_core_dims=[[dim]], output_core_dims=[[dim]], vectorize=True
    )
    return silent.copy(data=state.transpose(*silent.dims).values)


def _life(silent: NDArray[np.float64], window: int) -> NDArray[np.float32]:
    """Return the states of one neuron (step); the steps at which nothing is known count as if they were not there."""
    known = ~np.isnan(silent)
    quiet = silent[known] == 1
    states = np.where(np.logical_or.accumulate(~quiet), ALIVE, NOT_BORN)
    edges = np.concatenate([[False], quiet, [False]])
    changes = np.flatnonzero(edges[1:] != edges[:-1])
    for start, end in changes.reshape(-1, 2):
        if end - start >= window and states[start] == ALIVE:
            states[start:end] = DEAD
    result = np.full(len(silent), np.nan, dtype=np.float32)
    result[known] = states
    return result


def _changes(state: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return how often a neuron died, and how often it came back."""
    after = state[~np.isnan(state)]
    before = np.append(NOT_BORN, after[:-1]) if len(after) else after
    died, revived = (after == DEAD) & (before == ALIVE), (after == ALIVE) & (before == DEAD)
    return np.array([died.sum(), revived.sum()])


def _dates(records: xr.Dataset, state: xr.DataArray) -> dict[str, xr.DataArray]:
    dim = step_dimension(state)
    step = state[dim].drop_attrs()
    born = step.where(state >= ALIVE).min(dim).fillna(NEVER)
    last_alive = step.where(state == ALIVE).max(dim).fillna(-np.inf)
    died = step.where(state.notnull() & (state != ALIVE) & (step > last_alive)).min(dim).fillna(NEVER)
    dates = {"born": (born, "step of birth"), "died": (died, "step of death")}
    return {
        name: labelled(date.astype(np.int64).transpose(..., NEURON), records, long_name, "updates")
        for name, (date, long_name) in dates.items()
    }


def _counts(records: xr.Dataset, state: xr.DataArray) -> dict[str, xr.DataArray]:
    dim = step_dimension(state)
    deaths, revivals = xr.apply_ufunc(
        _changes, state, input_core_dims=[[dim]], output_core_dims=[["change"]], vectorize=True
    ).transpose("change", ...)
    share = (state != ALIVE).where(state.notnull()).mean(dim)
    ever = ((deaths > 0) | ~(state >= ALIVE).any(dim)).astype(np.float64).where(share.notnull())
    return {
        "deaths": labelled(deaths, records, "deaths"),
        "revivals": labelled(revivals, records, "revivals"),
        "dead_share": labelled(share, records, "share of the recorded steps without life"),
        "ever_dead": labelled(ever, records, "neurons that ever died"),
    }


def survival(lives: xr.Dataset, by: str | None = None, confidence: float = 0.95) -> xr.Dataset:
    """Return the share of the neurons that have not died for good yet, at each step, over the seeds.

    The estimate is that of Kaplan and Meier: at each recorded step the share that has survived so far is multiplied by
    the share of the neurons at risk that do not die there. Neurons are observed until the end of the records, or until
    their network diverged. Without divergence this is exactly the plain share; with it, a network that diverged counts
    as long as it was observed, and the curve has no jump where it drops out. Death is the last one of a neuron that is
    dead at the end; whether it would have come back later is not known, so that the end of the curve is a lower bound.
    A neuron that was never active dies at the first step.

    The interval is Student's t, with the standard error of the jackknife: whole networks are left out one at a time,
    since the neurons of one network do not die independently. Without divergence it is that of `over_seeds`.

    Parameters
    ----------
    lives : Dataset of `lrscope.analysis.lives` with the dimension ``seed``, e.g. (lr, seed, step, neuron) after
        `lrscope.records.on_grid`
    by : ``layer`` or ``module`` for one curve each; all neurons together by default
    confidence : of the interval, between 0 and 1

    Returns
    -------
    Dataset with the dimensions of `lives` but ``seed`` and ``neuron``, such as (lr, step), and `by`
        mean : share of the neurons, 0 to 1; NaN where every network had diverged
        low, high : interval; NaN with fewer than two seeds
        count : networks that were still observed

    Raises
    ------
    InputError : no dimension ``seed``, an unknown `by`, a confidence that is not between 0 and 1.

    References
    ----------
    Kaplan, Meier: Nonparametric estimation from incomplete observations, JASA 53 (1958).
    """
    if SEED not in lives.dims:
        remedy = "Call lrscope.records.on_grid first."
        raise must_be("lives", "a Dataset with the dimension seed", tuple(map(str, lives.dims)), remedy)
    if by is not None:
        check_grouping(by)
    check(confidence)
    known = lives["state"].notnull().any(NEURON)
    dim = step_dimension(known)
    observed = known[dim] <= known[dim].where(known).max(dim)  # the network's records reach this step
    dying, at_risk = (
        grouped(flags, by, lambda some: some.sum(NEURON)) if by else flags.sum(NEURON)
        for flags in _at_risk(lives, observed)
    )
    curves = _product_limit(dying, at_risk, observed, confidence)
    result = curves.transpose(..., dim).assign_coords({dim: lives[dim]})
    labels: Labels = {**with_ends("mean", "share of surviving neurons"), "count": ("networks observed", "networks")}
    return describe(result, labels)


def _at_risk(lives: xr.Dataset, observed: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return which neurons die at a step, and which might have."""
    died = lives["died"].where(lives["dead_share"].notnull())
    step = observed[step_dimension(observed)]
    lived = (died < 0) | (died >= step)
    return observed & (died == step), observed & lived


def _product_limit(dying: xr.DataArray, at_risk: xr.DataArray, observed: xr.DataArray, confidence: float) -> xr.Dataset:
    """Return the estimate of the networks (..., seed, step), pooled."""
    there, networks = observed.any(step_dimension(observed)), observed.sum(SEED)
    all_dying, all_at_risk, count = dying.sum(SEED), at_risk.sum(SEED), there.sum(SEED)
    curve = _curve(all_dying, all_at_risk).where(networks > 0)
    without = _curve(all_dying - dying, all_at_risk - at_risk).where(there)
    several = count.where(count >= 2)
    error = (several - 1) / several**0.5 * without.std(SEED, ddof=1)
    half = student_quantile((1 + confidence) / 2, several - 1) * error
    low, high = ((curve + end).clip(0.0, 1.0) for end in (-half, half))
    return xr.Dataset({"mean": curve, "low": low, "high": high, "count": networks.broadcast_like(curve)})


def _curve(dying: xr.DataArray, at_risk: xr.DataArray) -> xr.DataArray:
    surviving = 1 - dying / at_risk.where(at_risk > 0, 1)
    return surviving.cumprod(step_dimension(dying))
