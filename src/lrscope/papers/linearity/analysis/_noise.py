"""How many replicates does the law need? What noise makes of R², and what common seeds save."""

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._jackknife import (
    Batches,
    X,
    Y,
    check_batches,
    check_confidence,
    quotient,
    r_squared,
    ratio_interval,
)
from lrscope.papers.linearity.analysis._means import REPLICATES, is_common, labelled, positions_of

PRODUCTS = {"xx": (X, X), "xy": (X, Y), "yy": (Y, Y)}
AT_ETA, AT_A, AT_B = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
Parts = dict[str, float]


def law_by_replicates(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return R² and slope over more and more replicates, and what signal and noise let expect.

    The expected values take products of x and y (see `law`) to be those without noise plus the noise of one replicate
    divided by the replicates, both estimated from all replicates.

    Parameters
    ----------
    sums : of `summed`, with outputs, in two batches at least
    eta, a, b : eta, eta + a and eta + b are among the rates

    Returns
    -------
    Dataset (replicates)
        r2, slope : over the first 1, 2, ... batches, as in the source
        r2_expected : at that number of replicates; NaN where no signal was batches

    Raises
    ------
    InputError : a or b is zero, both are equal, or a rate is not among the rates.
    """
    batches = Batches.of(sums, positions_of(sums, eta, a=a, b=b))
    seen = {name: batches.observed(*two) for name, two in PRODUCTS.items()}
    counts = batches.cumulated
    signal, noise = _signal(batches), _noise(batches)
    rows = [{name: float(values[place]) for name, values in seen.items()} for place in range(len(counts))]
    expected = [_with_noise(signal, noise, 1 / count) for count in counts]
    columns = {
        "r2": [r_squared(**row) for row in rows],
        "slope": [quotient(row["xy"], row["xx"]) for row in rows],
        "r2_expected": [r_squared(**row) for row in expected],
    }
    result = xr.Dataset({name: (REPLICATES, values) for name, values in columns.items()}, coords={REPLICATES: counts})
    result[REPLICATES].attrs = {"long_name": "replicates at each rate", "units": "replicates"}
    texts = {"r2": "R²", "slope": "slope", "r2_expected": "expected R²"}
    return labelled(result, texts)


def _signal(batches: Batches) -> Parts:
    return {name: batches.corrected(*two).whole for name, two in PRODUCTS.items()}


def _noise(batches: Batches) -> Parts:
    return {name: batches.noise(*two).whole for name, two in PRODUCTS.items()}


def _with_noise(signal: Parts, noise: Parts, share: float) -> Parts:
    return {name: signal[name] + share * noise[name] for name in PRODUCTS}


def replicates_for(sums: xr.Dataset, eta: float, a: float, b: float, r2: float) -> xr.DataArray:
    """Return from how many replicates on at each rate the expected R² is at least `r2`.

    Parameters
    ----------
    sums : of `summed`, with outputs, in two batches at least
    eta, a, b : eta, eta + a and eta + b are among the rates
    r2 : wanted, between 0 and 1

    Returns
    -------
    DataArray : replicates, with the pairing that was used; infinite where R² without noise does not exceed `r2`, or no
        signal was batches

    Raises
    ------
    InputError : r2 is not between 0 and 1; a or b is zero, both are equal, or a rate is not among the rates.

    See Also
    --------
    law_by_replicates : the curve that this is read from.
    """
    if not 0 < r2 < 1:
        raise must_be("r2", "between 0 and 1", r2)
    batches = Batches.of(sums, positions_of(sums, eta, a=a, b=b))
    needed = np.ceil(_needed(_signal(batches), _noise(batches), r2) - 1e-9)
    attrs = {"long_name": f"replicates for an R² of {r2:.4g}", "units": "replicates"}
    return xr.DataArray(max(1.0, needed), attrs=attrs, name="replicates_for")


def _needed(signal: Parts, noise: Parts, r2: float) -> float:
    """Return the number of replicates, not rounded, from which on the expected R² is at least `r2`.

    With u = 1 / replicates, products are quadratic in u: (xy)² - r2 xx yy = c0 + c1 u + c2 u². It must not fall below
    zero from u = 0 to the smallest root.
    """
    constant = signal["xy"] ** 2 - r2 * signal["xx"] * signal["yy"]
    if not (constant > 0 and signal["xx"] > 0 and signal["yy"] > 0):
        return np.inf
    mixed = signal["xx"] * noise["yy"] + signal["yy"] * noise["xx"]
    linear = 2 * signal["xy"] * noise["xy"] - r2 * mixed
    square = noise["xy"] ** 2 - r2 * noise["xx"] * noise["yy"]
    roots = np.roots([square, linear, constant])
    real = roots[np.isreal(roots)].real
    positive = real[real > 0]
    return float(1 / positive.min()) if len(positive) else 0.0


def seeds_saved(sums: xr.Dataset, eta: float, a: float, b: float, confidence: float = 0.95) -> xr.Dataset:
    """Return how many trainings with independent seeds one with common seeds is worth.

    With common seeds a part of the noise at two rates is the same, and drops out of their difference. The worth is the
    variance that independent trainings would have, divided by that of the common ones. Variances are those of the mean
    outputs of batches, averaged over samples and outputs.

    Parameters
    ----------
    sums : of `summed`, with outputs, trained with common seeds
    eta, a, b : eta, eta + a and eta + b are among the rates
    confidence : of the intervals, between 0 and 1

    Returns
    -------
    Dataset
        x, x_low, x_high : worth for the delta at eta + a, with a jackknife interval as in `law`
        y, y_low, y_high : the same for the delta at eta + b
        replicates : trainings at each rate
        All but `replicates` are NaN where seeds were not common

    Raises
    ------
    InputError : as `law`.
    """
    check_confidence(confidence)
    batches = Batches.of(sums, positions_of(sums, eta, a=a, b=b))
    replicates = int(batches.cumulated[-1])
    check_batches(len(batches.weights), replicates)
    values: dict[str, float] = {"replicates": replicates}
    for name, there, delta in (("x", AT_A, X), ("y", AT_B, Y)):
        independent, paired = batches.noise(AT_ETA, AT_ETA) + batches.noise(there, there), batches.noise(delta, delta)
        low, high = ratio_interval(independent, paired, confidence) if is_common(sums) else (np.nan, np.nan)
        worth = quotient(independent.whole, paired.whole) if is_common(sums) else np.nan
        values |= {name: worth, f"{name}_low": low, f"{name}_high": high}
    texts = {
        "replicates": "replicates at each rate",
        "x": "independent trainings that one with common seeds is worth, delta at eta + a",
        "y": "independent trainings that one with common seeds is worth, delta at eta + b",
    }
    return labelled(xr.Dataset(values), texts, {"replicates": "replicates"})
