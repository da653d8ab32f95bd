"""A comparison of two sets of trainings in plain words, as tables and as JSON."""

import re
from math import copysign, floor, isfinite, isnan, log10, nan, sqrt
from typing import Any

import scipy
import xarray as xr

from lrscope import analysis
from lrscope.errors import must_be
from lrscope.studies._at import BEST, LAST
from lrscope.studies._compare import BATCH, Comparison
from lrscope.studies._words import DASH, counted, short
from lrscope.studies.recorded._results import LR

LEAST_P = 1e-4
"""Smaller p-values are not distinguished."""
MOST_DECIMALS = 6
"""Numbers that would need more are written with exponents."""
ENOUGH_PAIRS = 5
"""Fewer say nothing about their correlation."""
REMARKABLE = 1.5
"""Pairing is worth a sentence if as many times more unpaired networks would be needed."""


def _metric(comparison: Comparison) -> str:
    """Return a quantity as it stands in a sentence."""
    validation = "validation " if comparison.over == BATCH and comparison.metric in ("loss", "accuracy") else ""
    return validation + re.sub("^val_", "validation ", comparison.metric).replace("_", " ")


def verdict(comparison: Comparison, samples: int | None = None) -> list[str]:
    """Return the result in words, a paragraph each: the difference, its interval and test, and what to know of it.

    Parameters
    ----------
    samples : validation samples of an accuracy or another share of them, whose sampling error is stated then

    Raises
    ------
    InputError : samples of a loss, or of what does not lie between 0 and 1; or fewer than one.
    """
    sentences = [_of_many(comparison)]
    if len(comparison.cases) == 1:
        ((_labels, result),) = comparison.results
        sentences = [_of_one(comparison, result), _at_any_number(comparison, result), _worth(comparison, result)]
        sentences += [_sampling(comparison, result, samples), _left_out(comparison, result)]
        sentences += [_divergence(comparison, result)]
    first, last = comparison.steps
    if first != last and comparison.at == LAST:
        sentences.append(f"The networks end at different steps ({first} to {last}): --at chooses one that all have.")
    sentences.append(_which_way(comparison))
    return [sentence for sentence in sentences if sentence]


def compared_tables(comparison: Comparison, size: float | None = None) -> list[tuple[list[str], list[list[str]]]]:
    """Return the results as tables: columns and rows, as texts.

    Parameters
    ----------
    size : a difference for which the seeds that would show it are counted, beside the one measured and half of it
    """
    if len(comparison.cases) > 1:
        return [_table_of_cases(comparison, size)]
    (_labels, result), *_ = comparison.results
    counts = ["count"] if comparison.over == BATCH else ["count", "diverged"]
    columns = ["trainings", _metric(comparison), "compared", "diverged"][: 2 + len(counts)]
    rows = []
    for place, side in enumerate(comparison.sides):
        own = result.isel({LR: place})
        numbers = [str(int(own[name])) for name in counts]
        rows.append([side, short(float(own["mean"]), 4), *numbers])
    sizes = _table_of_sizes(comparison, result, size)
    return [(columns, rows), sizes] if sizes[1] else [(columns, rows)]


def _table_of_sizes(
    comparison: Comparison, result: xr.Dataset, size: float | None
) -> tuple[list[str], list[list[str]]]:
    columns = ["a difference of", f"{_unit(comparison)} of each that would show it in 8 of 10 cases"]
    gap, smallest = abs(float(result["difference"])), float(result["smallest"])
    now = round(int(result["count"].min()) * comparison.replicates)
    rows = [[short(smallest), f"{now} (as now)"]] if smallest > 0 else []
    sizes = {gap: "as measured", gap / 2: "half of it"} | ({size: "asked for"} if size else {})
    rows += [[f"{short(one)} ({name})", _seeds(comparison, result, one)] for one, name in sizes.items() if one > 0]
    return columns, rows


def _table_of_cases(comparison: Comparison, size: float | None) -> tuple[list[str], list[list[str]]]:
    """Return a row for each case, those that could not be compared included."""
    axes = list(comparison.cases[0].labels)
    wanted = f"{_unit(comparison)} for {short(size) if size else 'it'}"
    numbers = ["difference", "low", "high", "p", "p of flips", "compared", "diverged", "decision", wanted]
    columns = [*axes, *comparison.sides, *numbers]
    rows = []
    for case in comparison.cases:
        row = [str(label) for label in case.labels.values()]
        rows.append(row)
        if isinstance(case.result, str):
            row += [DASH] * (len(columns) - len(axes))
            continue
        result = case.result
        row += map(short, result["mean"].values.tolist())
        row += [short(float(result[name])) for name in ("difference", "low", "high")]
        row += [_p_value(float(result[name])).removeprefix("= ") for name in ("p_value", "p_flips")]
        row.append(" and ".join(str(count) for count in sorted(set(result["count"].values.tolist()))))
        row += [" and ".join(map(str, result["diverged"].values.tolist())), _decided(comparison, result)]
        gap = size or abs(float(result["difference"]))
        row.append(_seeds(comparison, result, gap) if gap else DASH)
    return columns, rows


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


def _is_real(result: xr.Dataset) -> bool:
    """Tell whether the interval of the difference leaves zero out."""
    return bool(result["low"] * result["high"] > 0)


def _is_lasting(result: xr.Dataset) -> bool:
    """Tell whether the interval that holds at any number of seeds leaves zero out."""
    return bool(result["anytime_low"] * result["anytime_high"] > 0)


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
        return ("higher" if result["difference"] > 0 else "lower") if _is_lasting(result) else "undecided"
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
        names = (
            "difference",
            "low",
            "high",
            "p_value",
            "p_flips",
            "anytime_low",
            "anytime_high",
            "e_value",
            "e_diverged",
            "smallest",
        )
        numbers = {name: float(result[name]) for name in names}
        gap = size or abs(numbers["difference"])
        known = gap and not isnan(float(result["deviation"]))
        case = {
            "labels": {axis: str(label) for axis, label in labels.items()},
            "decision": _decided(comparison, result),
            "means": [mean if isfinite(mean) else None for mean in result["mean"].values.tolist()],
            "compared": result["count"].values.tolist(),
            "diverged": result["diverged"].values.tolist(),
            "diverged_alone": result["alone"].values.tolist(),
            "paired": bool(result["paired"]),
            **{name: value if isfinite(value) else None for name, value in numbers.items()},
            "seeds_needed": int(analysis.seeds_needed(result, gap)) if known else None,
        }
        error = _sampling_error(comparison, result, samples) if samples else nan
        case["sampling_error"] = error if isfinite(error) else None
        cases.append(case)
    first, last = comparison.steps
    return {
        "metric": comparison.metric,
        "first": comparison.sides[0],
        "second": comparison.sides[1],
        "decision": decision(comparison),
        "better": None if comparison.maximize is None else "larger" if comparison.maximize else "smaller",
        "confidence": comparison.results[0][1].attrs["confidence"],
        "at": comparison.at,
        "steps": [first, last],
        "cases": cases,
    }


def _of_one(comparison: Comparison, result: xr.Dataset) -> str:
    metric, gap = _metric(comparison), float(result["difference"])
    first, second = comparison.sides
    at = f" at step {comparison.steps[0]}" if comparison.steps[0] == comparison.steps[1] else ""
    at = ", each at its best step" if comparison.at == BEST else at
    where = f"{_over(comparison, result)}{at}"
    if isnan(gap):
        return f"{first} and {second} cannot be compared in {metric}, {where}: too few ended well."
    if isnan(float(result["low"])):
        same = f"differ by {short(abs(gap))} in each pair" if gap else "are the same"
        return f"{first} and {second} {same} in {metric}, {where}: where nothing varies, there is nothing to test by."
    how_much = _interval(result)
    if not _is_real(result):
        answer = f"{first} and {second} cannot be distinguished in {metric}: a difference of {how_much}"
        return f"{answer}, {where}, may be chance. {_tests(result)}"
    return f"{_winner(comparison, gap)} by {how_much} in {metric}, {where}. {_tests(result)}"


def _interval(result: xr.Dataset) -> str:
    """Return the difference, without its sign, and its interval, all to three digits of the interval's half width."""
    gap, *ends = (float(result[name]) for name in ("difference", "low", "high"))
    ends = sorted(copysign(1, gap) * end for end in ends)
    digits = 2 - floor(log10((ends[1] - ends[0]) / 2))
    plain = 0 <= digits <= MOST_DECIMALS
    texts = [f"{value:.{digits}f}" if plain else short(value) for value in (abs(gap), *ends)]
    return f"{texts[0]} ({texts[1]} to {texts[2]}, {100 * result.attrs['confidence']:g} %)"


def _winner(comparison: Comparison, gap: float) -> str:
    """Return which side is better; where that is not known, which has the larger value."""
    first, second = comparison.sides
    one, other = (first, second) if (gap > 0) == (comparison.maximize is not False) else (second, first)
    return f"{one} lies above {other}" if comparison.maximize is None else f"{one} beats {other}"


def _which_way(comparison: Comparison) -> str:
    """Say which direction is better."""
    if comparison.maximize is None:
        return f"Whether a larger {_metric(comparison)} is better is not known: --maximize or --minimize says it."
    return f"Of the {_metric(comparison)}, the {'larger' if comparison.maximize else 'smaller'} the better."


def _over(comparison: Comparison, result: xr.Dataset) -> str:
    noun = _nouns(comparison.over)
    each = f" of {short(comparison.replicates)} trainings each" if comparison.over == BATCH else ""
    if result["paired"]:
        return f"over {int(result['pairs'])} paired {noun}{each}"
    first, second = result["count"].values.tolist()
    return f"between {first} and {second} {noun}{each} that are not paired"


def _nouns(over: str) -> str:
    return "seeds" if over.endswith("seed") else "batches" if over == BATCH else f"values of {over}"


def _tests(result: xr.Dataset) -> str:
    name = "Student's t test of the differences" if result["paired"] else "Welch's t test"
    of_t = f"{name}: p {_p_value(float(result['p_value']))}"
    if not result["paired"]:
        return f"{of_t}."
    pairs, flips = int(result["pairs"]), int(result["flips"])
    tried = f"all {flips}" if flips == 2**pairs else f"{flips} random"
    both = f"{of_t}; {tried} flips of their signs: p {_p_value(float(result['p_flips']))}."
    error, least = 1 - result.attrs["confidence"], 2 / 2**pairs
    if not _is_real(result) or float(result["p_flips"]) < error:
        return both
    if least > error:
        limit = f"{pairs} pairs cannot bring that below {short(least, 2)}"
        return f"{both} {limit}: the answer assumes that the differences are normal."
    return f"{both} Flips, which do not assume that, do not exclude chance: train more seeds."


def _at_any_number(comparison: Comparison, result: xr.Dataset) -> str:
    """Say whether a difference is one also where one looked again with every further seed."""
    if not _is_real(result):
        return ""
    noun, e_value = _nouns(comparison.over), short(float(result["e_value"]))
    if _is_lasting(result):
        return f"It holds even if {noun} were added until it did (e-value {e_value})."
    return (
        f"It holds for a number of {noun} that was chosen before looking. If they were added until it held, it is "
        f"undecided (e-value {e_value}; {1 / (1 - result.attrs['confidence']):.3g} would decide)."
    )


def _sampling_error(comparison: Comparison, result: xr.Dataset, samples: int) -> float:
    """Return half the width of the interval that the validation samples leave for a difference of two shares."""
    shares = result["mean"]
    if comparison.metric.endswith("loss") or ((shares < 0) | (shares > 1)).any():
        remedy = "What single samples add to anything else is not in the records."
        raise must_be("samples", "left out but for an accuracy or another share of them", comparison.metric, remedy)
    if samples < 1:
        raise must_be("samples", "at least 1", samples)
    quantile = float(scipy.special.ndtri((1 + result.attrs["confidence"]) / 2))
    return quantile * sqrt(float((shares * (1 - shares)).sum(skipna=False)) / samples)


def _sampling(comparison: Comparison, result: xr.Dataset, samples: int | None) -> str:
    error = _sampling_error(comparison, result, samples) if samples is not None else nan
    if isnan(error):
        return ""
    text = f"The {samples} validation samples alone leave an error of up to {short(error)} in the difference"
    smaller = ", more than the difference itself" if error > abs(float(result["difference"])) else ""
    return f"{text}{smaller}: no number of seeds removes that."


def _worth(comparison: Comparison, result: xr.Dataset) -> str:
    correlation = float(result["correlation"])
    if isnan(correlation) or int(result["pairs"]) < ENOUGH_PAIRS:
        return ""
    saved = float(result["unrelated"] / result["deviation"]) ** 2
    if saved < REMARKABLE or not isfinite(saved):
        return ""
    alike = f"The same {_nouns(comparison.over)} move both sides alike (correlation {short(correlation, 2)})"
    return f"{alike}: unpaired, it would take {short(saved, 2 if saved < 100 else 3)} times as many."


def _left_out(comparison: Comparison, result: xr.Dataset) -> str:
    sentences = []
    if comparison.diverged:
        sentences.append(f"{counted(comparison.diverged, 'training')} diverged, and are left out on both sides.")
    diverged = result["diverged"].values.tolist()
    if any(diverged):
        at = " and ".join(f"{number} at {side}" for number, side in zip(diverged, comparison.sides, strict=True))
        partners = ", with their partners" if result["paired"] else ""
        rest = "" if isnan(float(result["difference"])) else " The difference is that of the others."
        sentences.append(f"Networks that diverged are left out{partners}: {at}.{rest}")
    if int(result["unmatched"]):
        sentences.append(f"{counted(int(result['unmatched']), 'network')} without a partner of the same seed left out.")
    return " ".join(sentences)


def _divergence(comparison: Comparison, result: xr.Dataset) -> str:
    """Say what divergence adds, where one side alone diverged in some pairs."""
    alone = result["alone"].values.tolist()
    if not any(alone):
        return ""
    at = " and ".join(f"{side} alone in {number} pairs" for number, side in zip(alone, comparison.sides, strict=True))
    counts = f"Diverged: {at} (e-value {short(float(result['e_diverged']))})"
    if comparison.maximize is None:
        return f"{counts}."
    word = _decided(comparison, result)
    answer = "undecided" if word == "undecided" else f"{comparison.sides[0]} is {word}"
    return f"{counts}. Values and divergence together, however often one looks: {answer}."


def _of_many(comparison: Comparison) -> str:
    real = [float(result["difference"]) for _labels, result in comparison.results if _is_real(result)]
    first, second = comparison.sides
    metric = _metric(comparison)
    cases = f"{counted(len(comparison.results), 'case')} ({', '.join(comparison.cases[0].labels)})"
    alone = "Each case is tested by itself: where nothing differs, one of twenty seems to, at 95 %."
    if not real:
        return f"{first} and {second} cannot be distinguished in {metric}, in none of {cases}. {alone}"
    wins = []
    for sign in (1, -1):
        number = sum(gap * sign > 0 for gap in real)
        if number:
            wins.append(f"{_winner(comparison, sign)} in {number}")
    rest = "; the others may be chance" if len(real) < len(comparison.results) else ""
    return f"{' and '.join(wins)} of {cases}, in {metric}{rest}. {alone}"
