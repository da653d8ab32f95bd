"""Is the effect of the learning rate on mean outputs linear? As in the source, and with the noise taken out."""

from itertools import permutations

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._jackknife import (
    FEWEST,
    Batches,
    X,
    Y,
    check_batches,
    check_confidence,
    ratio_interval,
)
from lrscope.papers.linearity.analysis._means import BATCH, LR, REPLICATES, labelled, places_of

LAW = "law"


def law(sums: xr.Dataset, eta: float, a: float, b: float, confidence: float = 0.95) -> xr.Dataset:
    """Return how well the delta of mean outputs at eta + b is b / a times that at eta + a.

    x and y are the deltas of `deltas` over all replicates, all samples and outputs taken as one list. Both contain the
    noise of the mean at eta: without any effect of the rate, independent trainings give R² = 0.25 and slope 0.5. The
    corrected values use only products of different batches, which share no noise (errors in variables).

    Intervals come from leaving out one batch at a time (jackknife, Student's quantile for one less than the batches),
    in Fieller's form: a value is contradicted where ``c_xy - value c_xx`` (R²: ``c_xy² - value c_xx c_yy``) is too far
    from zero. In simulations, 95 % intervals of the slope covered the truth in 93 to 98 % with 32 batches, in 93 to
    99 % with 8 or 12; those of R² in 95 to 99 %. They are too wide where the batches are mostly noise in many
    directions; the plain jackknife of the ratio is too narrow there (87 to 93 % with 8 or 16 batches).

    Parameters
    ----------
    sums : of `summed`, with outputs
    eta, a, b : eta, eta + a and eta + b are among the rates
    confidence : of the intervals, between 0 and 1

    Returns
    -------
    Dataset
        eta, a, b, expected_slope : the law, and b / a
        replicates : trainings at each rate (the fewest)
        r2, slope : squared correlation of x and y; least squares of y on x with intercept
        r2_corrected, r2_corrected_low, r2_corrected_high : without noise. Not clipped: noise takes it above 1; NaN
            where there is no more signal than expected of noise; the interval ends at 0, its high end is infinite where
            there is too little signal to tell
        slope_corrected, slope_low, slope_high : the same of the slope; -inf and inf where there is too little signal

    Raises
    ------
    InputError : a or b is zero, both are equal, a rate is not among the rates, fewer than 8 batches of replicates, or
        the confidence is not between 0 and 1.

    References
    ----------
    Fuller: Measurement Error Models (1987), section 1.2.
    """
    check_confidence(confidence)
    found = Batches.of(sums, places_of(sums, eta, a=a, b=b))
    return _labelled(xr.Dataset(_values(found, eta, a, b, confidence)))


def laws(sums: xr.Dataset, confidence: float = 0.95) -> xr.Dataset:
    """Return `law` for every eta but the two largest rates, and every two different other rates eta + a, eta + b.

    Parameters
    ----------
    sums : of `summed`, with outputs at three rates at least
    confidence : of the intervals, between 0 and 1

    Returns
    -------
    Dataset (law) : the variables of `law`; eta ascends, then a, then b. a and b may be negative. Nothing is known of a
        law that has fewer than 8 batches with replicates at each of its rates, because trainings diverged there: its
        R² and slope are NaN, their intervals infinite

    Raises
    ------
    InputError : fewer than three rates, fewer than 8 batches, outputs were not recorded, or the confidence is not
        between 0 and 1.
    """
    check_confidence(confidence)
    rates = sums[LR].values
    if len(rates) < 3:
        raise must_be("sums", "sums at three rates or more", rates.tolist())
    check_batches(sums.sizes[BATCH], int(sums[REPLICATES].sum(BATCH).max()))
    known = Batches.everywhere(sums)
    rows = []
    for base in range(len(rates) - 2):
        for places in permutations([place for place in range(len(rates)) if place != base], 2):
            a, b = (float(f"{rates[place] - rates[base]:.12g}") for place in places)
            found = known.at([base, *places])
            values = _unknown if len(found.weights) < FEWEST else _values
            rows.append(values(found, float(rates[base]), a, b, confidence))
    columns = {name: (LAW, np.array([row[name] for row in rows])) for name in rows[0]}
    return _labelled(xr.Dataset(columns))


def _values(found: Batches, eta: float, a: float, b: float, confidence: float) -> dict[str, float]:
    replicates = int(found.cumulated[-1])
    check_batches(len(found.weights), replicates)
    xx, xy, yy = (found.corrected(*two) for two in ((X, X), (X, Y), (Y, Y)))
    low, high = ratio_interval(xy * xy, xx * yy, confidence)
    slope_low, slope_high = ratio_interval(xy, xx, confidence)
    seen_xx, seen_xy, seen_yy = (float(found.observed(*two)[-1]) for two in ((X, X), (X, Y), (Y, Y)))
    signal = xx.whole > 0 and yy.whole > 0
    return {
        "eta": eta,
        "a": a,
        "b": b,
        "replicates": replicates,
        "r2": r_squared(seen_xx, seen_xy, seen_yy),
        "slope": quotient(seen_xy, seen_xx),
        "expected_slope": b / a,
        "r2_corrected": r_squared(xx.whole, xy.whole, yy.whole) if signal else np.nan,
        "r2_corrected_low": max(low, 0.0),
        "r2_corrected_high": high,
        "slope_corrected": quotient(xy.whole, xx.whole) if signal else np.nan,
        "slope_low": slope_low,
        "slope_high": slope_high,
    }


def _unknown(found: Batches, eta: float, a: float, b: float, _confidence: float) -> dict[str, float]:
    """Return what is known of a law without trainings: what it is about."""
    replicates = int(found.cumulated[-1]) if len(found.weights) else 0
    nothing = dict.fromkeys(("r2", "slope", "r2_corrected", "slope_corrected"), np.nan)
    ends = {"r2_corrected_low": 0.0, "r2_corrected_high": np.inf, "slope_low": -np.inf, "slope_high": np.inf}
    return {"eta": eta, "a": a, "b": b, "replicates": replicates, "expected_slope": b / a, **nothing, **ends}


def quotient(above: float, below: float) -> float:
    """Return above / below; NaN where `below` is not positive."""
    return above / below if below > 0 else np.nan


def r_squared(xx: float, xy: float, yy: float) -> float:
    """Return the squared correlation; NaN where the product of the variances is not positive."""
    return quotient(xy * xy, xx * yy)


def _labelled(result: xr.Dataset) -> xr.Dataset:
    of_law = {
        "eta": "learning rate",
        "a": "first difference of the learning rate",
        "b": "second difference of the learning rate",
        "r2": "R²",
        "slope": "slope",
        "expected_slope": "expected slope b / a",
        "r2_corrected": "R² without noise",
        "r2_corrected_low": "R² without noise, low end of the interval",
        "r2_corrected_high": "R² without noise, high end of the interval",
        "slope_corrected": "slope without noise",
        "slope_low": "slope without noise, low end of the interval",
        "slope_high": "slope without noise, high end of the interval",
    }
    names = [(name, long_name, "1") for name, long_name in of_law.items()]
    return labelled(result, [*names, ("replicates", "replicates at each rate", "replicates")])
