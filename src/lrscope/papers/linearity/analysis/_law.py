"""Is the effect of the learning rate on mean outputs linear? As in the source, and with the noise taken out."""

from itertools import permutations

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._jackknife import (
    MIN_BATCHES,
    Batches,
    X,
    Y,
    check_batches,
    check_confidence,
    quotient,
    r_squared,
    ratio_interval,
)
from lrscope.papers.linearity.analysis._means import BATCH, LR, REPLICATES, labelled, positions_of

LAW = "law"
TEXTS = {
    "eta": "learning rate",
    "a": "first change of the learning rate",
    "b": "second change of the learning rate",
    "replicates": "replicates at each rate",
    "r2": "R²",
    "slope": "slope",
    "expected_slope": "expected slope b / a",
    "r2_corrected": "R² without noise",
    "slope_corrected": "slope without noise",
    "size": "larger change, in multiples of the learning rate",
    "swapped": "whether a and b are swapped",
}
UNITS = {"replicates": "replicates"}
"""Long names and units of the results."""


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
    batches = Batches.of(sums, positions_of(sums, eta, a=a, b=b))
    return labelled(xr.Dataset(_values(batches, eta, a, b, confidence)), TEXTS, UNITS)


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
        R² and slope are NaN, their intervals infinite. Also ``size``, the larger of |a| / eta and |b| / eta, and
        ``swapped``, true for one of the two laws that differ only in the order of a and b: R² is the same in both

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
        for positions in permutations([place for place in range(len(rates)) if place != base], 2):
            a, b = (float(f"{rates[place] - rates[base]:.12g}") for place in positions)
            batches = known.at([base, *positions])
            values = _without_trainings if len(batches.weights) < MIN_BATCHES else _values
            rows.append(values(batches, float(rates[base]), a, b, confidence))
    columns = {name: (LAW, np.array([row[name] for row in rows])) for name in rows[0]}
    result = xr.Dataset(columns)
    first, second = abs(result["a"]), abs(result["b"])
    equal = np.isclose(first, second, rtol=1e-6)
    swapped = xr.where(equal, result["a"] > result["b"], first > second)
    return labelled(result.assign(size=np.maximum(first, second) / result["eta"], swapped=swapped), TEXTS, UNITS)


def _values(batches: Batches, eta: float, a: float, b: float, confidence: float) -> dict[str, float]:
    replicates = int(batches.cumulated[-1])
    check_batches(len(batches.weights), replicates)
    xx, xy, yy = (batches.corrected(*two) for two in ((X, X), (X, Y), (Y, Y)))
    low, high = ratio_interval(xy * xy, xx * yy, confidence)
    slope_low, slope_high = ratio_interval(xy, xx, confidence)
    seen_xx, seen_xy, seen_yy = (batches.in_all(*two) for two in ((X, X), (X, Y), (Y, Y)))
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


def _without_trainings(batches: Batches, eta: float, a: float, b: float, _confidence: float) -> dict[str, float]:
    """Return what is known of a law without trainings: what it is about."""
    replicates = int(batches.cumulated[-1]) if len(batches.weights) else 0
    nothing = dict.fromkeys(("r2", "slope", "r2_corrected", "slope_corrected"), np.nan)
    ends = {"r2_corrected_low": 0.0, "r2_corrected_high": np.inf, "slope_low": -np.inf, "slope_high": np.inf}
    return {"eta": eta, "a": a, "b": b, "replicates": replicates, "expected_slope": b / a, **nothing, **ends}
