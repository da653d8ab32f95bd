"""Which value of an axis comes out on top, in what order they come, and how many seeds say so."""

from collections.abc import Collection, Hashable, Sequence
from itertools import pairwise

import numpy as np
import xarray as xr

from lrscope.errors import must_be, unknown


def shares(counts: xr.DataArray, dim: str = "bin") -> xr.DataArray:
    """Return counts divided by their sum along `dim`; NaN where there are none (a member that diverged at once).

    Examples
    --------
    >>> shares(xr.DataArray([8, 1, 1], dims="bin")).values.tolist()
    [0.8, 0.1, 0.1]
    """
    _check_dim(counts, dim)
    total = counts.sum(dim, skipna=False)
    kept = {key: value for key, value in counts.attrs.items() if key == "axes"}
    return (counts / total.where(total > 0)).assign_attrs(kept, long_name="share of neurons", units="1")


def total_variation(counts: xr.DataArray, other: xr.DataArray, dim: str = "bin") -> xr.DataArray:
    """Return the distance between two binned distributions: half the sum of the differences of their shares.

    Parameters
    ----------
    counts, other : counts or shares with the dimension `dim`; each is divided by its sum. Where both have a dimension,
        only labels that both have are compared.
    dim : the bins

    Returns
    -------
    DataArray of all dimensions but `dim` : 0 for equal distributions, 1 for disjoint ones; NaN where one is empty or
        NaN

    Raises
    ------
    InputError : one of them lacks `dim`.

    Examples
    --------
    >>> ours, theirs = (xr.DataArray(counts, dims="bin") for counts in ([8, 1, 1], [6, 3, 1]))
    >>> round(float(total_variation(ours, theirs)), 6)
    0.2
    """
    first, second = xr.align(shares(counts, dim), shares(other, dim), join="inner")
    return (abs(first - second).sum(dim, skipna=False) / 2).assign_attrs(
        long_name="total-variation distance", units="1"
    )


def best(array: xr.DataArray, dim: str = "lr", largest: bool = True) -> xr.DataArray:
    """Return the label along `dim` with the largest (or smallest) value, e.g. the lr that engages the most neurons.

    Parameters
    ----------
    array : DataArray with `dim` and its coordinate
    dim : axis whose label is sought
    largest : or the smallest

    Returns
    -------
    DataArray of all dimensions but `dim` : labels; the first of equal ones. NaN (diverged members) never win; where
        all are NaN the result is NaN.

    Examples
    --------
    >>> error = xr.DataArray([0.3, 0.1, 0.2], coords={"lr": [1e-4, 1e-3, 1e-2]})
    >>> float(best(error, largest=False))
    0.001
    """
    _check_dim(array, dim)
    return array.idxmax(dim) if largest else array.idxmin(dim)


def ordered(array: xr.DataArray, labels: Sequence[Hashable], dim: str = "lr") -> xr.DataArray:
    """Tell whether the values at `labels` ascend strictly in the given order.

    Parameters
    ----------
    array : DataArray with `dim` and its coordinate
    labels : along `dim`, from the smallest value to the largest
    dim : axis of the labels

    Returns
    -------
    DataArray of all dimensions but `dim` : 1 if they ascend, 0 if not, NaN where one of them is NaN

    Raises
    ------
    InputError : a label does not exist.

    Examples
    --------
    >>> error = xr.DataArray([0.3, 0.2, 0.1], coords={"lr": [1e-4, 1e-3, 1e-2]})
    >>> float(ordered(error, [1e-2, 1e-3, 1e-4]))
    1.0
    """
    _check_dim(array, dim)
    values = [_at(array, dim, label) for label in labels]
    ascends = xr.ones_like(values[0], dtype=float)
    for smaller, larger in pairwise(values):
        ascends = ascends * (smaller < larger).where(smaller.notnull() & larger.notnull())
    return ascends.assign_attrs(long_name=" < ".join(map(str, labels)), units="1")


def agreement(holds: xr.DataArray, over: str | Collection[Hashable] = "seed") -> xr.Dataset:
    """Return for how many of the seeds something holds.

    Parameters
    ----------
    holds : bool, or 1, 0 and NaN (undecided, e.g. because a member diverged)
    over : the dimensions counted over

    Returns
    -------
    Dataset of the remaining dimensions
        agree : for how many it holds
        count : of how many that are not NaN
    """
    decided = holds.astype(float)
    counts = {"agree": (decided == 1).sum(over), "count": decided.notnull().sum(over)}
    result = xr.Dataset(counts)
    result["agree"].attrs = {"long_name": "it holds for", "units": "1"}
    result["count"].attrs = {"long_name": "of", "units": "1"}
    return result


def _check_dim(array: xr.DataArray, dim: str) -> None:
    if dim not in array.dims:
        raise unknown("dim", dim, map(str, array.dims))


def _at(array: xr.DataArray, dim: str, label: Hashable) -> xr.DataArray:
    known = array[dim].values
    if label not in known.tolist():
        raise must_be("labels", f"among {', '.join(map(str, known))}", label)
    return array.isel({dim: int(np.flatnonzero(known == label)[0])}, drop=True)
