"""Is the effect of the learning rate on mean outputs linear? As in the source, and with the noise taken out."""

from itertools import permutations

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.papers.linearity.analysis._batches import (
    BATCH,
    LR,
    MIN_BATCHES,
    REPLICATES,
    Batches,
    Floats,
    X,
    Y,
    estimate,
    quotient,
    trained_at,
)

LAW = "law"
AT_ETA, AT_A, AT_B = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
PRODUCTS = ((X, X), (X, Y), (Y, Y))


def deltas(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return by how much mean outputs at two rates differ from those at eta, over more and more replicates.

    Returns
    -------
    Dataset (replicates, sample, output)
        x, y : mean output at eta + a, and at eta + b, minus that at eta, over the first 1, 2, ... batches
        replicates : how many at each rate (the fewest); batches in which all diverged at one of the rates are left out
    """
    counts, outputs = trained_at(sums, [eta, eta + a, eta + b])
    numbers = counts.cumsum(BATCH)
    means = (outputs.cumsum(BATCH) / numbers).rename({BATCH: REPLICATES})
    result = xr.Dataset({name: means.isel({LR: place}) - means.isel({LR: 0}) for place, name in ((1, "x"), (2, "y"))})
    for name, change in {"x": a, "y": b}.items():
        result[name].attrs = {"long_name": f"mean output at {eta + change:.4g} minus that at {eta:.4g}", "units": "1"}
    return result.assign_coords({REPLICATES: numbers.min(LR).values})


def law(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return how well the delta of mean outputs at eta + b is b / a times that at eta + a.

    x and y are the deltas of `deltas` over all replicates, all samples and outputs taken as one list. Both contain the
    noise of the mean at eta: without any effect of the rate, independent trainings give R² = 0.25 and slope 0.5. The
    corrected values use only products of different batches, which share no noise (errors in variables).

    Intervals have Fieller's form, with jackknife errors. In simulations, those of the slope covered the truth in 93 to
    98% with 32 batches, in 93 to 99% with 8 or 12; those of R² in 95 to 99%. They are too wide where the batches are
    mostly noise in many directions; the plain jackknife of the ratio is too narrow there (87 to 93% with 8 or 16
    batches).

    Returns
    -------
    Dataset
        eta, a, b, expected_slope : the law, and b / a
        replicates : trainings at each rate (the fewest)
        r2, slope : squared correlation of x and y; least squares of y on x with intercept
        r2_corrected, slope_corrected : without noise, each with the ends ``_low`` and ``_high`` of its interval. R² is
            not clipped: noise takes it above 1. Both are NaN where there is no more signal than expected of noise. The
            interval of R² ends at 0; where there is too little signal to tell, intervals are infinite

    Raises
    ------
    InputError : rates that do not differ or are not among those of the sums; fewer than 8 batches of replicates.

    References
    ----------
    Fuller: Measurement Error Models (1987), section 1.2.
    """
    return xr.Dataset(_law(Batches.of(sums, eta, eta + a, eta + b), eta, a, b))


def laws(sums: xr.Dataset) -> xr.Dataset:
    """Return `law` for every eta but the two largest rates, and every two different other rates eta + a, eta + b.

    Returns
    -------
    Dataset (law) : the variables of `law`; eta ascends, then a, then b. a and b may be negative. Nothing is known of a
        law that has fewer than 8 batches with replicates at each of its rates, because trainings diverged there: its
        R² and slope are NaN, their intervals infinite. Also ``size``, the larger of |a| / eta and |b| / eta, and
        ``swapped``, true for one of the two laws that differ only in the order of a and b: R² is the same in both

    Raises
    ------
    InputError : fewer than three rates, or fewer than 8 batches.
    """
    rates = sums[LR].values
    if len(rates) < 3:
        raise must_be("sums", "sums at three rates or more", rates.tolist())
    everywhere = Batches.everywhere(sums)
    rows = []
    for base in range(len(rates) - 2):
        for positions in permutations([place for place in range(len(rates)) if place != base], 2):
            a, b = (float(f"{rates[place] - rates[base]:.12g}") for place in positions)
            rows.append(_law(everywhere.at([base, *positions]), float(rates[base]), a, b))
    result = xr.Dataset({name: (LAW, np.array([row[name] for row in rows])) for name in rows[0]})
    first, second = abs(result["a"]), abs(result["b"])
    equal = np.isclose(first, second, rtol=1e-6)
    swapped = xr.where(equal, result["a"] > result["b"], first > second)
    return result.assign(size=np.maximum(first, second) / result["eta"], swapped=swapped)


def _law(batches: Batches, eta: float, a: float, b: float) -> dict[str, float]:
    count = len(batches.weights)
    values = {"eta": eta, "a": a, "b": b, "expected_slope": b / a}
    values["replicates"] = int(batches.cumulated[-1]) if count else 0
    if count < MIN_BATCHES:
        values |= dict.fromkeys(("r2", "slope", "r2_corrected", "slope_corrected"), np.nan)
        values |= {"r2_corrected_low": 0.0, "r2_corrected_high": np.inf}
        return values | {"slope_corrected_low": -np.inf, "slope_corrected_high": np.inf}
    xx, xy, yy = (batches.observed(*two)[-1] for two in PRODUCTS)
    values |= {"r2": float(quotient(xy * xy, xx * yy)), "slope": float(quotient(xy, xx))}
    xx, xy, yy = (batches.corrected(*two) for two in PRODUCTS)
    values |= estimate("r2_corrected", xy * xy, xx * yy, least=0.0) | estimate("slope_corrected", xy, xx)
    if not (xx[0] > 0 and yy[0] > 0):
        values |= {"r2_corrected": np.nan, "slope_corrected": np.nan}
    return values


def law_by_replicates(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return R² and slope over more and more replicates, and what signal and noise let expect.

    The expected values take products of x and y (see `law`) to be those without noise plus the noise of one replicate
    divided by the replicates, both estimated from all replicates.

    Returns
    -------
    Dataset (replicates)
        r2, slope : over the first 1, 2, ... batches, as in the source
        r2_expected : at that number of replicates; NaN where there is no signal
    """
    batches = Batches.of(sums, eta, eta + a, eta + b)
    counts = batches.cumulated
    xx, xy, yy = (batches.observed(*two) for two in PRODUCTS)
    signal, noise = _signal_and_noise(batches)
    with_xx, with_xy, with_yy = signal[:, None] + noise[:, None] / counts
    columns = {
        "r2": quotient(xy * xy, xx * yy),
        "slope": quotient(xy, xx),
        "r2_expected": quotient(with_xy * with_xy, with_xx * with_yy),
    }
    return xr.Dataset({name: (REPLICATES, values) for name, values in columns.items()}, coords={REPLICATES: counts})


def _signal_and_noise(batches: Batches) -> tuple[Floats, Floats]:
    """Return the products xx, xy and yy without noise, and what the noise of one replicate adds to each."""
    signal, noise = ([of(*two)[0] for two in PRODUCTS] for of in (batches.corrected, batches.noise))
    return np.array(signal), np.array(noise)


def replicates_for(sums: xr.Dataset, eta: float, a: float, b: float, r2: float) -> float:
    """Return from how many replicates on at each rate the expected R² of `law_by_replicates` is at least `r2`.

    It is infinite where R² without noise does not exceed `r2`, which lies between 0 and 1, or there is no signal.
    """
    signal, noise = _signal_and_noise(Batches.of(sums, eta, eta + a, eta + b))
    return max(1.0, float(np.ceil(_needed(signal, noise, r2) - 1e-9)))


def _needed(signal: Floats, noise: Floats, r2: float) -> float:
    """Return the number of replicates, not rounded, from which on the expected R² is at least `r2`.

    With u = 1 / replicates, products are quadratic in u: (xy)² - r2 xx yy = c0 + c1 u + c2 u². It must not fall below
    zero from u = 0 to the smallest root.
    """
    xx, xy, yy = signal
    noise_xx, noise_xy, noise_yy = noise
    constant = xy**2 - r2 * xx * yy
    if not (constant > 0 and xx > 0 and yy > 0):
        return np.inf
    linear = 2 * xy * noise_xy - r2 * (xx * noise_yy + yy * noise_xx)
    square = noise_xy**2 - r2 * noise_xx * noise_yy
    roots = np.roots([square, linear, constant])
    real = roots[np.isreal(roots)].real
    positive = real[real > 0]
    return float(1 / positive.min()) if len(positive) else 0.0


def seeds_saved(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return how many trainings with independent seeds one with common seeds is worth.

    With common seeds a part of the noise at two rates is the same, and drops out of their difference. The worth is the
    variance that independent trainings would have, divided by that of the common ones. Variances are those of the mean
    outputs of batches, averaged over samples and outputs.

    Returns
    -------
    Dataset
        x, y : worth for the delta at eta + a, and at eta + b, each with the ends ``_low`` and ``_high`` of its interval
    """
    batches = Batches.of(sums, eta, eta + a, eta + b)
    values: dict[str, float] = {}
    for name, there, delta in (("x", AT_A, X), ("y", AT_B, Y)):
        independent = batches.noise(AT_ETA, AT_ETA) + batches.noise(there, there)
        values |= estimate(name, independent, batches.noise(delta, delta))
    return xr.Dataset(values)


def second_order(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return how large the quadratic term of mean outputs is, compared with the linear one.

    Through the mean outputs at eta, eta + a and eta + b goes one parabola, f(eta + h) = f + h d + h² c: c is the second
    divided difference. At h = b, b² c is the quadratic and b d the linear part of the delta. Mean squares of both, less
    their means over samples and outputs, are taken from products of different batches, so that noise adds nothing.

    Returns
    -------
    Dataset
        share : mean square of b² c, as a share of that of the delta at eta + b, with the ends ``_low`` and ``_high`` of
            its interval. Not a part of a whole: the linear and the quadratic part need not be orthogonal. Unbiased and
            not clipped: noise takes it, and the ends of its interval, below zero where there is little curvature
        ratio : the same, of the mean square of the linear part b d
    """
    batches = Batches.of(sums, eta, eta + a, eta + b)
    of_x, of_y = -(b**2) / (a * (b - a)), b / (b - a)
    bent = of_x * np.array(X) + of_y * np.array(Y)
    square, linear, delta = (batches.corrected(part, part) for part in (bent, np.array(Y) - bent, Y))
    return xr.Dataset(estimate("share", square, delta) | estimate("ratio", square, linear))
