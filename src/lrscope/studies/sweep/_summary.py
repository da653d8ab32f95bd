"""The numbers of the summary; its sentences are templates."""

import math
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from lrscope.report import array_of, dataset_of
from lrscope.studies._prose import numbers, paragraphs
from lrscope.studies._words import at_rates, percent, rate, share_text, short
from lrscope.studies.sweep._options import Grid, Options
from lrscope.studies.sweep._scores import LR, SEED, Compared
from lrscope.studies.sweep._settings import CHOICE, SETTING

VISIBLE = 0.01
"""Smaller shares of the variance are not mentioned."""
FORESEEABLE = 16
"""A number of seeds so many times as large is no forecast; as in `lrscope.analysis.recommendation`."""


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the paragraphs of the summary."""
    values = answer(results, options) | {"updates": options.epochs * results.attrs["per_epoch"]}
    if values["best"]:
        shares = array_of(results, "agreement/share").to_series().items() if len(values["lrs"]) > 1 else ()
        values["rules"] = [f"{rule} {percent(share)}" for rule, share in shares]
        values |= {"sources": _sources(results), "insides": _insides(results)}
    return paragraphs("studies/sweep/networks.txt.j2", **values)


def answer(results: xr.DataTree, options: Compared) -> dict[str, Any]:
    """Return the numbers of `answer.txt.j2`, and of the first sentences of every summary."""
    every, rates = dataset_of(results, "all_rates"), dataset_of(results, "rates")
    lrs, at_best = rates[LR].values.tolist(), float(rates["best"])
    trained = results.attrs.get("trained", int(every["members"].sum()))
    size = partial(_size, linear=rates.attrs["scale"] == "linear")
    failing = rates.isel({LR: np.flatnonzero(rates["diverged"] > 0)})
    failures = zip(failing["diverged"].values, failing["members"].values, failing[LR].values.tolist(), strict=True)
    return {
        "options": options,
        "no_more": not isinstance(options, Grid) or options.until_decided,  # runs that exist cannot be continued
        "trained": trained,
        "spent": options.until_decided and trained >= options.trainings,
        "all_lrs": every.sizes[LR],
        "all_seeds": array_of(results, "networks/score").sizes[SEED],
        "all_diverged": int(every["diverged"].sum()),
        "number_of_settings": every.sizes[SETTING],
        "setting": results.attrs["setting"],
        "optimum": _optimum(results),
        "lrs": lrs,
        "rates": numbers(rates),
        "best": {"lr": at_best, **numbers(rates.sel({LR: at_best}))} if math.isfinite(at_best) else {},
        "name": rates["score"].attrs["long_name"],
        "end": rates.attrs.get("end", "lowest"),
        "seeds": int(rates["members"].max()),
        "plausible": rates[LR].values[rates["plausible"].values].tolist(),
        "without_scores": rates[LR].values[rates["members"] == 0].tolist(),
        "largest": float(rates["difference_high"].where(rates["plausible"], 0).max(skipna=False)),
        "foreseeable": FORESEEABLE,
        "size": size,
        **_settings(results),
        "sensitivity": _sensitivity(results),
        "diverged": [f"{int(diverged)} of {int(count)} at {rate(lr, lrs)}" for diverged, count, lr in failures],
        **_fastest(results),
    }


def _size(difference: float, linear: bool) -> str:
    """Return a difference of scores, in percent if it is one of logarithms."""
    return short(difference, 2) if linear else percent(math.expm1(difference))


def _optimum(results: xr.DataTree) -> dict[str, Any]:
    if "optimum" not in results:
        return {}
    smooth = dataset_of(results, "optimum")
    return {**numbers(smooth), "scale": smooth.attrs["scale"]}


def _settings(results: xr.DataTree) -> dict[str, Any]:
    """Return which combinations may be the best, and what is known of each axis; nothing where there is one setting."""
    if "effects" not in results:
        return {"settings": [], "effects": []}
    settings, effects = dataset_of(results, "settings"), dataset_of(results, "effects")
    best = []
    for place in np.flatnonzero(settings["plausible"]):
        row = settings.isel({SETTING: place})
        ends = (rate(float(row[name]), settings["best"].values) for name in ("joint_low", "joint_high"))
        best.append(f"{row[SETTING].item()} at {' to '.join(dict.fromkeys(ends))}")
    return {
        "settings": best,
        "every_setting": bool(settings["trained"].all()),
        "effects": [effect(effects, axis) for axis in dict.fromkeys(effects["axis"].values.tolist())],
    }


def effect(effects: xr.Dataset, axis: str) -> dict[str, Any]:
    """Return which values of an axis may be the best, which are worse, and which have a best rate at an end."""
    linear = effects.attrs["scale"] == "linear"
    every = [numbers(effects.isel({CHOICE: place})) for place in np.flatnonzero(effects["axis"] == axis)]
    rows = [row for row in every if row["trained"]]
    worse = []
    for row in (row for row in rows if not row["plausible"]):
        least = row["difference_low"]
        size = f"at least {_size(least, linear)} worse" if least > 0 else "worse, or diverges more often,"
        worse.append(f"{row['value']} is {size}")
    highest = [row["difference_high"] for row in rows]
    return {
        "axis": axis,
        "untrained": [f"{axis} {row['value']}" for row in every if not row["trained"]],
        "plausible": [row["value"] for row in rows if row["plausible"]],
        "worse": worse,
        "open": [row["value"] for row in rows if row["open"] and not row["plausible"]],
        "largest": float(np.max(highest)) if np.isfinite(highest).any() else None,  # NaN where one of them is
    }


def _sensitivity(results: xr.DataTree) -> list[tuple[str, float]]:
    ratios = array_of(results, "sensitivity/ratio")
    sides = {words: float(ratios.sel(side=side)) for side, words in (("lower", "half"), ("higher", "twice"))}
    return [(words, ratio) for words, ratio in sides.items() if math.isfinite(ratio)]


def _fastest(results: xr.DataTree) -> dict[str, Any]:
    """Return the rates at which half of the networks or more reach the target first."""
    if "targets" not in results:
        return {"fastest": []}
    targets = dataset_of(results, "targets")
    mean = targets["mean"].where(targets["reached"] >= 0.5)
    fastest = mean[LR].values[(mean == mean.min()).values].tolist()
    return {"fastest": fastest, "steps": float(mean.min()), "target": float(targets["target"])}


def _sources(results: xr.DataTree) -> list[str]:
    """Return how much of the variance is due to each source, with its interval if there is one, the largest first."""
    if "variance" not in results:
        return []
    shares = dataset_of(results, "variance").sortby("share", ascending=False)
    texts = []
    for name in shares["source"].values[(shares["share"] >= VISIBLE).values].tolist():
        ends = shares.sel(source=name).rename(low="share_low", high="share_high")
        one = f"the interaction of {name.replace(' × ', ' and ')}" if " × " in name else f"the {name}"
        texts.append(f"{share_text(ends, 'share', 0)} is due to {'what is left' if name == 'rest' else one}")
    return texts


def _insides(results: xr.DataTree) -> list[str]:
    """Return what happens inside at the best rate and at the ends of the grid, where networks did not diverge."""
    median = dataset_of(results, "insides").median(SEED).dropna(LR, subset=["gradient_angle"])
    known, lrs = median[LR].values.tolist(), array_of(results, "rates/score")[LR].values
    if not known:
        return []
    median = median.sel({LR: sorted({known[0], float(array_of(results, "rates/best")), known[-1]} & set(known))})
    words = [f"angle between consecutive gradients: {at_rates(median['gradient_angle'], '{:.0f} degrees'.format, lrs)}"]
    if "dead_share" in median:
        words.insert(0, f"dead neurons: {at_rates(median['dead_share'], percent, lrs)}")
    if "sharpness_ratio" in median and np.isfinite(median["sharpness_ratio"]).any():
        ratio = at_rates(median["sharpness_ratio"], partial(short, digits=2), lrs)
        words.append(f"sharpness of a batch over its limit of stability: {ratio}")
    return words
