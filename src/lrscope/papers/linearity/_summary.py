"""The numbers of the answer; its sentences are a template."""

import itertools
import math
from typing import Any

import xarray as xr

from lrscope.papers.linearity._claims import SMALL, STRAIGHT, of_size, once
from lrscope.papers.linearity._options import Options
from lrscope.papers.linearity._results import CHANGE, GRID, LR, PATH, SENSITIVITY, Network, networks
from lrscope.studies._prose import numbers, paragraphs
from lrscope.studies._words import listed, short


def summary(results: xr.DataTree, options: Options) -> list[str]:
    """Return the answer, one text a paragraph."""
    known = networks(results)
    rates = {each.name: listed([short(lr, 6) for lr in each.attrs["rates"].lrs]) for each in known}
    alike = len(set(rates.values())) == 1
    return paragraphs(
        "papers/linearity/summary.txt.j2",
        options=options,
        straight=STRAIGHT,
        names=list(rates),
        at=rates[known[0].name] if alike else "; ".join(f"{lrs} ({name})" for name, lrs in rates.items()),
        networks=[_values(each) for each in known],
    )


def _values(network: Network) -> dict[str, Any]:
    """Return what is said of a network."""
    rates, trainings = network.attrs["rates"], network["trainings"]
    diverged = zip(trainings[LR].values, trainings["diverged"].values, strict=True)
    nodes = (PATH, "second_order", "seeds_saved", CHANGE)
    values: dict[str, Any] = {name: numbers(network[name]) if name in network.children else {} for name in nodes}
    values |= {
        "name": network.name,
        "rates": [short(lr, 6) for lr in rates.three],
        "lost": [f"{count} at {short(lr, 6)}" for lr, count in diverged if count],
        "unavailable": unknown(network),
        "laws": 0,
    }
    if PATH in network.children:
        counts = network["replicates_for"]["replicates"]
        values["needed"] = [
            f"{count:,.0f} for {r2:g}" if math.isfinite(count) else f"no number is enough for {r2:g}"
            for r2, count in zip(counts["wanted"].values, counts.values, strict=True)
        ]
    if GRID in network.children:
        laws = once(network)
        values |= {"laws": laws.sizes["law"], "missing": int(laws["r2_corrected"].isnull().sum())}
        values["medians"] = _medians(laws) or ["none"]
    return values


def _medians(laws: xr.Dataset) -> list[str]:
    """Return the median R² of laws of about one size, for each size that there is."""
    medians = []
    for least, most in itertools.pairwise((0.0, SMALL, 1.0, 2.0, math.inf)):
        median = float(of_size(laws, least, most)["r2_corrected"].median())
        if math.isfinite(median):
            medians.append(f"{short(median)} {f'up to {most:g}' if math.isfinite(most) else f'beyond {least:g}'}")
    return medians


def unknown(network: Network) -> str:
    """Say what cannot be computed because trainings diverged, and why."""
    eta, first, second = (short(lr, 6) for lr in network.attrs["rates"].three)
    groups = {
        PATH: f"the law at {eta}, {first} and {second}, and all that follows from it",
        SENSITIVITY: f"the sensitivity of the classes from {eta} to {first}",
        CHANGE: f"the change from {eta} to {second}: accuracy, outputs, favoured examples",
    }
    by_reason: dict[str, list[str]] = {}
    for group, words in groups.items():
        if group in network.attrs["unknown"]:
            by_reason.setdefault(network.attrs["unknown"][group], []).append(words)
    return " ".join(
        f"{network.name}: {reason}. Unavailable: {'; '.join(groups)}." for reason, groups in by_reason.items()
    )
