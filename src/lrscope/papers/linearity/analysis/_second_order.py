"""How much does the path of mean outputs bend? The second-order term compared with the first-order one."""

import xarray as xr

from lrscope.papers.linearity.analysis._jackknife import (
    Batches,
    LeftOut,
    X,
    Y,
    check_batches,
    check_confidence,
    quotient,
    ratio_interval,
)
from lrscope.papers.linearity.analysis._means import LR, labelled, mean_outputs, positions_of


def second_order(sums: xr.Dataset, eta: float, a: float, b: float, confidence: float = 0.95) -> xr.Dataset:
    """Return how large the quadratic term of mean outputs is, compared with the linear one.

    Through the mean outputs at eta, eta + a and eta + b goes one parabola, f(eta + h) = f + h d + h² c: c is the second
    divided difference. At h = b, b² c is the quadratic and b d the linear part of the delta. Mean squares of both, less
    their means over samples and outputs, are taken from products of different batches, so that noise adds nothing.

    Parameters
    ----------
    sums : of `summed`, with outputs
    eta, a, b : eta, eta + a and eta + b are among the rates
    confidence : of the intervals, between 0 and 1

    Returns
    -------
    Dataset
        share, share_low, share_high : mean square of b² c, as a share of that of the delta at eta + b, with a jackknife
            interval as in `law`. Not a part of a whole: the linear and the quadratic part need not be orthogonal.
            Unbiased and not clipped: noise takes it, and the ends of its interval, below zero where there is little
            curvature
        ratio, ratio_low, ratio_high : the same, of the mean square of the linear part b d
        share_observed : the share with noise, from all replicates
        derivative, curvature : (sample, output) d, and 2 c, the first and the second derivative of the mean output at
            eta

    Raises
    ------
    InputError : as `law`.
    """
    check_confidence(confidence)
    positions = positions_of(sums, eta, a=a, b=b)
    batches = Batches.of(sums, positions)
    check_batches(len(batches.weights), int(batches.cumulated[-1]))
    of_x, of_y = -(b**2) / (a * (b - a)), b / (b - a)
    bent = tuple(of_x * x + of_y * y for x, y in zip(X, Y, strict=True))
    straight = tuple(y - curved for y, curved in zip(Y, bent, strict=True))
    square, linear, delta = (batches.corrected(one, one) for one in (bent, straight, Y))
    values = _ratio("share", square, delta, confidence) | _ratio("ratio", square, linear, confidence)
    values["share_observed"] = quotient(*(batches.in_all(one, one) for one in (bent, Y)))
    means = mean_outputs(sums)
    base, at_a, at_b = (means.isel({LR: place}, drop=True) for place in positions)
    first, second = (at_a - base) / a, (at_b - base) / b
    half = (second - first) / (b - a)
    texts = {
        "share": "mean square of the second-order term, share of that of the delta",
        "ratio": "mean square of the second-order term, divided by that of the first-order term",
        "share_observed": "mean square of the second-order term, share of that of the delta, with noise",
        "derivative": "derivative of the mean output by the learning rate",
        "curvature": "second derivative of the mean output by the learning rate",
    }
    return labelled(xr.Dataset(values | {"derivative": first - a * half, "curvature": 2 * half}), texts)


def _ratio(name: str, above: LeftOut, below: LeftOut, confidence: float) -> dict[str, float | xr.DataArray]:
    low, high = ratio_interval(above, below, confidence)
    return {name: quotient(above.whole, below.whole), f"{name}_low": low, f"{name}_high": high}
