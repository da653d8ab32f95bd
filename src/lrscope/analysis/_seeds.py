"""What several seeds say together: their mean, and an interval for it."""

import numpy as np
import xarray as xr

from lrscope.errors import must_be

SEED = "seed"
RESAMPLES = 1000
"""Bootstrap samples an interval is taken from."""
RANDOM_SEED = 20251114
"""Seed of the bootstrap: the same data always give the same interval."""
BLOCK = 2**22
"""Resampled means held at a time."""


def over_seeds(array: xr.DataArray, confidence: float = 0.95) -> xr.Dataset:
    """Return the mean over the seeds with a bootstrap interval.

    The seeds are resampled 1000 times with replacement, each point for itself, from a fixed random seed; the ends are
    percentiles of the resampled means. They stay within the range of the seeds' values, so that shares stay shares and
    losses positive. With few seeds the interval is too narrow, roughly by the factor sqrt((n - 1) / n).

    Parameters
    ----------
    array : DataArray with the dimension ``seed``, e.g. the result of an analysis after `lrscope.records.on_grid`
    confidence : of the interval, between 0 and 1

    Returns
    -------
    Dataset with the dimensions of `array` but ``seed``
        mean : over the seeds with a finite value
        low, high : interval of the mean; NaN with fewer than two seeds
        count : how many seeds were used; what is not finite (members that diverged) is left out

    Raises
    ------
    InputError : there is no dimension ``seed``, or the confidence is not between 0 and 1.

    References
    ----------
    Hesterberg: What teachers should know about the bootstrap, The American Statistician 69 (2015).

    Examples
    --------
    >>> result = over_seeds(xr.DataArray([1.0, 2.0, 3.0, np.nan], dims="seed"))
    >>> float(result["mean"]), int(result["count"])
    (2.0, 3)
    """
    if SEED not in array.dims:
        raise must_be("array", "an array with the dimension seed", array.dims, "Call lrscope.records.on_grid first.")
    if not 0 < confidence < 1:
        raise must_be("confidence", "between 0 and 1", confidence)
    values = array.drop_vars([name for name, coordinate in array.coords.items() if SEED in coordinate.dims])
    ordered = values.astype(np.float64).where(np.isfinite(values))
    ordered = xr.apply_ufunc(np.sort, ordered, input_core_dims=[[SEED]], output_core_dims=[[SEED]])  # NaN come last
    low, high = xr.apply_ufunc(
        _intervals, ordered, input_core_dims=[[SEED]], output_core_dims=[[], []], kwargs={"confidence": confidence}
    )
    return _described(array, {"mean": ordered.mean(SEED), "low": low, "high": high, "count": ordered.count(SEED)})


def _described(array: xr.DataArray, parts: dict[str, xr.DataArray]) -> xr.Dataset:
    result = xr.Dataset(parts, attrs={"seeds": array.sizes[SEED]})
    name, units = array.attrs.get("long_name", array.name or ""), array.attrs.get("units", "1")
    names = {"mean": "{}", "low": "{}, low end of the interval", "high": "{}, high end of the interval"}
    for key, long_name in names.items():
        result[key].attrs = {"long_name": long_name.format(name), "units": units}
    result["count"].attrs = {"long_name": "seeds used", "units": "seeds"}
    return result


def _intervals(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the interval of the mean of values (..., seed), of which NaN are the last."""
    flat = values.reshape(-1, values.shape[-1])
    counts = np.isfinite(flat) @ np.ones(values.shape[-1], dtype=np.int64)
    ends = np.full((len(flat), 2), np.nan)
    for count in np.unique(counts[counts >= 2]):
        rows = np.flatnonzero(counts == count)
        for some in np.array_split(rows, 1 + len(rows) * RESAMPLES // BLOCK):
            ends[some] = _resampled(flat[some, :count], confidence)
    return ends[:, 0].reshape(values.shape[:-1]), ends[:, 1].reshape(values.shape[:-1])


def _resampled(values: np.ndarray, confidence: float) -> np.ndarray:
    count = values.shape[1]
    draws = np.random.default_rng(RANDOM_SEED).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    means = xr.DataArray(values @ draws.T / count, dims=("point", "resample"))
    ends = means.quantile([(1 - confidence) / 2, (1 + confidence) / 2], "resample").transpose("point", "quantile")
    return np.asarray(ends.values)
