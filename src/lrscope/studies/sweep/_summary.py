"""The recommendation in plain words."""

import math
from functools import partial

import numpy as np
import xarray as xr

from lrscope.report import array_of, dataset_of
from lrscope.studies._words import at_rates, counted, listed, percent, rate, short
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._scores import LR, SEED
from lrscope.studies.sweep._settings import SETTING
from lrscope.studies.sweep._settings_report import settings_text

FALLS = {"linear": "a straight line", "cosine": "half a cosine"}
"""Schedules that change the rate."""
VISIBLE = 0.01
"""Smaller shares and differences are not mentioned."""
FORESEEABLE = 16
"""A number of seeds so many times as large is no forecast; as in `lrscope.analysis.recommendation`."""


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the paragraphs of the summary."""
    texts = [_what(results, options), *advice_at(results, options.until_decided), *settings_text(results)]
    if math.isfinite(float(array_of(results, "rates/best"))):
        texts += [evidence(results), _range_test(results), _variance(results), _insides(results)]
    return [text for text in texts if text]


def _what(results: xr.DataTree, options: Options) -> str:
    scores, rates = array_of(results, "networks/score"), dataset_of(results, "all_rates")
    trained, diverged = int(rates["members"].sum()), int(rates["diverged"].sum())
    settings = f", {counted(rates.sizes[SETTING], 'setting')}" if rates.sizes[SETTING] > 1 else ""
    text = (
        f"{counted(trained, 'network')} learned {options.data} at {counted(scores.sizes[LR], 'learning rate')}"
        f"{settings} with {counted(scores.sizes[SEED], 'seed')} for {counted(options.epochs, 'epoch')} "
        f"({counted(options.epochs * results.attrs['per_epoch'], 'update')}). "
    )
    if options.schedule in FALLS:
        text += f"A rate is that of the first update, from which it falls to 0 along {FALLS[options.schedule]}. "
    text += f"{diverged} of them diverged." if diverged else "No network diverged."
    if options.until_decided and trained >= options.trainings:
        text += f" The budget of {options.trainings} trainings is spent."
    return text


def advice_at(results: xr.DataTree, until_decided: bool) -> list[str]:
    """Say which rates are good enough and which to use, at the best setting if there are several."""
    setting = results.attrs["setting"]
    texts = [text for text in (_smooth_range(results), *_advice(results, until_decided)) if text]
    return [f"With {setting}: {texts[0]}", *texts[1:]] if setting else texts


def _smooth_range(results: xr.DataTree) -> str:
    """Say which rates are good enough, those between the rates of the grid included, and where the best one lies."""
    if "optimum" not in results:
        return ""
    smooth = dataset_of(results, "optimum")
    best, best_low, best_high, low, high = (
        rate(float(smooth[name])) for name in ("best", "best_low", "best_high", "low", "high")
    )
    interval = f"{best_low} to {best_high}, 95 % confidence"
    optimum = f"A smooth curve through all rates has its optimum near {best} ({interval})."
    tolerance, known = (f"{short(100 * float(smooth[name]), 2)} %" for name in ("tolerance", "smallest"))
    of_what = " (of the spread over all rates)" if smooth.attrs["scale"] == "linear" else ""
    if np.isfinite(smooth["low"]):
        which = f"Any learning rate from {low} to {high}" if low != high else f"The learning rate {low}"
        within = f"{which} ends within {tolerance}{of_what} of the best"
        return f"{within} (95 % confidence). {optimum}"
    unknown = f"With these seeds, no learning rate is certain to end within {tolerance}{of_what} of it"
    return f"{optimum} {unknown}; the closest one ends within {known}."


def _advice(results: xr.DataTree, until_decided: bool) -> list[str]:
    """Say which rate to use, which others do not differ from it significantly, and what would decide."""
    rates = dataset_of(results, "rates")
    best = float(rates["best"])
    if math.isnan(best):
        return ["At no learning rate did a network come to the end, so none can be recommended: try smaller ones."]
    plausible = [float(lr) for lr in rates[LR].values[rates["plausible"].values]]
    loss = short(float(rates["score"].sel({LR: best})))
    accuracy = f", accuracy {float(rates['accuracy'].sel({LR: best})):.1%}" if "accuracy" in rates else ""
    average = "on average over the seeds " if rates["members"].max() > 1 else ""
    name = rates["score"].attrs["long_name"]
    lowest = f"{average}it ends with the {rates.attrs.get('end', 'lowest')} {name} ({loss}{accuracy})"
    use = "Of the rates that were trained, use" if "optimum" in results else "Use a learning rate of"
    words = [f"{use} {_rates(rates, best)}: {lowest}."]
    if bool(rates["decided"]):
        words.append("No other rate of the grid is as good, with 95 % confidence.")
    elif len(plausible) > 1:
        words += _undecided(rates, plausible, int(rates["epochs_needed"]))
    remedy = "" if until_decided else " Try --until-decided, or a wider --lrs."
    return [" ".join([*words, _edge(rates, remedy)]).strip()]


def _undecided(rates: xr.Dataset, plausible: list[float], epochs: int) -> list[str]:
    seeds, needed = int(rates["members"].max()), int(rates["seeds_needed"])
    words = [
        f"The data do not decide: {_rates(rates, *plausible)} do not differ significantly with "
        f"{counted(seeds, 'seed')} (95 % confidence)."
    ]
    if seeds < 2:
        return [*words, "One seed says nothing about chance: train four or more."]
    if needed > 0:
        words.append(f"If the differences are as they seem, {needed} seeds each would decide.")
    else:
        words.append(f"That would take more than {FORESEEABLE} times as many seeds; {_at_most(rates)}.")
    if epochs > 0:
        words.append(f"Going on as now, {counted(epochs, 'epoch')} would decide.")
    return words


def _at_most(rates: xr.Dataset) -> str:
    difference = float(rates["difference_high"].where(rates["plausible"]).max())
    if not math.isfinite(difference):
        return "how much worse than the best they may be is not known"
    linear = rates.attrs["scale"] == "linear"
    size = short(difference, 2) if linear else percent(math.expm1(difference))
    return f"none of them is worse than the best by more than {size}"


def _edge(rates: xr.Dataset, remedy: str) -> str:
    if rates.sizes[LR] < 2:
        return "Only one rate was tried: nothing can be said of others."
    edge = str(rates["at_edge"].item())
    if not edge:
        return ""
    end = {"lower": "smallest", "upper": "largest", "both": "smallest and the largest"}[edge]
    reaches = "It is" if bool(rates["decided"]) else "They reach"
    return f"{reaches} the {end} rate of the grid: the optimum may lie outside.{remedy}"


def evidence(results: xr.DataTree) -> str:
    """Say how sensitive the outcome is, how often training diverges, and how soon a target is reached."""
    rates = dataset_of(results, "rates")
    words = (_sensitivity(array_of(results, "sensitivity/ratio")), _divergence(rates), _speed(results, rates))
    return " ".join(text for text in words if text)


def _sensitivity(ratios: xr.DataArray) -> str:
    texts = []
    for side, words in (("lower", "half"), ("higher", "twice")):
        ratio = float(ratios.sel(side=side))
        if math.isfinite(ratio):
            texts.append(f"{words} the rate ends with {_times(ratio)}")
    return f"Around it, {' and '.join(texts)} (interpolated between the rates of the grid)." if texts else ""


def _times(ratio: float) -> str:
    if ratio >= 2:
        return f"{ratio:.2g} times the loss"
    if abs(ratio - 1) < VISIBLE:
        return "the same loss"
    return f"{percent(abs(ratio - 1))} {'more' if ratio > 1 else 'less'} loss"


def _divergence(rates: xr.Dataset) -> str:
    failing = rates.isel({LR: np.flatnonzero(rates["diverged"] > 0)})
    if not failing.sizes[LR]:
        high = float(rates["diverged_high"].sel({LR: float(rates["best"])}))
        return f"Nothing diverged; at the best rate that still allows a probability of up to {percent(high)}."
    rows = (failing.sel({LR: lr}) for lr in failing[LR])
    texts = [f"{int(row['diverged'])} of {int(row['members'])} at {_rates(rates, float(row[LR]))}" for row in rows]
    return f"Training diverged in {listed(texts)}."


def _speed(results: xr.DataTree, rates: xr.Dataset) -> str:
    if "targets" not in results:
        return ""
    targets = dataset_of(results, "targets")
    fastest = targets["mean"].where(targets["reached"] >= 0.5)
    if not np.isfinite(fastest).any():
        return ""
    steps = float(fastest.min())
    first = fastest[LR].values[(fastest == steps).values].tolist()
    after = f"after {steps:.0f} steps (geometric mean)"
    target = short(float(targets["target"]))
    return f"A {rates['score'].attrs['long_name']} of {target} is reached first at {_rates(rates, *first)}, {after}."


def _range_test(results: xr.DataTree) -> str:
    if results["rates"].sizes[LR] < 2:
        return ""
    share = array_of(results, "agreement/share")
    rules = zip(share["rule"].values.tolist(), share.values.tolist(), strict=True)
    texts = listed([f"{rule} {percent(value)}" for rule, value in rules])
    return f"Share of the seeds whose range test suggests a rate in the recommended range: {texts}."


def _variance(results: xr.DataTree) -> str:
    if "variance" not in results:
        return ""
    share = array_of(results, "variance/share")
    named = zip(share.values.tolist(), share["source"].values.tolist(), strict=True)
    visible = [(part, name) for part, name in sorted(named, reverse=True) if part >= VISIBLE]
    if not visible:
        return ""
    parts = listed([f"{percent(part)} is due to {_source(name)}" for part, name in visible])
    return f"Of the variance of the outcome (its logarithm) over these rates and seeds, {parts}."


def _source(name: str) -> str:
    if name == "rest":
        return "what is left"
    return f"the interaction of {name.replace(' × ', ' and ')}" if " × " in name else f"the {name}"


def _insides(results: xr.DataTree) -> str:
    """Say what happens inside at the best rate and at the ends of the grid, where networks did not diverge."""
    median = dataset_of(results, "insides").median(SEED).dropna(LR, subset=["gradient_angle"])
    known, lrs = median[LR].values.tolist(), array_of(results, "rates/score")[LR].values
    if not known:
        return ""
    median = median.sel({LR: sorted({known[0], float(array_of(results, "rates/best")), known[-1]} & set(known))})
    words = [f"angle between consecutive gradients: {at_rates(median['gradient_angle'], '{:.0f} degrees'.format, lrs)}"]
    if "dead_share" in median:
        words.insert(0, f"dead neurons: {at_rates(median['dead_share'], percent, lrs)}")
    if "sharpness_ratio" in median and np.isfinite(median["sharpness_ratio"]).any():
        ratio = at_rates(median["sharpness_ratio"], partial(short, digits=2), lrs)
        words.append(f"sharpness of a batch over its limit of stability: {ratio}")
    return f"Inside, at the end: {'; '.join(words)}."


def _rates(rates: xr.Dataset, *chosen: float) -> str:
    """Return rates in a row, each with as many digits as distinguish it from the others of the grid."""
    return listed([rate(lr, rates[LR].values) for lr in chosen])
