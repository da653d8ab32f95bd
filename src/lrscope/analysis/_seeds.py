"""What several seeds say together: means and shares with intervals, resampled seeds, random signs; and their labels."""

import itertools

import numpy as np
import scipy
import xarray as xr

from lrscope.errors import InputError, must_be

SEED = "seed"
RESAMPLE = "resample"
Labels = dict[str, str | tuple[str, str]]
"""Name of a variable -> its long name, or its long name and its unit."""


def over_seeds(
    array: xr.DataArray,
    confidence: float = 0.95,
    *,
    log: bool = False,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> xr.Dataset:
    """Return the mean over the seeds with Student's t interval.

    Parameters
    ----------
    array : DataArray with the dimension ``seed``, e.g. the result of an analysis after `lrscope.records.on_grid`
    confidence : of the interval, between 0 and 1
    log : for quantities that are positive and vary by factors, such as losses and norms: the mean is the geometric one,
        and the interval is that of the logarithm. A value of 0 makes the mean 0, without an interval
    bounds : values that the mean can have, such as (0, 1) for shares: the interval is cut there

    Returns
    -------
    Dataset with the dimensions of `array` but ``seed``; its attributes are the ``scale``,
    ``linear`` or ``log``, and the ``interval`` in words
        mean : over the seeds with a finite value
        low, high : interval of the mean; NaN with fewer than two seeds
        count : how many seeds were used; what is not finite (members that diverged) is left out

    Raises
    ------
    InputError : there is no dimension ``seed``, the confidence is not between 0 and 1, or a value is below 0 where
        `log` is asked for.

    References
    ----------
    Student: The probable error of a mean, Biometrika 6 (1908).

    Examples
    --------
    >>> result = over_seeds(xr.DataArray([1.0, 2.0, 3.0, np.nan], dims="seed"))
    >>> float(result["mean"]), int(result["count"])
    (2.0, 3)
    >>> float(over_seeds(xr.DataArray([0.1, 10.0], dims="seed"), log=True)["mean"].round(12))
    1.0
    """
    if SEED not in array.dims:
        raise must_be("array", "an array with the dimension seed", array.dims, "Call lrscope.records.on_grid first.")
    check(confidence)
    values = array.drop_vars([name for name, coordinate in array.coords.items() if SEED in coordinate.dims])
    values = values.astype(np.float64).where(np.isfinite(values))
    # Sorted, so that rounding does not depend on the order of the seeds.
    values = xr.apply_ufunc(np.sort, values, input_core_dims=[[SEED]], output_core_dims=[[SEED]])
    if log:
        if bool((values < 0).any()):
            raise InputError("A geometric mean needs values that are not below 0: leave out log=True.")
        with np.errstate(divide="ignore", invalid="ignore"):  # a value of 0
            values = np.log(values)
            ends = (values.mean(SEED), *mean_interval(values, confidence))
        mean, low, high = (np.exp(end) for end in ends)
    else:
        mean, (low, high) = values.mean(SEED), mean_interval(values, confidence)
    low, high = (end.clip(*bounds) for end in (low, high))
    result = xr.Dataset({"mean": mean, "low": low, "high": high, "count": values.count(SEED)})
    labels = with_ends("mean", name_of(array, ""), units_of(array)) | {"count": ("seeds used", "seeds")}
    interval = f"{confidence:.0%} interval of the {'geometric mean' if log else 'mean'}, Student's t"
    return describe(result, labels).assign_attrs(scale="log" if log else "linear", interval=interval)


def check(confidence: float, resamples: int = 100) -> None:
    """Raise an error for a confidence that is not between 0 and 1, or fewer than 100 resamples."""
    if not 0 < confidence < 1:
        raise must_be("confidence", "between 0 and 1", confidence)
    if resamples < 100:
        raise must_be("resamples", "at least 100", resamples)


def mean_interval(values: xr.DataArray, confidence: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both ends of Student's t interval for the mean over the seeds.

    It covers the mean with the given confidence from two seeds on if the values are normal, and nearly so if they are
    not too skewed. Quantities that vary by factors, as losses do, are given by their logarithms.

    References
    ----------
    Student: The probable error of a mean, Biometrika 6 (1908).
    """
    count = values.count(SEED)
    several = count.where(count >= 2)
    half = student_quantile((1 + confidence) / 2, several - 1) * values.std(SEED, ddof=1) / several**0.5
    mean = values.mean(SEED)
    return mean - half, mean + half


def student_quantile(share: float | xr.DataArray, freedom: xr.DataArray) -> xr.DataArray:
    """Return the value below which that share of Student's distribution lies; NaN without degrees of freedom.

    Examples
    --------
    >>> float(student_quantile(0.975, xr.DataArray(7)).round(4))
    2.3646
    """
    # This is scipy.stats.t.ppf, without the second that importing scipy.stats takes.
    quantile: xr.DataArray = xr.apply_ufunc(scipy.special.stdtrit, freedom, share)
    return quantile


def share_interval(events: xr.DataArray, trials: xr.DataArray, confidence: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return both ends of Wilson's interval for a probability, given counts; NaN without trials.

    References
    ----------
    Brown, Cai, DasGupta: Interval estimation for a binomial proportion, Statistical Science 16 (2001).

    Examples
    --------
    >>> low, high = share_interval(xr.DataArray(0), xr.DataArray(8), 0.95)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.324)
    """
    quantile = scipy.special.ndtri((1 + confidence) / 2)
    several = trials.where(trials > 0)
    share, width = events / several, quantile**2 / several
    centre = (share + width / 2) / (1 + width)
    half = np.sqrt(width * share * (1 - share) + width**2 / 4) / (1 + width)
    # Rounding must not take a share of none, or of all, out of its interval.
    low = (centre - half).where((events > 0) | several.isnull(), 0)
    high = (centre + half).where((events < several) | several.isnull(), 1)
    return low, high


def resampled_means(values: xr.DataArray, resamples: int, seed: int) -> xr.DataArray:
    """Return the means over resampled seeds, the same seeds at every other place: (resample, ...)."""
    count = values.sizes[SEED]
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    weights = xr.DataArray(draws.astype(np.float64), dims=(RESAMPLE, SEED))
    present = values.notnull()
    total = xr.dot(weights, present.astype(np.float64), dim=SEED)
    means: xr.DataArray = xr.dot(weights, values.where(present, 0.0), dim=SEED) / total.where(total > 0)
    return means


def random_signs(count: int, resamples: int, seed: int) -> xr.DataArray:
    """Return signs for the seeds, 1 or -1 (resample, seed): all combinations if there are no more than `resamples`."""
    if 2**count <= resamples:
        signs = np.array(list(itertools.product([1.0, -1.0], repeat=count)))
    else:
        signs = np.random.default_rng(seed).choice([1.0, -1.0], (resamples, count))
    return xr.DataArray(signs, dims=(RESAMPLE, SEED))


def describe(result: xr.Dataset, labels: Labels) -> xr.Dataset:
    """Give variables and coordinates their long name, and their unit where it is not 1."""
    for name, label in labels.items():
        long_name, units = (label, "1") if isinstance(label, str) else label
        result[name].attrs = {"long_name": long_name, "units": units}
    return result


def with_ends(name: str, long_name: str, units: str = "1") -> Labels:
    """Return the labels of a value and of both ends of its interval; those of ``mean`` and ``share`` have no prefix."""
    start = "" if name in ("mean", "share") else f"{name}_"
    ends = {f"{start}{end}": (f"{long_name}, {end} end of the interval", units) for end in ("low", "high")}
    return {name: (long_name, units), **ends}


def name_of(array: xr.DataArray, default: str = "score") -> str:
    """Return the name of a quantity in words."""
    return str(array.attrs.get("long_name", array.name or default))


def units_of(array: xr.DataArray) -> str:
    """Return the unit of a quantity; "1" where it has none."""
    return str(array.attrs.get("units", "1"))
