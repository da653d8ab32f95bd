"""Where an error that falls begins to fall faster."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._layers import before_divergence, dataset, labelled, recorded
from lrscope.errors import must_be
from lrscope.records import LOSS, step_dimension

FASTER = 1.5
"""What falls faster falls at least so many times as fast as before."""


def acceleration(records: xr.Dataset, error: str = LOSS, window: float = 0.1) -> xr.Dataset:
    """Return where the error begins to fall faster, and where it falls fastest.

    The rate of the fall is that of the logarithm of the error, over windows of a tenth of the run: a line of steeper
    slope on a logarithmic axis. An error that comes down again behind a rise is none that falls faster: both windows
    must fall, the first from a value that is not above 1.5 times the lowest so far, the second to two thirds or less.

    Parameters
    ----------
    records : records with the error, recorded at even distances
    error : name of the variable: ``loss`` or ``val_loss``
    window : length of the windows, as a part of the recorded steps; above 0, at most a third

    Returns
    -------
    Dataset
        begins : (member) updates; the step where the rate of the window behind it exceeds that of the window before
            it by most; -1 if it nowhere is 1.5 times as large, or the member diverged
        steepest : (member) updates; middle of the window of the largest rate behind the first window, where every error
            falls fast; -1 where `begins` is
        before, after : (member) rates of the windows before and behind `begins`, of the natural logarithm, in
            1/updates; NaN where `begins` is -1

    Raises
    ------
    InputError : the error was not recorded, or `window` is out of range.
    """
    if not 0 < window <= 1 / 3:
        raise must_be("window", "above 0 and at most a third", window)
    array = recorded(records, error)
    dim = step_dimension(array)
    array = array.where(before_divergence(records, array)).where(array > 0)
    length = max(1, round(window * array.sizes[dim]))
    found = xr.apply_ufunc(
        _faster,
        np.log(array),
        array[dim].drop_attrs(),
        kwargs={"length": length},
        input_core_dims=[[dim], [dim]],
        output_core_dims=[["found"]],
        vectorize=True,
    )
    begins, steepest, before, after = (found.isel(found=place, drop=True) for place in range(4))
    result = {
        "begins": labelled(begins.astype(np.int64), records, "begin of a faster fall", "updates"),
        "steepest": labelled(steepest.astype(np.int64), records, "fastest fall", "updates"),
        "before": labelled(before, records, "rate before", "1/updates"),
        "after": labelled(after, records, "rate after", "1/updates"),
    }
    return dataset(result, records)


def _faster(logarithm: NDArray[np.floating], steps: NDArray[np.integer], length: int) -> NDArray[np.floating]:
    """Return begin, steepest, rate before and rate after of one member; -1, -1, NaN, NaN if it never falls faster."""
    nothing = np.array([-1, -1, np.nan, np.nan])
    rates = -(logarithm[length:] - logarithm[:-length]) / (steps[length:] - steps[:-length])
    before, after = rates[:-length], rates[length:]
    starts = logarithm[: len(before)]
    falling = (before > 0) & (starts <= np.fmin.accumulate(starts) + np.log(FASTER))
    far = after * (steps[length] - steps[0]) >= np.log(FASTER)
    rising = np.where(falling & far & (after >= FASTER * before), after - before, -np.inf)
    if not len(rising) or not np.isfinite(rising.max()):
        return nothing
    place = int(np.argmax(rising))
    steepest = length + int(np.nanargmax(rates[length:]))
    middle = (steps[steepest] + steps[steepest + length]) // 2
    return np.array([steps[place + length], middle, before[place], after[place]])
