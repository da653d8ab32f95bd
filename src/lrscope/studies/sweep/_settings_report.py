"""What the report shows of the settings: the combinations of the axes beside rate and seed."""

from functools import partial

import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope import figures
from lrscope.report import Figure, Table, array_of, dataset_of
from lrscope.studies._words import listed


def settings_parts(results: xr.DataTree) -> list[Figure | Table]:
    """Return the figures and tables of the settings; none where there is one."""
    if "effects" not in results:
        return []
    axes = list(results["by_axis"].children)
    return [*(_figure(axis) for axis in axes), _effects_table(results), SETTINGS]


def _figure(axis: str) -> Figure:
    return Figure(
        f"by_{axis}",
        f"By {axis}",
        f"Outcome over the learning rate for each value of {axis}, all other axes as in the best setting: every seed, "
        "and means over those that did not diverge with 95% intervals by Student's t.",
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
    note += f"against {listed(_references(results))}, with a 95% interval (Student's t). "
    linear = dataset_of(results, "effects").attrs["scale"] == "linear"
    note += "All are differences." if linear else "All are logarithms of ratios; 0.1 is about 10%."
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
