"""What was found, in plain words."""

import itertools
import math

import numpy as np

from lrscope.papers.linearity._claims import LINEAR, NEAR, each_once, relative_size
from lrscope.papers.linearity._lacking import CHANGE, LR, PATH, SENSITIVITY
from lrscope.papers.linearity._results import Network, Results, change_of, path_of
from lrscope.papers.linearity._words import shares, sure
from lrscope.studies._words import counted, listed, percent, short

SOURCE = 120_000
"""Trainings of the source: 40 000 at each of three rates."""
A100_HOURS = 128
"""What these took on A100 GPUs, at 3.83 s a training."""


def what(found: Results) -> str:
    """Say what was trained."""
    options = found.options
    names = listed([each.name for each in found.networks])
    rates = _rates(found)
    seeds = "the same seeds at every rate" if options.pairing == "common" else "seeds of their own at each rate"
    trained = counted(options.replicates, "training")
    of = f"of {names}" if len(found.networks) == 1 else f"of each of {names}"
    diverged = [_diverged(each) for each in found.networks if int(each.diverged.max())]
    told = " ".join(diverged) or "No training diverged."
    return f"{trained} {of} on {options.data} at each of {rates}, with {seeds}. {told}"


def _rates(found: Results) -> str:
    told = {each.name: listed([short(lr, 6) for lr in each.rates.lrs]) for each in found.networks}
    if len(set(told.values())) == 1:
        return f"the rates {next(iter(told.values()))}"
    return f"the rates {'; '.join(f'{rates} ({name})' for name, rates in told.items())}"


def _diverged(network: Network) -> str:
    pairs = zip(network.diverged[LR].values.tolist(), network.diverged.values.tolist(), strict=True)
    told = [f"{count} at {short(lr, 6)}" for lr, count in pairs if count]
    return f"Of {network.name} {listed(told)} are left out, because training diverged."


def lacking(network: Network) -> str:
    """Say what cannot be computed because trainings diverged, and why; nothing if everything can."""
    eta, first, second = (short(lr, 6) for lr in network.rates.three)
    parts = {
        PATH: f"the law at {eta}, {first} and {second}, and all that follows from it",
        SENSITIVITY: f"the sensitivity of the classes, from {eta} to {first}",
        CHANGE: f"what changes from {eta} to {second}: accuracy, outputs, favoured examples",
    }
    by_reason: dict[str, list[str]] = {}
    for part, what_is_lost in parts.items():
        if part in network.lacking:
            by_reason.setdefault(network.lacking[part], []).append(what_is_lost)
    return " ".join(f"{network.name}: {why}. Not known is {'; nor '.join(lost)}." for why, lost in by_reason.items())


def is_linear(network: Network, found: Results) -> str:
    """Say whether the mean outputs of a network move along a line, and how sure that is."""
    row, options = path_of(network).law, found.options
    value, low, high = (float(row[f"r2_corrected{end}"]) for end in ("", "_low", "_high"))
    slope = sure([float(row[name]) for name in ("slope_corrected", "slope_low", "slope_high")])
    first, *others = (short(lr, 6) for lr in network.rates.three)
    rates = f"from {first} to {listed(others)}"
    noise = "" if options.pairing == "common" else " (noise alone would give 0.25)"
    return (
        f"{network.name}: {_verdict(low, high)} as the rate goes {rates}. R² is {short(float(row['r2']), 4)}{noise}; "
        f"without the noise of {counted(int(row['replicates']), 'training')} it is {sure((value, low, high), 4)}. The "
        f"slope without noise is {slope}; a line has {short(float(row['expected_slope']), 4)}. {_bend(network)}"
    )


def _verdict(low: float, high: float) -> str:
    if low >= LINEAR:
        return "the mean outputs move along a nearly straight line"
    if high < LINEAR:
        return "the mean outputs do not move along a straight line"
    return "these trainings do not decide whether the mean outputs move along a straight line"


def _bend(network: Network) -> str:
    share, low, high = (float(path_of(network).second[f"share{end}"]) for end in ("", "_low", "_high"))
    told = f"at most {percent(high, 1)}" if low == 0 and math.isfinite(high) else shares((share, low, high))
    none = ", and cannot be told from zero" if low == 0 else ""
    return f"The term of second order has {told} of the mean square of the whole change{none}."


def trainings(network: Network, found: Results) -> str:
    """Say how many trainings are needed, and what common seeds saved."""
    path = path_of(network)
    needed = [
        f"{count:,.0f} for {r2:g}" if math.isfinite(count) else f"no number is enough for {r2:g}"
        for r2, count in path.needed.items()
    ]
    words = [
        f"{network.name}: trainings at each rate that an R² needs with these seeds, as estimated: {listed(needed)}."
    ]
    if found.options.pairing == "common" and math.isfinite(float(path.saved["x"])):
        _, first, second = (short(lr, 6) for lr in network.rates.three)
        worth = [sure([float(path.saved[f"{name}{end}"]) for end in ("", "_low", "_high")], 2) for name in "xy"]
        words.append(
            f"One training with common seeds is worth {worth[0]} independent ones for the change to {first}, and "
            f"{worth[1]} for that to {second}."
        )
    return " ".join(words)


def breaks(network: Network) -> str:
    """Say where the law breaks."""
    if network.laws is None:
        return ""
    laws = each_once(network.laws)
    size, values = relative_size(laws), laws["r2_corrected"].values
    bounds = (0.0, NEAR, 1.0, 2.0, math.inf)
    told = []
    for least, most in itertools.pairwise(bounds):
        inside = values[(size > least + 1e-9) & (size <= most + 1e-9) & np.isfinite(values)]
        if len(inside):
            where = f"up to {most:g}" if math.isfinite(most) else f"beyond {least:g}"
            told.append(f"{short(float(np.median(inside)), 3)} {where}")
    by = "by the larger of |a| / eta and |b| / eta"
    unknown = int((~np.isfinite(values)).sum())
    left = f" Of {counted(len(values), 'law')} {unknown} are not known and left out." if unknown else ""
    return f"{network.name}: median R² without noise over the grid, {by}: {listed(told)}.{left}"


def accuracies(network: Network) -> str:
    """Say whether the accuracy changes."""
    row, (eta, _, higher) = change_of(network).compared, network.rates.three
    at = [float(network.accuracy.sel({LR: lr}, method="nearest")) for lr in (eta, higher)]
    difference = shares([float(row[name]) for name in ("difference", "low", "high")], 2)
    return (
        f"{network.name}: validation accuracy {percent(at[0], 2)} at {short(eta, 6)} and {percent(at[1], 2)} at "
        f"{short(higher, 6)}, a difference of {difference} of the samples."
    )


def cost(network: Network, price: float | None = None) -> str:
    """Say how long as many trainings as the source's would take, and what at a price of an hour of a worker."""
    if not math.isfinite(network.seconds):
        return f"{network.name}: no training came to its end."
    hours = SOURCE * network.seconds / 3600
    paid = "" if price is None else f" At {short(price, 6)} an hour of a worker: {short(hours * price)}."
    return (
        f"{network.name}: {_rounded(3600 / network.seconds)} trainings an hour and worker. As many as the source's, "
        f"{SOURCE:,}, would take one worker {_time(hours)}, and a hundred workers {_time(hours / 100)}.{paid}"
    )


def _rounded(count: float) -> str:
    """Return a number of three digits, written out.

    Examples
    --------
    >>> _rounded(374_762.3), _rounded(0.012345)
    ('375,000', '0.0123')
    """
    return f"{float(f'{count:.3g}'):,.0f}" if count >= 100 else short(count)


def _time(hours: float) -> str:
    """Return a time in the unit in which it is at least 1.

    Examples
    --------
    >>> _time(0.0032), _time(0.32), _time(32.04), _time(1281)
    ('12 seconds', '19 minutes', '32 hours', '1,280 hours')
    """
    if hours < 1:
        return f"{short(hours * 3600, 2)} seconds" if hours < 1 / 60 else f"{short(hours * 60, 2)} minutes"
    return f"{_rounded(hours)} hours"
