"""The study's tables."""

import math

import numpy as np
import xarray as xr

from lrscope.papers.linearity._lacking import LR
from lrscope.papers.linearity._results import Network, Results
from lrscope.papers.linearity._words import sure
from lrscope.report._old import Table
from lrscope.studies._cells import number
from lrscope.studies._findings import Listed
from lrscope.studies._words import listed

LAW = (
    *("eta", "a", "b", "replicates", "pairing", "r2", "slope", "expected_slope"),
    *("r2_corrected", "r2_corrected_low", "r2_corrected_high", "slope_corrected", "slope_low", "slope_high"),
)
"""Columns of the files of laws."""
READ = (
    "eta",
    "a",
    "b",
    "trainings",
    "R²",
    "without noise",
    "slope",
    "without noise",
    "b\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}a",
)
"""Columns of the same tables in the page; b / a is the slope of a straight line."""


def law(found: Results) -> Listed:
    """Return one row a network: the law at eta, a and b."""
    laws = [_law_of(each) for each in found.networks]
    rows = [_law_row(one, found) for one in laws]
    read = [(each.name, *_read_row(one)) for each, one in zip(found.networks, laws, strict=True)]
    note = (
        "R² and slope as in the source, and without the noise that finitely many trainings leave, with 95 % intervals. "
        "A straight line has the slope b / a and an R² of 1, which R² without noise may exceed by chance."
        f"{_unknown(found)}"
    )
    return Listed("law", Table("The law", LAW, rows), Table("The law", ("network", *READ), read, note))


def _read_row(row: xr.Dataset) -> tuple[str | float | None, ...]:
    """Return the cells of a law as it stands in the page: values with their intervals."""
    r2, slope = (
        sure([float(row[name]) for name in names], 4) if np.isfinite(row[names[0]]) else None
        for names in (
            ("r2_corrected", "r2_corrected_low", "r2_corrected_high"),
            ("slope_corrected", "slope_low", "slope_high"),
        )
    )
    names = ("eta", "a", "b", "replicates", "r2", "slope", "expected_slope")
    eta, a, b, count, *seen, expected = (_cell(name, row) for name in names)
    return eta, a, b, count, seen[0], r2, seen[1], slope, expected


def _unknown(found: Results) -> str:
    names = [each.name for each in found.networks if each.path is None]
    return f" Empty where trainings diverged: {listed(names)}." if names else ""


def _law_of(network: Network) -> xr.Dataset:
    """Return the law of a network; NaN where it cannot be computed."""
    if network.path is not None:
        return network.path.law
    rates = network.rates
    told = {"eta": rates.eta, "a": rates.a, "b": rates.b, "expected_slope": rates.b / rates.a}
    fewest = int(network.replicates.sel({LR: list(rates.three)}, method="nearest").min())
    return xr.Dataset({**dict.fromkeys(LAW, math.nan), **told, "replicates": fewest})


def _law_row(row: xr.Dataset, found: Results) -> tuple[str | float | None, ...]:
    return tuple(found.options.pairing if name == "pairing" else _cell(name, row) for name in LAW)


def _cell(name: str, row: xr.Dataset) -> float | int | None:
    return int(row[name]) if name == "replicates" else number(row[name])


def laws(network: Network, found: Results) -> Listed:
    """Return one row a law of the grid."""
    assert network.laws is not None
    laws = [network.laws.isel(law=place) for place in range(network.laws.sizes["law"])]
    rows = [_law_row(one, found) for one in laws]
    note = "Every eta with every two changes that lead to other rates of the grid, in both orders: R² is the same, the "
    note += "slope is not. Laws at rates at which too many trainings diverged are empty."
    title = f"The law over the grid, {network.name}"
    return Listed(f"laws_{network.name}", Table(title, LAW, rows), Table(title, READ, list(map(_read_row, laws)), note))


def rates(found: Results) -> Listed:
    """Return one row a network and rate: how many trainings, and how well they did."""
    columns = ["network", "lr", "trainings", "diverged", "validation accuracy"]
    rows = [
        (each.name, lr, int(each.replicates.sel({LR: lr})), int(each.diverged.sel({LR: lr})), _at(each.accuracy, lr))
        for each in found.networks
        for lr in each.accuracy[LR].values.tolist()
    ]
    note = "Accuracy: mean over the trainings. Trainings that diverged are left out at their rate."
    return Listed("rates", Table("Every learning rate", columns, rows, note))


def _at(values: xr.DataArray, lr: float) -> float | None:
    return number(values.sel({LR: lr}))


def needed(found: Results) -> Listed:
    """Return one row a network and wanted R²: how many trainings it needs."""
    columns = ["network", "R²", "trainings at each rate", "pairing"]
    rows = [
        (each.name, r2, int(count) if math.isfinite(count) else "never", found.options.pairing)
        for each in found.networks
        if each.path is not None
        for r2, count in each.path.needed.items()
    ]
    note = "From signal and noise as estimated from all trainings: rough where R² without noise has a wide interval. "
    note += "Never: the path bends more than that."
    return Listed("trainings_needed", Table("Trainings for a wanted R²", columns, rows, note))


def saved(found: Results) -> Listed:
    """Return one row a network: how many independent trainings one of common seeds is worth."""
    columns = ["network", "change to", "worth", "from", "to"]
    rows = [
        (each.name, f"eta + {offset}", *(number(each.path.saved[f"{name}{end}"]) for end in ("", "_low", "_high")))
        for each in found.networks
        if each.path is not None
        for name, offset in (("x", "a"), ("y", "b"))
    ]
    note = "How many trainings with seeds of their own one with common seeds is worth, with 95 % intervals."
    return Listed("seeds_saved", Table("What common seeds save", columns, rows, note))


def curvature(found: Results) -> Listed:
    """Return one row a network: how large the second-order term is."""
    columns = ["network", "share of the change to eta + b", "from", "to", "of the first-order term", "from", "to"]
    names = ["share", "share_low", "share_high", "ratio", "ratio_low", "ratio_high"]
    rows = [(each.name, *(number(each.path.second[name]) for name in names)) for each in found.networks if each.path]
    note = (
        "Mean squares, over samples and outputs, of the quadratic term of the parabola through the three rates, "
        "without noise, with 95 % intervals; 0 where noise takes an estimate below it. Linear and quadratic term need "
        "not be at right angles: no part of a whole."
    )
    return Listed("curvature", Table("The term of second order", columns, rows, note))


def relation(found: Results) -> Listed:
    """Return one row a network: how far the delta follows from the output itself."""
    without = ["R² of a line without noise", "from", "to", "R² of bins without noise", "from", "to"]
    columns = ["network", "R² of a line", "R² of bins", *without]
    corrected = [f"{name}{end}" for name in ("r2_corrected", "r2_bins_corrected") for end in ("", "_low", "_high")]
    names = ["r2_line", "r2_bins", *corrected]
    rows = [
        (each.name, *(number(each.change.relation[name]) for name in names)) for each in found.networks if each.change
    ]
    note = (
        "How much of the variance of the change to eta + b the mean output at eta explains; 20 bins of as many points."
    )
    return Listed("delta_against_output", Table("The change against the output itself", columns, rows, note))


def sensitivity(found: Results) -> Listed:
    """Return one row a network and class: how fast its mean output changes with the rate."""
    columns = ["network", "class", "own samples", "from", "to", "all samples", "from", "to"]
    names = [f"{start}{end}" for start in ("own", "mean") for end in ("", "_low", "_high")]
    rows = [
        (each.name, place, *(number(each.sensitivity[name].isel(output=place)) for name in names))
        for each in found.networks
        if each.sensitivity is not None
        for place in range(each.sensitivity.sizes["output"])
    ]
    note = "Change of the mean output of a class per unit of the learning rate, with 95 % intervals."
    return Listed("sensitivity", Table("Sensitivity by class", columns, rows, note))


def favoured(found: Results) -> Listed:
    """Return one row a network, class and side: means of the samples that the higher rate favours most and least."""
    columns = ["network", "class", "side", "samples", "mean change", "confidence at eta", "confidence at eta + b"]
    columns.append("mean change in the choosing half")
    names = ["mean_change", "mean_confidence_low", "mean_confidence_high", "mean_choosing_change"]
    rows = [
        (each.name, label, side, _samples(row), *(number(row[name]) for name in names))
        for each in found.networks
        if each.change is not None
        for label in each.change.favoured["class"].values.tolist()
        for side in each.change.favoured["side"].values.tolist()
        for row in [each.change.favoured.sel({"class": label, "side": side})]
    ]
    note = "Of the samples of middling confidence: those whose mean output of the own class rises most, and least. "
    note += "Chosen by half of the trainings; all but the last column are from the other half."
    return Listed("favoured", Table("Which samples a higher rate favours", columns, rows, note))


def _samples(row: xr.Dataset) -> int:
    return int((row["position"] >= 0).sum())


def cost(found: Results, source: int) -> Listed:
    """Return one row a network: what its trainings take, and what as many as the source's would."""
    columns = ["network", "trainings", "seconds a training", "trainings an hour", f"hours for {source:,} trainings"]
    price = found.options.price
    columns += [] if price is None else [f"cost at {price:g} an hour"]
    rows = []
    for each in found.networks:
        hours = source * each.seconds / 3600
        paid = [] if price is None else [hours * price]
        told = (each.seconds, 3600 / each.seconds, hours, *paid)
        rows.append((each.name, int(each.replicates.sum()), *map(number, told)))
    note = "Of one worker: a machine with all its cores or its GPU, or one core or GPU of a Ray cluster."
    return Listed("cost", Table("What trainings cost", columns, rows, note))
