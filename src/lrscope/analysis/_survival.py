"""How many neurons survive, and how long: the product-limit estimate over the networks of several seeds."""

import numpy as np
import scipy
import xarray as xr

from lrscope.analysis._intervals import SEED, check
from lrscope.analysis._labels import Labels, labelled, with_ends
from lrscope.analysis._layers import NEURON, grouped
from lrscope.errors import must_be, unknown
from lrscope.records import step_dimension


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
    by : ``layer`` or ``part`` for one curve each; all neurons together by default
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
    if by not in (None, "part", "layer"):
        raise unknown("by", str(by), ("part", "layer"))
    check(confidence)
    observed = _observed(lives)
    dying, at_risk = (_summed(flags, by) for flags in _at_risk(lives, observed))
    curves = _by_case(dying, at_risk, observed, confidence)
    dim = step_dimension(lives["state"])
    result = curves.transpose(..., dim).assign_coords({dim: lives[dim]}).assign_attrs(seeds=lives.sizes[SEED])
    labels: Labels = {**with_ends("mean", "share of surviving neurons"), "count": ("networks observed", "networks")}
    return labelled(result, labels)


def _observed(lives: xr.Dataset) -> xr.DataArray:
    """Return whether a network's records reach this step (..., seed, step)."""
    known = lives["state"].notnull().any(NEURON)
    dim = step_dimension(known)
    return known[dim] <= known[dim].where(known).max(dim)


def _at_risk(lives: xr.Dataset, observed: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Return which neurons die at a step, and which might have."""
    died = lives["died"].where(lives["dead_share"].notnull())
    step = observed[step_dimension(observed)]
    lived = (died < 0) | (died >= step)
    return observed & (died == step), observed & lived


def _summed(flags: xr.DataArray, by: str | None) -> xr.DataArray:
    def count(some: xr.DataArray) -> xr.DataArray:
        return some.sum(NEURON)

    return grouped(flags, by, count) if by else count(flags)


def _by_case(dying: xr.DataArray, at_risk: xr.DataArray, observed: xr.DataArray, confidence: float) -> xr.Dataset:
    """Return the estimates of every combination of the other dimensions."""
    dim = step_dimension(dying)
    others = [name for name in dying.dims if name not in (SEED, dim)]
    if not others:
        return _product_limit(dying, at_risk, observed, confidence)
    one = others[0]
    shown = observed if one in observed.dims else observed.expand_dims({one: dying[one]})
    parts = [
        _by_case(dying.isel({one: at}), at_risk.isel({one: at}), shown.isel({one: at}), confidence)
        for at in range(dying.sizes[one])
    ]
    return xr.concat(parts, dying[one], coords="minimal", compat="override")


def _product_limit(dying: xr.DataArray, at_risk: xr.DataArray, observed: xr.DataArray, confidence: float) -> xr.Dataset:
    """Return the estimate of the networks (seed, step), pooled."""
    dim = step_dimension(dying)
    there = np.flatnonzero(observed.any(dim))
    dying, at_risk, observed = (array.isel({SEED: there}) for array in (dying, at_risk, observed))
    networks = observed.sum(SEED)
    curve = _curve(dying.sum(SEED), at_risk.sum(SEED)).where(networks > 0)
    count = len(there)
    others = xr.DataArray(1.0 - np.eye(count), dims=("left_out", SEED))
    without = _curve(others.dot(dying, SEED), others.dot(at_risk, SEED))
    error = (count - 1) / count**0.5 * without.std("left_out", ddof=1) if count > 1 else np.nan
    half = scipy.stats.t.ppf((1 + confidence) / 2, count - 1) * error
    low, high = ((curve + end).clip(0.0, 1.0) for end in (-half, half))
    result = {"mean": curve, "low": low, "high": high, "count": networks}
    return xr.Dataset({name: array.drop_vars(SEED, errors="ignore") for name, array in result.items()})


def _curve(dying: xr.DataArray, at_risk: xr.DataArray) -> xr.DataArray:
    surviving = 1 - dying / at_risk.where(at_risk > 0, 1)
    return surviving.cumprod(step_dimension(dying))
