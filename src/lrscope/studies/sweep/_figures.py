"""The study's figures: which result is shown how."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from lrscope import figures
from lrscope.report import Interactive
from lrscope.studies._findings import Still
from lrscope.studies._words import rate
from lrscope.studies.sweep._results import LR, STEP, Results, mean_curve

MAPS = 8
"""Networks whose neurons are shown, at most."""


def outcome(found: Results) -> Still:
    """Return loss, accuracy and divergence against the learning rate, with the recommended range."""
    draw = partial(figures.outcome_by_rate, found.recommended, found.scores, found.accuracy)
    caption = (
        "Every point is one network at the end of its training; lines with 95 % intervals (Student's t) are geometric "
        "means over the seeds. Shaded: the rates that cannot be told from the best. Below: share of networks that "
        "diverged, with a 95 % interval."
    )
    return Still("outcome_by_rate", "Outcome against learning rate", caption, draw)


def interactive(found: Results) -> Interactive:
    """Return the same with what every network came to."""
    outcome = found.outcome["outcome"]
    figure = figures.interactive_rates(found.recommended, found.scores, found.accuracy, outcome)
    return Interactive("Every network", "Hover for seed, loss, accuracy and outcome.", figure)


def differences(found: Results) -> Still:
    """Return how much worse than the best each rate is."""
    caption = "Paired by seed, with 95 % bounds: a rate whose lower bound is 0 may itself be the best."
    draw = partial(_one, "differences_by_rate", found.recommended)
    return Still("differences", "How much worse than the best", caption, draw)


def curves(found: Results) -> Still:
    """Return the source's figure: loss and accuracy over the training, on the data for training and for validation."""
    quantities = {name: _banded(curve) for name, curve in found.curves.items()}
    caption = (
        "Means over the seeds with 95 % intervals by Student's t, geometric means for losses; training: mean over the "
        "batches of each epoch, validation: at its end."
    )
    return Still("curves", "Course of the training", caption, partial(figures.rate_band_panels, quantities))


def insides(found: Results) -> Still:
    """Return what is found inside at the end, against the learning rate."""
    caption = (
        "Every point is one network, at the end: medians of the last epoch, neurons silent for an epoch (dead) or with "
        "weights that barely moved (inactive), and, where it was measured, the sharpness of the last measured batch "
        "over the limit of stability of the update rule; it is left out where it would take too long."
    )
    return Still("insides", "Inside the networks", caption, partial(figures.insides_by_rate, found.insides))


def activity(found: Results) -> Still:
    """Return which share of the batch activates each neuron over the steps, a panel a rate."""
    rates = sorted(found.active)
    places = np.unique(np.linspace(0, len(rates) - 1, min(MAPS, len(rates))).round().astype(int))
    chosen = {f"lr {rate(rates[place], rates)}": found.active[rates[place]] for place in places}
    which = "each rate" if len(chosen) == len(rates) else f"{len(chosen)} of the {len(rates)} rates"
    caption = f"Share of the batch that activates each ReLU neuron, of the network of the first seed at {which}."
    return Still("activity", "Activity of every neuron", caption, partial(figures.activity_maps, chosen))


def survival(found: Results) -> Still:
    """Return how many neurons survive, by rate."""
    caption = (
        "Share of the ReLU neurons that are not dead for good, with 95 % intervals over the seeds. A neuron is dead "
        "once no sample of the batches of a whole epoch activates it."
    )
    return Still("survival", "Survival of the neurons", caption, partial(_one, "survival_curves", found.survival))


def range_test(found: Results) -> Still:
    """Return the range test over what training found."""
    draw = partial(figures.range_test_over_truth, found.tested, found.recommended, found.scores, found.agreement)
    caption = (
        "Above: smoothed loss while the rate rises, one line a seed, and what the rules of the tools suggest. Below: "
        "the validation loss that training at that rate ends with; shaded: the rates that cannot be told from the best."
    )
    return Still("range_test", "The range test over the trained truth", caption, draw)


def variance(split: xr.Dataset) -> Still:
    """Return what decides about the outcome."""
    sure = ", with 95 % intervals" if split["low"].notnull().any() else ""
    caption = f"Shares of the variance of the logarithm of the last validation loss, crossed design{sure}."
    return Still("variance", "What decides about the outcome", caption, partial(_one, "variance_bars", split))


def targets(reached: xr.Dataset, scores: xr.DataArray) -> Still:
    """Return after how many steps the target is reached, by rate."""
    caption = (
        f"Steps until the validation loss is {float(reached['target']):.3g}. Every point is one network; black: the "
        "geometric mean over the seeds that reached it, with its 95 % interval; crosses: not reached."
    )
    draw = partial(_one, "steps_to_target_by_rate", reached, scores.notnull())
    return Still("steps_to_target", "Steps to a target", caption, draw)


def _one(name: str, *results: xr.Dataset | xr.DataArray) -> Figure:
    """Return the figure of one of the functions that draw into axes."""
    return figures.figure_of(getattr(figures, name)(*results))


def _banded(curve: xr.DataArray) -> xr.Dataset:
    summary = mean_curve(curve).rename({"mean": "centre", "count": "members"})
    parts: Sequence[str] = ("centre", "low", "high", "members")
    return summary[list(parts)].transpose(LR, STEP)
