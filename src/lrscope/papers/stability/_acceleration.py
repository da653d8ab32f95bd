"""Where an error that falls begins to fall faster."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.records import DIVERGED_AT

FACTOR = 1.5
"""Falling faster means at least this multiple of the rate before."""
WINDOW = 0.1
"""Length of the windows whose rates are compared, as a part of the recorded steps."""


def acceleration(records: xr.Dataset, error: str = "val_loss") -> xr.Dataset:
    """Return where the error begins to fall faster, and where it falls fastest.

    The rate is that of the logarithm of the error over windows of a tenth of the run. A recovery after a rise does not
    count: the error must fall in both windows, in the first from a value at most 1.5 times the lowest so far, in the
    second to two thirds or less.

    Parameters
    ----------
    records : records (member, step) with the error, recorded at every step

    Returns
    -------
    Dataset
        begins : (member) updates; where the rate of the window after it exceeds that of the window before by most; -1
            if it is nowhere 1.5 times as large, or the member diverged
        steepest : (member) updates; middle of the window with the largest rate, the first window excepted, in which
            every error falls fast; -1 where `begins` is
        before, after : (member) 1/updates; rates before and after `begins`, NaN where `begins` is -1
    """
    array = records[error]
    array = array.where((records[DIVERGED_AT].max("step") < 0) & (array > 0))
    result = xr.apply_ufunc(
        _acceleration,
        np.log(array),
        array["step"].drop_attrs(),
        input_core_dims=[["step"], ["step"]],
        output_core_dims=[["result"]],
        vectorize=True,
    )
    begins, steepest, before, after = (result.isel(result=place, drop=True) for place in range(4))
    return xr.Dataset({"begins": begins, "steepest": steepest, "before": before, "after": after})


def _acceleration(logarithm: NDArray[np.floating], steps: NDArray[np.integer]) -> NDArray[np.floating]:
    """Return begin, steepest, rate before and rate after of one member; -1, -1, NaN, NaN if it never falls faster."""
    length = max(1, round(WINDOW * len(steps)))
    rates = -(logarithm[length:] - logarithm[:-length]) / (steps[length:] - steps[:-length])
    before, after = rates[:-length], rates[length:]
    starts = logarithm[: len(before)]
    falling = (before > 0) & (starts <= np.fmin.accumulate(starts) + np.log(FACTOR))
    enough = after * length * np.diff(steps).max(initial=0) >= np.log(FACTOR)
    gain = np.where(falling & enough & (after >= FACTOR * before), after - before, -np.inf)
    if not len(gain) or not np.isfinite(gain.max()):
        return np.array([-1, -1, np.nan, np.nan])
    place = int(np.argmax(gain))
    steepest = length + int(np.nanargmax(rates[length:]))
    middle = (steps[steepest] + steps[steepest + length]) // 2
    return np.array([steps[place + length], middle, before[place], after[place]])
