"""How much does the path of mean outputs bend? The term of second order beside that of first."""

import xarray as xr

from lrscope.papers.linearity.analysis._jackknife import (
    Batches,
    LeftOut,
    X,
    Y,
    check_batches,
    check_confidence,
    ratio_interval,
)
from lrscope.papers.linearity.analysis._law import quotient
from lrscope.papers.linearity.analysis._means import LR, labelled, mean_outputs, places_of


def second_order(sums: xr.Dataset, eta: float, a: float, b: float, confidence: float = 0.95) -> xr.Dataset:
    """Return how large the quadratic term of mean outputs is beside the linear one.

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
            interval as in `law`. Not a part of a whole: the linear and the quadratic part need not be at right angles.
            Not clipped: noise takes it below zero where there is no curvature; the low end is at least 0
        ratio, ratio_low, ratio_high : the same, of the mean square of the linear part b d
        share_observed : the share with noise, from all replicates
        derivative, curvature : (sample, output) d, and 2 c, the first and the second derivative of the mean output at
            eta

    Raises
    ------
    InputError : as `law`.
    """
    check_confidence(confidence)
    places = places_of(sums, eta, a=a, b=b)
    found = Batches.of(sums, places)
    check_batches(len(found.weights), int(found.cumulated[-1]))
    of_x, of_y = -(b**2) / (a * (b - a)), b / (b - a)
    bent = tuple(of_x * x + of_y * y for x, y in zip(X, Y, strict=True))
    straight = tuple(y - curved for y, curved in zip(Y, bent, strict=True))
    parts = {name: found.corrected(one, one) for name, one in {"bent": bent, "straight": straight, "delta": Y}.items()}
    seen = found.observed(bent, bent)[-1], found.observed(Y, Y)[-1]
    values = _ratio("share", parts["bent"], parts["delta"], confidence)
    values |= _ratio("ratio", parts["bent"], parts["straight"], confidence)
    values["share_observed"] = quotient(float(seen[0]), float(seen[1]))
    return _labelled(xr.Dataset(values).merge(_derivatives(sums, places, a, b)))


def _ratio(name: str, above: LeftOut, below: LeftOut, confidence: float) -> dict[str, float]:
    low, high = ratio_interval(above, below, confidence)
    return {name: quotient(above.whole, below.whole), f"{name}_low": max(low, 0.0), f"{name}_high": max(high, 0.0)}


def _derivatives(sums: xr.Dataset, places: list[int], a: float, b: float) -> xr.Dataset:
    """Return the derivatives at eta of the parabola through the mean outputs."""
    means = mean_outputs(sums)
    base, at_a, at_b = (means.isel({LR: place}, drop=True) for place in places)
    first, second = (at_a - base) / a, (at_b - base) / b
    half = (second - first) / (b - a)
    return xr.Dataset({"derivative": first - a * half, "curvature": 2 * half})


def _labelled(result: xr.Dataset) -> xr.Dataset:
    names = {
        "share": "mean square of the second-order term, share of that of the delta",
        "ratio": "mean square of the second-order term, divided by that of the first-order term",
    }
    ends = {"": "", "_low": ", low end of the interval", "_high": ", high end of the interval"}
    labels = [(f"{name}{end}", f"{text}{suffix}", "1") for name, text in names.items() for end, suffix in ends.items()]
    labels.append(("share_observed", f"{names['share']}, with noise", "1"))
    labels.append(("derivative", "derivative of the mean output by the learning rate", "1"))
    labels.append(("curvature", "second derivative of the mean output by the learning rate", "1"))
    return labelled(result, labels)
