"""What the tools suggest from a run of rising rate, each by its own rule, on its own smoothing, with its own stop.

fastai
    ``fastai/callback/schedule.py``: the loss is averaged with weights 0.98, corrected for the start; the test stops
    above 4 times the lowest; the first tenth of the steps and the last 5 points are left out, and everything from the
    first NaN on.
torch-lr-finder
    ``torch_lr_finder/lr_finder.py``: 0.05 of the loss and 0.95 of the value before; the test stops above 5 times the
    lowest; the first 10 and last 5 points are left out.
Lightning
    ``lightning/pytorch/tuner/lr_finder.py``: averaged with weights 0.98, where the correction for the start is one step
    late (the first value is about half the loss); the test stops above 4 times the lowest; the first 10 and the last
    point are left out.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Curve = NDArray[np.float64]

WEIGHT = 0.98
FASTAI_STOP, FINDER_STOP, LIGHTNING_STOP = 4.0, 5.0, 4.0
FINDER_SMOOTHING = 0.05
SLIDE_APART, SLIDE_THRESHOLD = 15, 0.005


def averaged(loss: Curve, late: int = 0) -> Curve:
    """Return the running average with weights 0.98, divided by the sum of the weights of `late` steps more."""
    result, value = np.empty(len(loss)), 0.0
    for step, one in enumerate(loss.tolist()):
        value = WEIGHT * value + (1 - WEIGHT) * one
        result[step] = value / (1 - WEIGHT ** (step + 1 + late))
    return result


def stopped(smoothed: Curve, factor: float) -> int:
    """Return how many points there are when the test stops: after the first above `factor` times the lowest so far."""
    above = smoothed > factor * np.fmin.accumulate(smoothed)
    return int(np.argmax(above)) + 1 if above.any() else len(smoothed)


def fastai(rates: Curve, loss: Curve) -> tuple[Curve, Curve]:
    """Return the rates and smoothed losses that fastai's rules look at."""
    smoothed = averaged(loss)
    there = slice(len(loss) // 10, max(0, stopped(smoothed, FASTAI_STOP) - 5))
    rates, smoothed = rates[there], smoothed[there]
    missing = np.isnan(smoothed)
    end = int(np.argmax(missing)) if missing.any() else len(smoothed)
    return rates[:end], smoothed[:end]


def valley(rates: Curve, loss: Curve) -> float:
    """Return the rate half-way into the longest falling subsequence of the losses (fastai's default)."""
    rates, losses = fastai(rates, loss)
    if not len(losses):
        return np.nan
    lengths = np.ones(len(losses), dtype=np.int64)
    for place in range(1, len(losses)):
        larger = lengths[:place][losses[:place] > losses[place]]
        lengths[place] = 1 + larger.max(initial=0)
    end = int(np.argmax(lengths))
    start = end - int(lengths[end]) if end else 0
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def steep(rates: Curve, loss: Curve) -> float:
    """Return the rate at which the loss falls fastest over the logarithm of the rate (fastai)."""
    rates, losses = fastai(rates, loss)
    if len(losses) < 2:
        return np.nan
    return float(rates[np.argmin(np.diff(losses) / np.diff(np.log(rates)))])


def minimum(rates: Curve, loss: Curve) -> float:
    """Return a tenth of the rate at which the loss is lowest (fastai)."""
    rates, losses = fastai(rates, loss)
    return float(rates[np.argmin(losses)]) / 10 if len(losses) else np.nan


def slide(rates: Curve, loss: Curve) -> float:
    """Return the rate at which an interval of 15 points, moved from the end, has about the same slope at both ends."""
    rates, losses = fastai(rates, loss)
    if len(losses) <= SLIDE_APART:
        return np.nan
    slopes = np.gradient(losses)
    rate = rates[-1 - SLIDE_APART]
    for left in range(len(losses) - 1 - SLIDE_APART, -1, -1):
        if not abs(slopes[left + SLIDE_APART] - slopes[left]) > SLIDE_THRESHOLD:
            break
        rate = rates[left]
    return float(rate)


def finder(rates: Curve, loss: Curve) -> float:
    """Return the rate at which the loss falls fastest from step to step (torch-lr-finder)."""
    smoothed = loss.copy()
    for step in range(1, len(loss)):
        smoothed[step] = FINDER_SMOOTHING * loss[step] + (1 - FINDER_SMOOTHING) * smoothed[step - 1]
    end = stopped(smoothed, FINDER_STOP)
    losses = smoothed[:end][10:-5]
    with np.errstate(invalid="ignore"):
        return float(rates[10 + np.argmin(np.gradient(losses))]) if len(losses) >= 2 else np.nan


def lightning(rates: Curve, loss: Curve) -> float:
    """Return the rate at which the loss falls fastest over the rate (Lightning)."""
    smoothed = averaged(loss, late=1)
    end = stopped(smoothed, LIGHTNING_STOP)
    losses, rates = smoothed[:end][10:-1], rates[:end][10:-1]
    known = np.isfinite(losses)
    losses, rates = losses[known], rates[known]
    return float(rates[np.argmin(np.gradient(losses, rates))]) if len(losses) >= 2 else np.nan


RULES: Mapping[str, Callable[[Curve, Curve], float]] = {
    "fastai: valley": valley,
    "fastai: steep": steep,
    "fastai: minimum / 10": minimum,
    "fastai: slide": slide,
    "torch-lr-finder": finder,
    "Lightning": lightning,
}
