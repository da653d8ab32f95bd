"""What the report says and shows of the settings: the combinations of the axes beside rate and seed."""

import math
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope import figures
from lrscope.report import Figure, Table, array_of, dataset_of
from lrscope.studies._words import listed, percent, rate, short
from lrscope.studies.sweep._settings import CHOICE, SETTING


def settings_text(results: xr.DataTree) -> list[str]:
    """Return which combinations may be the best, and which axes matter; nothing where there is one setting."""
    return [_jointly(results), _effects(results)] if "effects" in results else []


def settings_parts(results: xr.DataTree) -> list[Figure | Table]:
    """Return the figures and tables of the settings; none where there is one."""
    if "effects" not in results:
        return []
    axes = list(results["by_axis"].children)
    return [*(_figure(axis) for axis in axes), _effects_table(results), SETTINGS]


def _jointly(results: xr.DataTree) -> str:
    settings = dataset_of(results, "settings")
    rows = []
    for number in range(settings.sizes[SETTING]):
        row = settings.isel({SETTING: number})
        if bool(row["plausible"]):
            ends = [rate(float(row[name]), settings["best"].values) for name in ("joint_low", "joint_high")]
            rows.append(f"{row[SETTING].item()} at {ends[0] if ends[0] == ends[1] else ' to '.join(ends)}")
    if not rows:
        return ""
    every = "all combinations" if bool(settings["trained"].all()) else "the combinations that have scores"
    if len(rows) == 1:
        return f"Of {every}, with 95 % confidence, the best is {rows[0]}."
    return f"Of {every}, these may be the best, with 95 % confidence: {listed(rows)}."


def _effects(results: xr.DataTree) -> str:
    effects = dataset_of(results, "effects")
    axes = dict.fromkeys(effects["axis"].values.tolist())
    return " ".join(_effect(effects.isel({CHOICE: np.flatnonzero(effects["axis"] == axis)}), axis) for axis in axes)


def _effect(effects: xr.Dataset, axis: str) -> str:
    """Return whether an axis matters, each of its values with the rate that is best for it."""
    linear = effects.attrs["scale"] == "linear"
    every = [effects.isel({CHOICE: number}) for number in range(effects.sizes[CHOICE])]
    lost = [f"{axis} {row['value'].item()}" for row in every if not bool(row["trained"])]
    note = f" Nothing is known of {listed(lost)}: no training with it has a score." if lost else ""
    rows = [row for row in every if bool(row["trained"])]
    may = [row["value"].item() for row in rows if bool(row["plausible"])]
    worse = []
    for row in rows:
        if not bool(row["plausible"]):
            least = float(row["difference_low"])
            size = f"at least {_size(least, linear)} worse" if least > 0 else "worse, or diverges more often,"
            worse.append(f"{row['value'].item()} is {size}")
    beyond = [row["value"].item() for row in rows if bool(row["open"]) and not bool(row["plausible"])]
    if beyond:
        rates = "its rates, and may be better" if len(beyond) == 1 else "their rates, and may be better"
        note += f" {axis} {listed(beyond)} did best at an end of {rates} beyond."
    if worse and may:
        best = f"the best, which may have {listed(may)}"
        matters = f"Among these rates, {axis} matters" if beyond else f"{axis} matters"
        return f"{matters}: each at its own best rate, {listed(worse)} than {best}.{note}"
    highest = [float(row["difference_high"]) for row in rows]
    if not may or not np.isfinite(highest).any():
        return f"Nothing is known of the effect of {axis}: too few seeds of its values can be compared.{note}"
    most = float(np.max(highest))  # NaN where one of them is
    bound = f", and costs at most {_size(most, linear)}" if math.isfinite(most) else ""
    return f"No effect of {axis} is seen: each of {listed(may)} may be the best at a rate of its own{bound}.{note}"


def _size(difference: float, linear: bool) -> str:
    return short(difference, 2) if linear else percent(math.expm1(difference))


def _figure(axis: str) -> Figure:
    return Figure(
        f"by_{axis}",
        f"By {axis}",
        f"Outcome over the learning rate for each value of {axis}, all other axes as in the best setting: every seed, "
        "and means over those that did not diverge with 95 % intervals by Student's t.",
        partial(_draw, axis),
    )


def _draw(axis: str, results: xr.DataTree) -> Drawing:
    scores = array_of(results, f"by_axis/{axis}/score")
    return figures.panels(scores, x="lr", hue="value", mark="points", band="seed")


def _effects_table(results: xr.DataTree) -> Table:
    columns = {
        "axis": "axis",
        "value": "value",
        "best": "best lr with it",
        "difference": "worse than the best of all",
        "difference_low": "at least",
        "difference_high": "at most",
        "plausible": "may be the best",
        "change": "change at the same rate",
        "change_low": "from",
        "change_high": "to",
    }
    note = "Worse: with the rate, and all else, that is best for this value; at most: if that is the rate and all else "
    note += "with which it seems to be. Change: mean over rates and paired seeds "
    note += f"against {listed(_references(results))}, with a 95 % interval (Student's t). "
    linear = dataset_of(results, "effects").attrs["scale"] == "linear"
    note += "All are differences." if linear else "All are logarithms of ratios; 0.1 is about 10 %."
    return Table("effects", "Which axis matters", "effects", columns=columns, note=note)


def _references(results: xr.DataTree) -> list[str]:
    effects = dataset_of(results, "effects")
    pairs = zip(effects["axis"].values.tolist(), effects["reference"].values.tolist(), strict=True)
    return list(dict.fromkeys(f"{axis} {value}" for axis, value in pairs))


SETTINGS = Table(
    "settings",
    "Every setting",
    "settings",
    columns={
        "setting": "setting",
        "best": "best lr",
        "low": "from",
        "high": "to",
        "score": "score at it",
        "decided": "decided",
        "plausible": "may be the best of all",
        "difference_low": "worse than the best of all, at least",
    },
)
