"""A comparison of two sets of trainings in plain words, as tables and as JSON."""

import re
from math import copysign, floor, inf, isfinite, isnan, log10, nan, sqrt
from typing import Any

import pandas as pd
import scipy
import xarray as xr

from lrscope import analysis
from lrscope.errors import must_be
from lrscope.report._files import plain
from lrscope.studies._compare import BATCH, Comparison
from lrscope.studies._prose import numbers, paragraphs
from lrscope.studies._words import DASH, counted, short

LEAST_P = 1e-4
"""Smaller p-values are not distinguished."""
MOST_DECIMALS = 6
"""Numbers that would need more are written with exponents."""
ENOUGH_PAIRS = 5
"""Fewer say nothing about their correlation."""
REMARKABLE = 1.5
"""Pairing is worth a sentence if as many times more unpaired networks would be needed."""
JSON: tuple[str, ...] = ("difference", "low", "high", "p_value", "p_flips")
JSON += ("anytime_low", "anytime_high", "e_value", "e_diverged", "smallest")
"""Numbers of a case that JSON has under their own names."""


def verdict(comparison: Comparison, samples: int | None = None) -> list[str]:
    """Return the result in words, a paragraph each: the difference, its interval and test, and what to know of it.

    Parameters
    ----------
    samples : validation samples of an accuracy or another share of them, whose sampling error is stated then

    Raises
    ------
    InputError : samples of a loss, or of what does not lie between 0 and 1; or fewer than one.
    """
    first, second = comparison.sides
    values: dict[str, Any] = {"first": first, "second": second, "metric": _metric(comparison)}
    values |= {"maximize": comparison.maximize, "at": comparison.at, "steps": comparison.steps}
    several = len(comparison.cases) > 1
    return paragraphs(
        "studies/comparison.txt.j2",
        several=several,
        **values,
        **(_of_many if several else _of_one)(comparison, samples),
    )


def _of_many(comparison: Comparison, _samples: int | None) -> dict[str, Any]:
    labels, _result = comparison.cases[0]
    results = [result for _labels, result in comparison.results]
    real = [float(result["difference"]) for result in results if _excludes_zero(result)]
    wins = [(sign, sum(gap * sign > 0 for gap in real)) for sign in (1, -1)]
    return {
        "cases": f"{counted(len(results), 'case')} ({', '.join(labels)})",
        "wins": [(sign, number) for sign, number in wins if number],
        "others": len(real) < len(results),
    }


def _of_one(comparison: Comparison, samples: int | None) -> dict[str, Any]:
    ((_labels, result),) = comparison.results
    over = comparison.over
    saved = float((result["unrelated"] / result["deviation"]) ** 2)
    remarkable = int(result["pairs"]) >= ENOUGH_PAIRS and REMARKABLE <= saved < inf
    return numbers(result) | {
        "noun": "seeds" if over.endswith("seed") else "batches" if over == BATCH else f"values of {over}",
        "each": f" of {short(comparison.replicates)} trainings each" if over == BATCH else "",
        "error": 1 - result.attrs["confidence"],
        "p": _p_value,
        "real": _excludes_zero(result),
        "lasting": _excludes_zero(result, "anytime_"),
        "interval": _interval(result),
        "saved": saved if remarkable else None,
        "samples": samples,
        "sampling_error": _sampling_error(comparison, result, samples),
        "replicates_diverged": comparison.diverged,
        "decision": _decided(comparison, result),
    }


def _metric(comparison: Comparison) -> str:
    """Return a quantity as it stands in a sentence."""
    validation = "validation " if comparison.over == BATCH and comparison.metric in ("loss", "accuracy") else ""
    return validation + re.sub("^val_", "validation ", comparison.metric).replace("_", " ")


def compared_tables(comparison: Comparison, size: float | None = None) -> list[pd.DataFrame]:
    """Return the results as tables of texts.

    Parameters
    ----------
    size : a difference for which the seeds that would show it are counted, beside the one measured and half of it
    """
    if len(comparison.cases) > 1:
        return [_table_of_cases(comparison, size)]
    (_labels, result), *_ = comparison.results
    own = numbers(result)
    columns = {"trainings": list(comparison.sides), _metric(comparison): [short(mean, 4) for mean in own["mean"]]}
    columns["compared"] = [str(count) for count in own["count"]]
    if comparison.over != BATCH:
        columns["diverged"] = [str(count) for count in own["diverged"]]
    gap, smallest, now = abs(own["difference"]), own["smallest"], round(min(own["count"]) * comparison.replicates)
    sizes = {gap: "as measured", gap / 2: "half of it"} | ({size: "asked for"} if size else {})
    seeds = {f"{short(one)} ({name})": _seeds(comparison, result, one) for one, name in sizes.items() if one > 0}
    if smallest > 0:
        seeds = {short(smallest): f"{now} (as now)", **seeds}
    names = ["a difference of", f"{_unit(comparison)} of each that would show it in 8 of 10 cases"]
    return [pd.DataFrame(columns), *([pd.DataFrame(list(seeds.items()), columns=names)] if seeds else [])]


def _table_of_cases(comparison: Comparison, size: float | None) -> pd.DataFrame:
    """Return a row for each case, those that could not be compared included."""
    names = ["difference", "low", "high", "p", "p of flips", "compared", "diverged", "decision"]
    wanted = f"{_unit(comparison)} for {short(size) if size else 'it'}"
    columns = [*comparison.cases[0][0], *comparison.sides, *names, wanted]  # an axis may be called p, too
    rows = []
    for labels, result in comparison.cases:
        row = [str(label) for label in labels.values()]
        rows.append(row)
        if isinstance(result, str):
            row += [DASH] * (len(columns) - len(row))
            continue
        own = numbers(result)
        gap = size or abs(own["difference"])
        row += map(short, (*own["mean"], own["difference"], own["low"], own["high"]))
        row += [_p_value(own[name]).removeprefix("= ") for name in ("p_value", "p_flips")]
        row += [" and ".join(map(str, sorted(set(own["count"])))), " and ".join(map(str, own["diverged"]))]
        row += [_decided(comparison, result), _seeds(comparison, result, gap) if gap else DASH]
    return pd.DataFrame(rows, columns=columns)


def _unit(comparison: Comparison) -> str:
    return "trainings" if comparison.over == BATCH else "seeds"


def _seeds(comparison: Comparison, result: xr.Dataset, size: float) -> str:
    """Return how many seeds for each rate would show a difference; of sums over batches, how many trainings."""
    if isnan(float(result["deviation"])):
        return DASH
    of_one = result.assign(deviation=result["deviation"] * sqrt(comparison.replicates))
    needed = int(analysis.seeds_needed(of_one, size))
    return "over a million" if needed < 0 else str(needed)


def _p_value(p: float) -> str:
    """Return the sign and the value that follow "p"."""
    return f"< {LEAST_P:g}" if p < LEAST_P else f"= {short(p, 2)}"


def _excludes_zero(result: xr.Dataset, prefix: str = "") -> bool:
    """Tell whether the interval of the difference leaves zero out; ``anytime_``: that for any number of seeds."""
    return bool(result[f"{prefix}low"] * result[f"{prefix}high"] > 0)


def _interval(result: xr.Dataset) -> str:
    """Return the difference, without its sign, and its interval, all to three digits of the interval's half width."""
    gap, *ends = (float(result[name]) for name in ("difference", "low", "high"))
    if isnan(ends[0]):
        return ""
    ends = sorted(copysign(1, gap) * end for end in ends)
    digits = 2 - floor(log10((ends[1] - ends[0]) / 2))
    plain_text = 0 <= digits <= MOST_DECIMALS
    texts = [f"{value:.{digits}f}" if plain_text else short(value) for value in (abs(gap), *ends)]
    return f"{texts[0]} ({texts[1]} to {texts[2]}, {100 * result.attrs['confidence']:g}%)"


def _sampling_error(comparison: Comparison, result: xr.Dataset, samples: int | None) -> float:
    """Return half the width of the interval that the validation samples leave for a difference of two shares."""
    if samples is None:
        return nan
    shares = result["mean"]
    if comparison.metric.endswith("loss") or ((shares < 0) | (shares > 1)).any():
        remedy = "What single samples add to anything else is not in the records."
        raise must_be("samples", "left out but for an accuracy or another share of them", comparison.metric, remedy)
    if samples < 1:
        raise must_be("samples", "at least 1", samples)
    quantile = float(scipy.special.ndtri((1 + result.attrs["confidence"]) / 2))
    return quantile * sqrt(float((shares * (1 - shares)).sum(skipna=False)) / samples)


def decision(comparison: Comparison) -> str:
    """Return what holds of the first set at any number of seeds: a word.

    Values and divergence count together: their e-values are multiplied, and a set is better only if neither of the two
    speaks for the other one.

    Returns
    -------
    str : ``better`` or ``worse`` than the second; ``higher`` or ``lower``, by the values alone, where it is not known
        what is better; ``undecided``, also where several cases do not all say the same
    """
    words = {_decided(comparison, result) for _labels, result in comparison.results}
    return words.pop() if len(words) == 1 else "undecided"


def _decided(comparison: Comparison, result: xr.Dataset) -> str:
    if comparison.maximize is None:
        lasting = _excludes_zero(result, "anytime_")
        return ("higher" if result["difference"] > 0 else "lower") if lasting else "undecided"
    side = analysis.winner(result, comparison.maximize, result.attrs["confidence"])
    return ("better", "worse", "undecided")[side]


def compared_json(comparison: Comparison, size: float | None = None, samples: int | None = None) -> dict[str, Any]:
    """Return a comparison as JSON: numbers, or None where there is none; docs/verdict.md describes it.

    Parameters
    ----------
    size, samples : as of `compared_tables` and `verdict`
    """
    cases = []
    for labels, result in comparison.results:
        values = numbers(result)
        gap = size or abs(values["difference"])
        case = {
            "labels": {axis: str(label) for axis, label in labels.items()},
            "decision": _decided(comparison, result),
            "means": values["mean"],
            "compared": values["count"],
            "diverged": values["diverged"],
            "diverged_alone": values["alone"],
            "paired": values["paired"],
            **{name: values[name] for name in JSON},
            "seeds_needed": int(analysis.seeds_needed(result, gap)) if gap and isfinite(values["deviation"]) else None,
            "sampling_error": _sampling_error(comparison, result, samples),
        }
        cases.append(plain(case))
    return {
        "metric": comparison.metric,
        "first": comparison.sides[0],
        "second": comparison.sides[1],
        "decision": decision(comparison),
        "better": None if comparison.maximize is None else "larger" if comparison.maximize else "smaller",
        "confidence": comparison.results[0][1].attrs["confidence"],
        "at": comparison.at,
        "steps": list(comparison.steps),
        "cases": cases,
    }
