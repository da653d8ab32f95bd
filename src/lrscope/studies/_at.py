"""Which of the values that a training has logged counts: the last one, the best one, or that at a step."""

import xarray as xr

from lrscope.commands import no_such_step
from lrscope.errors import must_be
from lrscope.records import DIVERGED_AT, step_dimension

LAST, BEST = "last", "best"


def check_at(at: str) -> str:
    """Return which value counts; raise an `InputError` if it is none that can."""
    if at not in (LAST, BEST) and not at.isdecimal():
        raise must_be("at", "last, best or a step", at)
    return at


def values_at(records: xr.Dataset, name: str, at: str, *, maximize: bool) -> xr.Dataset:
    """Return a quantity, NaN but at the steps whose values count, and where networks diverged up to then.

    Parameters
    ----------
    records : (..., step)
    name : of the quantity
    at : ``last``, which leaves all values, ``best`` or a step
    maximize : whether the largest is the best

    Raises
    ------
    InputError : nothing was recorded at the step.
    """
    kept = records[[name, *([DIVERGED_AT] if DIVERGED_AT in records else [])]].compute()
    if at == LAST:
        return kept
    array, dim = kept[name], step_dimension(kept[name])
    if at == BEST:
        return kept.assign({name: array.where(array == (array.max if maximize else array.min)(dim))})
    if int(at) not in array[dim].values:
        raise no_such_step(name, int(at), array[dim].values.tolist())
    if DIVERGED_AT in kept:
        kept[DIVERGED_AT] = kept[DIVERGED_AT].where(kept[DIVERGED_AT] <= int(at), -1)
    return kept.assign({name: array.where(array[dim] == int(at))})
