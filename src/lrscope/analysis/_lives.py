"""The lives of neurons: when each was first active, when it fell silent, whether it came back."""

import numpy as np
import xarray as xr

from lrscope.analysis._layers import (
    NEURON,
    as_neurons,
    before_divergence,
    dataset,
    grouped,
    in_pieces,
    join,
    labelled,
    layers,
)
from lrscope.analysis._participation import ALIVE as STILL_ALIVE
from lrscope.analysis._participation import dead
from lrscope.errors import must_be, unknown
from lrscope.records import of_quantity, step_dimension

LIFE_STATES = ("not born", "alive", "dead")
"""What the numbers of the variable ``state`` mean."""
NOT_BORN, ALIVE, DEAD = range(3)
NEVER = -1
"""Value of ``born`` for a neuron that was active at no recorded step."""


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
        state : (member, step, neuron) number of one of ``not born``, ``alive``, ``dead``; NaN where nothing is known,
            as after a divergence
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
    ...     attrs={"quantity": "activations", "statistic": "active", "layer": "0", "part": "0", "units": "1"},
    ... )
    >>> life = lives(xr.Dataset({"activations_active_0": share}))
    >>> [life[name].item() for name in ("born", "died", "deaths", "revivals")]
    [1, -1, 1, 1]
    """
    if window < 1:
        raise must_be("window", "1 recorded step or more", window)
    silent = _silent(records, bounds, tolerance)
    known = silent.notnull().any(NEURON)
    state = _states(silent, known, window)
    result = {"state": labelled(state, records, "state"), **_dates(records, state), **_counts(records, state, known)}
    return dataset(result, records).assign_attrs(window=window, states=list(LIFE_STATES))


def life_events(lives: xr.Dataset, by: str = "layer") -> xr.Dataset:
    """Return how many neurons of each layer were born, died and were revived at each recorded step.

    Parameters
    ----------
    lives : Dataset of `lrscope.analysis.lives`
    by : ``layer`` or ``part``

    Returns
    -------
    Dataset with the dimensions (member, step, by)
        births, deaths, revivals : numbers of neurons; those that are active at the first recorded step are born there.
            NaN where nothing is known

    Raises
    ------
    InputError : an unknown `by`.
    """
    if by not in ("part", "layer"):
        raise unknown("by", by, ("part", "layer"))
    state = lives["state"]
    known = state.notnull().any(NEURON)
    events = {}
    for name, happened in _transitions(state, known).items():
        counts = grouped(happened, by, lambda some: some.sum(NEURON)).where(known)
        events[name] = labelled(counts.transpose(*state.dims[:-1], by), state, name, "neurons")
    return dataset(events, lives)


def by_life(lives: xr.Dataset) -> xr.Dataset:
    """Return the neurons of each layer in the order of their lives, for a picture: who lives longest comes first.

    Parameters
    ----------
    lives : Dataset (step, neuron) of one member, of `lrscope.analysis.lives`

    Returns
    -------
    Dataset : the layers in the order of the network; within each, the neurons that are alive at the end, those that
        died, the last death first, and those that were never active; ``index`` still tells which neuron it is
    """
    named = lives["layer"].values
    last = np.where(lives["died"] == STILL_ALIVE, np.inf, lives["died"])
    keys = (lives["dead_share"].values, -last, lives["born"].values == NEVER)
    order = [np.lexsort(tuple(key[where] for key in keys)) for where in _places(named)]
    return lives.isel({NEURON: np.concatenate([w[own] for w, own in zip(_places(named), order, strict=True)])})


def _places(named: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(named == layer) for layer in dict.fromkeys(named.tolist())]


def _silent(records: xr.Dataset, bounds: tuple[float, float] | None, tolerance: float) -> xr.DataArray:
    """Return 1 where a neuron is silent, 0 where it is active, NaN where nothing is known (member, step, neuron)."""
    statistics = {array.attrs["statistic"] for array in of_quantity(records, "activations")}
    if bounds is not None or {"min", "max"} <= statistics or "active" not in statistics:
        return dead(records, bounds, tolerance)["dead"]
    shares = join([as_neurons(in_pieces(array, _none), array) for array in layers(records, "activations", ["active"])])
    valid = before_divergence(records, shares) & shares.notnull().any(NEURON)
    return shares.where(valid).transpose(*shares.dims)


def _none(active: xr.DataArray) -> xr.DataArray:
    silent: xr.DataArray = (active == 0).astype(np.float64)
    return silent.where(active.notnull())


def _states(silent: xr.DataArray, known: xr.DataArray, window: int) -> xr.DataArray:
    dim = step_dimension(silent)
    born = (silent == 0).cumsum(dim) > 0
    gone = _long(silent == 1, known, window)
    state: xr.DataArray = xr.where(born, xr.where(gone, DEAD, ALIVE), NOT_BORN, keep_attrs=False)
    return silent.copy(data=state.astype(np.float32).where(known).transpose(*silent.dims).values)


def _long(silent: xr.DataArray, known: xr.DataArray, window: int) -> xr.DataArray:
    """Return which silent steps belong to a run of `window` known steps or more."""
    if window == 1:
        return silent
    dim = step_dimension(silent)
    pressed = _at(silent, dim, _order(known, dim)).drop_vars(dim)
    so_far = pressed.cumsum(dim)
    full = so_far - so_far.shift({dim: window}, fill_value=0) == window  # runs that have become long enough here
    ends = full.cumsum(dim)
    ahead = np.minimum(np.arange(ends.sizes[dim]) + window - 1, ends.sizes[dim] - 1)
    long = ends.isel({dim: ahead}) > ends.shift({dim: 1}, fill_value=0)
    return _at(long, dim, (known.cumsum(dim) - 1).clip(0)).assign_coords(silent.coords) & known


def _transitions(state: xr.DataArray, known: xr.DataArray) -> dict[str, xr.DataArray]:
    """Return for each step and neuron what happened since the known step before (member, step, neuron)."""
    dim = step_dimension(state)
    earlier = known.cumsum(dim) - known  # known steps before this one
    place = _at(_order(known, dim), dim, (earlier - 1).clip(0))
    before = _at(state, dim, place).where(earlier > 0, NOT_BORN)
    return {
        "births": (state == ALIVE) & (before == NOT_BORN),
        "deaths": (state == DEAD) & (before == ALIVE),
        "revivals": (state == ALIVE) & (before == DEAD),
    }


def _order(known: xr.DataArray, dim: str) -> xr.DataArray:
    """Return the places of the steps, those that are known first (member, step)."""
    places = xr.apply_ufunc(
        np.argsort, ~known, input_core_dims=[[dim]], output_core_dims=[[dim]], kwargs={"kind": "stable"}
    )
    return xr.DataArray(places.transpose(*known.dims))


def _at(array: xr.DataArray, dim: str, places: xr.DataArray) -> xr.DataArray:
    """Return the array at other places along its steps, each member at its own; the coordinates stay."""
    bare = array.drop_vars(list(array.coords))
    own = {
        str(name): xr.DataArray(np.arange(places.sizes[name]), dims=str(name)) for name in places.dims if name != dim
    }
    taken = bare.isel({**own, dim: places.drop_vars(list(places.coords))})
    return taken.transpose(*array.dims).assign_coords(array.coords)


def _dates(records: xr.Dataset, state: xr.DataArray) -> dict[str, xr.DataArray]:
    dim = step_dimension(state)
    step = state[dim].drop_attrs()
    born = step.where(state >= ALIVE).min(dim).fillna(NEVER)
    last_alive = step.where(state == ALIVE).max(dim).fillna(-np.inf)
    died = step.where(state.notnull() & (state != ALIVE) & (step > last_alive)).min(dim).fillna(STILL_ALIVE)
    dates = {"born": (born, "step of birth"), "died": (died, "step of death")}
    return {
        name: labelled(date.astype(np.int64).transpose(..., NEURON), records, long_name, "updates")
        for name, (date, long_name) in dates.items()
    }


def _counts(records: xr.Dataset, state: xr.DataArray, known: xr.DataArray) -> dict[str, xr.DataArray]:
    dim = step_dimension(state)
    happened = _transitions(state, known)
    deaths, revivals = (happened[name].sum(dim) for name in ("deaths", "revivals"))
    share = (state != ALIVE).where(state.notnull()).mean(dim)
    ever = ((deaths > 0) | ~(state >= ALIVE).any(dim)).astype(np.float64).where(share.notnull())
    return {
        "deaths": labelled(deaths, records, "deaths"),
        "revivals": labelled(revivals, records, "revivals"),
        "dead_share": labelled(share, records, "share of the recorded steps without life"),
        "ever_dead": labelled(ever, records, "neurons that ever died"),
    }
