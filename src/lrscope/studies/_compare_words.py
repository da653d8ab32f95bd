"""A comparison of two learning rates in plain words."""

import re
from math import copysign, floor, isnan, log10, sqrt

import xarray as xr

from lrscope import analysis
from lrscope.studies._compare import BATCH, Comparison
from lrscope.studies._recorded_view import LR
from lrscope.studies._words import DASH, counted, rate, short

SMALLER_IS_BETTER, LARGER_IS_BETTER = ("loss", "error"), ("accuracy",)
LEAST_P = 1e-4
"""Smaller p-values are not told apart."""
MOST_DECIMALS = 6
"""Numbers that would need more are written with exponents."""
ENOUGH_PAIRS = 5
"""Fewer say nothing about their correlation."""
REMARKABLE = 1.5
"""Pairs are said to be worth so many times as many unpaired networks, or more."""


def metric_text(found: Comparison) -> str:
    """Return a quantity as it stands in a sentence.

    Examples
    --------
    >>> metric_text(Comparison("val_loss", (0.1, 0.2), "seed", (), (0, 0)))
    'validation loss'
    """
    validation = "validation " if found.over == BATCH and found.metric in ("loss", "accuracy") else ""
    return validation + re.sub("^val_", "validation ", found.metric).replace("_", " ")


def verdict(found: Comparison) -> list[str]:
    """Return what was found, a paragraph each: the difference and its interval, how it was tested, what to know."""
    results = found.told
    said = [_of_one(found, results[0][1])] if len(found.cases) == 1 else [_of_many(found)]
    if len(found.cases) == 1:
        said += [_worth(found, results[0][1]), _left_out(found, results[0][1])]
    first, last = found.steps
    if first != last:
        said.append(f"The networks end at different steps ({first} to {last}): --step chooses one that all have.")
    return [sentence for sentence in said if sentence]


def compared_tables(found: Comparison, size: float | None = None) -> list[tuple[list[str], list[list[str]]]]:
    """Return what was found as tables: columns and rows, as texts.

    Parameters
    ----------
    size : a difference for which the seeds that would show it are counted, beside the one found and half of it
    """
    if len(found.cases) > 1:
        return [_table_of_cases(found, size)]
    (_labels, result), *_ = found.told
    return [_table_of_rates(found, result), _table_of_sizes(found, result, size)]


def _table_of_rates(found: Comparison, result: xr.Dataset) -> tuple[list[str], list[list[str]]]:
    columns = ["learning rate", metric_text(found), "compared", *([] if found.over == BATCH else ["diverged"])]
    rows = []
    for place, lr in enumerate(result[LR].values.tolist()):
        own = result.isel({LR: place})
        counts = [str(int(own[name])) for name in ("count", "diverged")]
        rows.append([rate(lr, result[LR].values), short(float(own["mean"]), 4), *counts[: len(columns) - 2]])
    return columns, rows


def _table_of_sizes(found: Comparison, result: xr.Dataset, size: float | None) -> tuple[list[str], list[list[str]]]:
    """Return differences and the seeds that would show them."""
    columns = ["a difference of", f"{_unit(found)} at each rate that would show it in 8 of 10 cases"]
    apart, smallest = abs(float(result["difference"])), float(result["smallest"])
    now = round(int(result["count"].min()) * found.replicates)
    rows = [[short(smallest), f"{now} (as now)"]] if smallest > 0 else []
    sizes = {apart: "as found", apart / 2: "half of it"} | ({size: "asked for"} if size else {})
    rows += [[f"{short(one)} ({name})", _seeds(found, result, one)] for one, name in sizes.items() if one > 0]
    return columns, rows


def _table_of_cases(found: Comparison, size: float | None) -> tuple[list[str], list[list[str]]]:
    """Return a row for each case, those that could not be compared included."""
    first, second = map(rate, found.lrs)
    axes = list(found.cases[0].labels)
    wanted = f"{_unit(found)} for {short(size) if size else 'it'}"
    columns = [*axes, first, second, "difference", "low", "high", "p", "p of flips", "compared", wanted]
    rows = []
    for case in found.cases:
        labels = [str(label) for label in case.labels.values()]
        if isinstance(case.result, str):
            rows.append([*labels, *[DASH] * (len(columns) - len(axes))])
            continue
        numbers = [
            *case.result["mean"].values.tolist(),
            *(float(case.result[name]) for name in ("difference", "low", "high")),
        ]
        chances = [p_text(float(case.result[name])) for name in ("p_value", "p_flips")]
        apart = size or abs(float(case.result["difference"]))
        last = _seeds(found, case.result, apart) if apart else DASH
        rows.append([*labels, *map(short, numbers), *chances, _compared(case.result), last])
    return columns, rows


def _compared(result: xr.Dataset) -> str:
    """Return how many networks were compared at each rate."""
    return " and ".join(str(count) for count in sorted(set(result["count"].values.tolist())))


def _unit(found: Comparison) -> str:
    return "trainings" if found.over == BATCH else "seeds"


def _seeds(found: Comparison, result: xr.Dataset, size: float) -> str:
    """Return how many seeds for each rate would show a difference; of sums over batches, how many trainings."""
    of_one = result.assign(deviation=result["deviation"] * sqrt(found.replicates))
    needed = int(analysis.seeds_needed(of_one, size))
    return "over a million" if needed < 0 else str(needed)


def p_text(p: float) -> str:
    """Return a p-value.

    Examples
    --------
    >>> p_text(0.01234), p_text(1e-9), p_text(float("nan"))
    ('0.012', 'below 0.0001', '–')
    """
    return f"below {LEAST_P:g}" if p < LEAST_P else short(p, 2)


def is_real(result: xr.Dataset) -> bool:
    """Tell whether the interval of the difference leaves zero out."""
    return bool(result["low"] * result["high"] > 0)


def _of_one(found: Comparison, result: xr.Dataset) -> str:
    """Return the sentence that answers the question."""
    metric, apart = metric_text(found), float(result["difference"])
    first, second = (rate(lr, result[LR].values) for lr in result[LR].values.tolist())
    at = f" at step {found.steps[0]}" if found.steps[0] == found.steps[1] else ""
    where = f"{_over(found, result)}{at}"
    if isnan(float(result["low"])):
        same = f"differ by {short(abs(apart))} in each pair" if apart else "are the same"
        return f"{first} and {second} {same} in {metric}, {where}: where nothing varies, there is nothing to test by."
    how_much = _interval(result)
    if not is_real(result):
        told = f"{first} and {second} cannot be told apart in {metric}: a difference of {how_much}"
        return f"{told}, {where}, may be chance. {_tests(result)}"
    return f"{_winner(found.metric, apart, first, second)} by {how_much} in {metric}, {where}. {_tests(result)}"


def _interval(result: xr.Dataset) -> str:
    """Return the difference, without its sign, and its interval, all to three digits of the interval's half width."""
    apart, *ends = (float(result[name]) for name in ("difference", "low", "high"))
    ends = sorted(copysign(1, apart) * end for end in ends)
    digits = 2 - floor(log10((ends[1] - ends[0]) / 2))
    plain = 0 <= digits <= MOST_DECIMALS
    texts = [f"{value:.{digits}f}" if plain else short(value) for value in (abs(apart), *ends)]
    return f"{texts[0]} ({texts[1]} to {texts[2]}, {100 * result.attrs['confidence']:g} %)"


def _winner(metric: str, apart: float, first: str, second: str) -> str:
    """Return which rate is better; of a quantity that is neither good nor bad, which has the larger value."""
    if metric.endswith(SMALLER_IS_BETTER):
        apart = -apart
    better = metric.endswith((*SMALLER_IS_BETTER, *LARGER_IS_BETTER))
    one, other = (first, second) if apart > 0 else (second, first)
    return f"{one} beats {other}" if better else f"{one} lies above {other}"


def _over(found: Comparison, result: xr.Dataset) -> str:
    """Return what was compared."""
    noun = _nouns(found.over)
    each = f" of {short(found.replicates)} trainings each" if found.over == BATCH else ""
    if result["paired"]:
        return f"over {int(result['pairs'])} paired {noun}{each}"
    first, second = result["count"].values.tolist()
    return f"between {first} and {second} {noun}{each} that are not paired"


def _nouns(over: str) -> str:
    return "seeds" if over.endswith("seed") else "batches" if over == BATCH else f"values of {over}"


def _tests(result: xr.Dataset) -> str:
    """Return the p-values, and what to make of them where they disagree."""
    name = "Student's t test of the differences" if result["paired"] else "Welch's t test"
    of_t = f"{name}: p = {p_text(float(result['p_value']))}"
    if not result["paired"]:
        return f"{of_t}."
    pairs, flips = int(result["pairs"]), int(result["flips"])
    tried = f"all {flips}" if flips == 2**pairs else f"{flips} random"
    both = f"{of_t}; {tried} flips of their signs: p = {p_text(float(result['p_flips']))}."
    error, least = 1 - result.attrs["confidence"], 2 / 2**pairs
    if not is_real(result) or float(result["p_flips"]) < error:
        return both
    if least > error:
        return (
            f"{both} {pairs} pairs cannot bring that below {short(least, 2)}: the answer takes differences for normal."
        )
    return f"{both} Flips, which do not take the differences for normal, do not exclude chance: train more seeds."


def _worth(found: Comparison, result: xr.Dataset) -> str:
    """Return what pairing has saved."""
    correlation = float(result["correlation"])
    if isnan(correlation) or int(result["pairs"]) < ENOUGH_PAIRS:
        return ""
    alike = f"The same {_nouns(found.over)} make both rates alike (correlation {short(correlation, 2)})"
    saved = float(result["unrelated"] / result["deviation"]) ** 2
    return (
        f"{alike}: unpaired, it would take {short(saved, 2 if saved < 100 else 3)} times as many."
        if saved >= REMARKABLE
        else ""
    )


def _left_out(found: Comparison, result: xr.Dataset) -> str:
    """Return who is missing from the comparison."""
    said = []
    if found.diverged:
        said.append(f"{counted(found.diverged, 'training')} diverged, and are left out at both rates.")
    diverged = dict(zip(result[LR].values.tolist(), result["diverged"].values.tolist(), strict=True))
    if any(diverged.values()):
        at = " and ".join(f"{number} at {rate(lr, diverged)}" for lr, number in diverged.items())
        partners = ", with their partners" if result["paired"] else ""
        said.append(f"Networks that diverged are left out{partners}: {at}. The difference is that of the others.")
    if int(result["unmatched"]):
        said.append(f"{counted(int(result['unmatched']), 'network')} without a partner of the same seed left out.")
    return " ".join(said)


def _of_many(found: Comparison) -> str:
    """Return in how many cases one rate comes out above the other."""
    real = [result for _labels, result in found.told if is_real(result)]
    signs = [float(result["difference"]) > 0 for result in real]
    first, second = map(rate, found.lrs)
    wins = [
        f"{_winner(found.metric, apart, first, second)} in {number}"
        for apart, number in ((1.0, sum(signs)), (-1.0, len(signs) - sum(signs)))
        if number
    ]
    metric, cases = metric_text(found), f"{counted(len(found.told), 'case')} ({', '.join(found.cases[0].labels)})"
    if not wins:
        return f"{first} and {second} cannot be told apart in {metric}, in none of {cases}. {_ALONE}"
    rest = "; the others may be chance" if len(real) < len(found.told) else ""
    return f"{' and '.join(wins)} of {cases}, in {metric}{rest}. {_ALONE}"


_ALONE = "Each case is tested by itself: where nothing differs, one of twenty seems to, at 95 %."
