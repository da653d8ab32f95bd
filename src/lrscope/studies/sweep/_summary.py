"""The recommendation in plain words."""

import math
from functools import partial

import numpy as np
import xarray as xr

from lrscope.studies._words import at_rates, counted, listed, percent, rate, short
from lrscope.studies.sweep._results import LR, SEED, Results

SEEN = 0.01
"""Smaller shares and differences are not told."""
FORESEEABLE = 16
"""How many times the seeds that there are is no foreseeable number; as in `lrscope.analysis.recommendation`."""


def advice(found: Results) -> list[str]:
    """Say which rate to use, which others cannot be told from it, and what would decide."""
    recommended = found.recommended
    if math.isnan(found.best):
        return ["At no learning rate did a network come to the end, so none can be recommended: try smaller ones."]
    plausible = [float(lr) for lr in recommended[LR].values[recommended["plausible"].values]]
    loss = short(float(recommended["score"].sel({LR: found.best})))
    of_best = None if found.accuracy is None else float(found.accuracy.sel({LR: found.best}).mean())
    accuracy = "" if of_best is None else f", accuracy {of_best:.1%}"
    average = "on average over the seeds " if found.recommended["members"].max() > 1 else ""
    lowest = f"{average}it ends with the lowest validation loss ({loss}{accuracy})"
    words = [f"Use a learning rate of {_rate(found, found.best)}: {lowest}."]
    if bool(recommended["decided"]):
        words.append("No other rate of the grid is as good, with 95 % confidence.")
    elif len(plausible) > 1:
        words += _undecided(found, plausible)
    return [" ".join([*words, _edge(found)]).strip()]


def _undecided(found: Results, plausible: list[float]) -> list[str]:
    seeds, needed = int(found.recommended["members"].max()), int(found.recommended["seeds_needed"])
    words = [
        f"The data do not decide: {_rates(found, plausible)} cannot be told apart with {counted(seeds, 'seed')} "
        "at 95 % confidence."
    ]
    if seeds < 2:
        return [*words, "One seed says nothing about chance: train four or more."]
    if needed > 0:
        words.append(f"If the differences are as they seem, {needed} seeds each would tell them apart.")
    else:
        worst = float(found.recommended["difference_high"].where(found.recommended["plausible"]).max())
        words.append(f"That would take more than {FORESEEABLE} times as many seeds; {_at_most(found, worst)}.")
    epochs = int(found.more["epochs_needed"])
    if epochs > 0:
        words.append(f"Going on as now, {counted(epochs, 'epoch')} would tell them apart.")
    return words


def _at_most(found: Results, difference: float) -> str:
    """Say how much worse than the best any of them can be."""
    if not math.isfinite(difference):
        return "how much worse than the best they may be is not known"
    if found.recommended.attrs["scale"] == "linear":
        return f"none of them is worse than the best by more than {short(difference, 2)}"
    return f"none of them is worse than the best by more than {percent(math.expm1(difference))}"


def _edge(found: Results) -> str:
    edge = str(found.recommended["at_edge"].item())
    if not edge or found.recommended.sizes[LR] < 2:
        return "" if found.recommended.sizes[LR] > 1 else "Only one rate was tried: nothing can be said of others."
    words = {"lower": "smallest", "upper": "largest", "both": "smallest and the largest"}[edge]
    reaches = "It is" if bool(found.recommended["decided"]) else "They reach"
    remedy = "" if found.options.until_decided else " Try --until-decided, or a wider --lrs."
    return f"{reaches} the {words} rate of the grid: the optimum may lie outside.{remedy}"


def evidence(found: Results) -> list[str]:
    """Say how sensitive the outcome is, how often training diverges, and how soon a target is reached."""
    if math.isnan(found.best):
        return []
    return [" ".join(words for words in (_sensitivity(found), _divergence(found), _speed(found)) if words)]


def _sensitivity(found: Results) -> str:
    told = []
    for side, words in (("lower", "half"), ("higher", "twice")):
        ratio = float(found.sensitivity["ratio"].sel(side=side))
        if math.isfinite(ratio):
            told.append(f"{words} the rate ends with {_times(ratio)}")
    return f"Around it, {' and '.join(told)} (interpolated between the rates of the grid)." if told else ""


def _times(ratio: float) -> str:
    if abs(ratio - 1) < SEEN:
        return "the same loss"
    return (
        f"{percent(abs(ratio - 1))} {'more' if ratio > 1 else 'less'} loss"
        if ratio < 2
        else f"{ratio:.2g} times the loss"
    )


def _divergence(found: Results) -> str:
    rows = found.recommended
    failing = [float(lr) for lr in rows[LR].values if int(rows["diverged"].sel({LR: lr}))]
    if not failing:
        high = float(rows["diverged_high"].sel({LR: found.best}))
        return f"Nothing diverged; at the best rate that still allows a probability of up to {percent(high)}."
    pairs = _rows(rows, failing)
    told = [f"{int(row['diverged'])} of {int(row['members'])} at {_rate(found, lr)}" for lr, row in pairs]
    return f"Training diverged in {listed(told)}."


def _rows(rows: xr.Dataset, rates: list[float]) -> list[tuple[float, xr.Dataset]]:
    return [(lr, rows.sel({LR: lr})) for lr in rates]


def _speed(found: Results) -> str:
    if found.targets is None:
        return ""
    fastest = found.targets["mean"].where(found.targets["reached"] >= 0.5)
    if not np.isfinite(fastest).any():
        return ""
    steps, target = float(fastest.min()), float(found.targets["target"])
    first = [float(lr) for lr in fastest[LR].values[(fastest == steps).values]]
    after = f"after {short(steps, 6)} steps (geometric mean)"
    return f"A validation loss of {short(target)} is reached first at {_rates(found, first)}, {after}."


def range_test(found: Results) -> list[str]:
    """Say how often the range test's suggestions fall into the range; of one rate there is none."""
    if found.recommended.sizes[LR] < 2 or math.isnan(found.best):
        return []
    inside = found.agreement["share"]
    told = [f"{rule} {percent(float(inside.sel(rule=rule)))}" for rule in inside["rule"].values.tolist()]
    return [
        f"Share of the seeds whose range test suggests a rate that training cannot tell from the best: {listed(told)}."
    ]


def spread(found: Results) -> list[str]:
    """Say what the outcome's variance is due to."""
    if found.split is None:
        return []
    share = found.split["share"]
    named = zip(share["source"].values.tolist(), share.values.tolist(), strict=True)
    seen = sorted(((part, name) for name, part in named if part >= SEEN), reverse=True)
    if not seen:
        return []
    told = listed([f"{percent(part)} is due to {_source(name)}" for part, name in seen])
    return [f"Of the variance of the outcome (its logarithm) over these rates and seeds, {told}."]


def _source(name: str) -> str:
    if name == "rest":
        return "what is left"
    return f"the interplay of {name.replace(' × ', ' and ')}" if " × " in name else f"the {name}"


def insides(found: Results) -> list[str]:
    """Say what is found inside at the best rate and at the ends of the grid, where networks did not diverge."""
    median = found.insides.median(SEED).dropna(LR, subset=["gradient_angle"])
    rates, lrs = median[LR].values.tolist(), found.recommended[LR].values
    if not rates:
        return []
    shown = sorted({rates[0], found.best, rates[-1]} & set(rates))
    median = median.sel({LR: shown})
    words = [f"angle between consecutive gradients: {at_rates(median['gradient_angle'], _degrees, lrs)}"]
    if "dead_share" in median:
        words.insert(0, f"dead neurons: {at_rates(median['dead_share'], percent, lrs)}")
    if "sharpness_ratio" in median and np.isfinite(median["sharpness_ratio"]).any():
        ratio = at_rates(median["sharpness_ratio"], partial(short, digits=2), lrs)
        words.append(f"sharpness of a batch over its limit of stability: {ratio}")
    return [f"Inside, at the end: {'; '.join(words)}."]


def _degrees(value: float) -> str:
    return f"{value:.0f} degrees"


def _rate(found: Results, lr: float) -> str:
    return rate(lr, found.recommended[LR].values)


def _rates(found: Results, rates: list[float]) -> str:
    return listed([_rate(found, lr) for lr in rates])
