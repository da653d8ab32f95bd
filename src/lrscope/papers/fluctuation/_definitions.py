"""The published tables, and what "the spread of the spread" may mean: the definitions tried, compared with the tables.

The paper describes its measure in words only. A definition that is chosen because it comes closest to the published
tables must not be judged on the tables that chose it. So each shape is judged with the definition that fits the tables
of the *other* shapes best, and the distances of all definitions are reported.
"""

import importlib.resources
import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lrscope import analysis
from lrscope.analysis._layers import before_divergence
from lrscope.records import step_dimension

QUANTITIES = {
    "weights": "Weights",
    "biases": "Biases",
    "activations": "Activations",
    "weight_gradients": "GradWeights",
    "bias_gradients": "GradBiases",
}
"""Name of each quantity here -> in the paper."""
MODULES = ("encoder", "decoder")
BINS = ("0 to 0.3", "0.3 to 0.7", "0.7 to 1")
LRS = (0.0001, 0.001, 0.01)
SHAPES = ("triangle", "square", "pentagon", "hexagon", "heptagon", "octagon", "circle")
"""The shapes whose tables have text in the source; those of the spiral are pictures."""
SPREADS = ("deviation", "variance")
"""Of the elements of a neuron at one step: its incoming weights, their gradients, its activations over the points."""
MOVEMENTS = ("variance", "deviation", "range", "mean deviation")
"""Of the spread over the steps."""
COURSES = ("values", "changes")
"""What moves: the spread itself, or its changes from one recorded step to the next."""
LARGEST_OF = ("module", "layer")
"""The neurons of which the largest is 1."""
DEFINITIONS = tuple(itertools.product(SPREADS, MOVEMENTS, COURSES, LARGEST_OF))
STANDARD = ("deviation", "variance", "values", "module")
"""That of `lrscope.analysis.fluctuation`, with which everything but the tables is judged."""


def published_counts() -> dict[str, xr.DataArray]:
    """Return the published counts of each quantity, (shape, lr, module, bin); NaN where the source has no row.

    The source counted the square twice; shares are not affected.
    """
    file = importlib.resources.files("lrscope.papers.fluctuation").joinpath("published.json")
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return {ours: _table([row for row in rows if row["quantity"] == theirs]) for ours, theirs in QUANTITIES.items()}


def _table(rows: list[dict[str, Any]]) -> xr.DataArray:
    frame = pd.DataFrame(rows).set_index(["shape", "lr", "module"])[["low", "middle", "high"]]
    table: xr.DataArray = frame.set_axis(list(BINS), axis=1).rename_axis("bin", axis=1).stack().to_xarray()
    table = table.reindex(shape=list(SHAPES), lr=list(LRS), module=list(MODULES), bin=list(BINS)).astype(float)
    return table.assign_attrs(long_name="published number of neurons", units="neurons")


def shares(counts: xr.DataArray) -> xr.DataArray:
    """Return counts (..., bin) divided by their sum; NaN where there are none."""
    total = counts.sum("bin", skipna=False)
    return counts / total.where(total > 0)


def total_variation(counts: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    """Return half the sum of the differences of the shares of two binned rows: 0 if equal, 1 if disjoint.

    Labels that only one of them has are left out; the result is NaN where one of them is empty.
    """
    first, second = xr.align(shares(counts), shares(other), join="inner")
    distance = abs(first - second).sum("bin", skipna=False) / 2
    return distance.assign_attrs(long_name="total-variation distance", units="1")


def name_of(definition: tuple[str, str, str, str]) -> str:
    """Return a definition in words."""
    spread, movement, course, largest_of = definition
    changes = "changes of the " if course == "changes" else ""
    return f"{movement} of the {changes}{spread}, largest of the {largest_of}"


def candidates(records: xr.Dataset, quantity: str) -> xr.DataArray:
    """Return the fluctuation of every neuron by every definition.

    Returns
    -------
    DataArray (definition, member, neuron) : between 0 and 1; NaN for a network with fewer than two steps before it
        diverged
    """
    spread = analysis.spread(records, quantity)
    dim = step_dimension(spread)
    values = spread.transpose("member", dim, "neuron").values
    used = (before_divergence(records, spread) & spread.isel(neuron=0, drop=True).notnull()).sum(dim).values
    moved = np.full((len(DEFINITIONS), len(values), spread.sizes["neuron"]), np.nan)
    groups = {of: [np.flatnonzero(spread[of].values == name) for name in np.unique(spread[of])] for of in LARGEST_OF}
    for member, steps in enumerate(used):
        if steps >= 2:
            moved[:, member] = _of_member(values[member, :steps], groups)
    coords = {"definition": [name_of(definition) for definition in DEFINITIONS]}
    coords |= {str(name): coord for name, coord in spread.coords.items() if dim not in coord.dims}
    attrs = {"long_name": f"normalised fluctuation of {quantity.replace('_', ' ')}", "units": "1"}
    attrs |= {"axes": spread.attrs["axes"]}
    array = xr.DataArray(moved, coords, ("definition", "member", "neuron"), attrs=attrs)
    return array.assign_coords(steps_used=("member", used, {"long_name": "steps used", "units": "steps"}))


def _of_member(spread: np.ndarray, groups: Mapping[str, list[np.ndarray]]) -> np.ndarray:
    """Return the fluctuations (definition, neuron) of one network from its deviations (step, neuron)."""
    moved: dict[tuple[str, str, str], np.ndarray] = {}
    for kind, values in zip(SPREADS, (spread, spread**2), strict=True):
        for course, series in zip(COURSES, (values, np.diff(values, axis=0)), strict=True):
            for movement, result in zip(MOVEMENTS, _movements(series), strict=True):
                moved[kind, movement, course] = result
    results = []
    for kind, movement, course, largest_of in DEFINITIONS:
        result = moved[kind, movement, course].copy()
        for neurons in groups[largest_of]:
            result[neurons] /= result[neurons].max() or 1.0
        results.append(result)
    return np.stack(results)


def _movements(series: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return by how much series (step, neuron) move, in the order of `MOVEMENTS`; exactly 0 where nothing moves."""
    extent = np.ptp(series, axis=0)
    distances = series - series.mean(0)
    variance = np.where(extent > 0, np.einsum("sn,sn->n", distances, distances) / len(series), 0.0)
    mean_deviation = np.where(extent > 0, np.abs(distances, out=distances).mean(0), 0.0)
    return variance, np.sqrt(variance), extent, mean_deviation


def compared(counts: Mapping[str, xr.DataArray], published: Mapping[str, xr.DataArray]) -> xr.Dataset:
    """Return the distances of all definitions to the published tables, and those of definitions chosen elsewhere.

    Parameters
    ----------
    counts : quantity -> measured numbers of neurons (definition, shape, lr, seed, module, bin)
    published : quantity -> (shape, lr, module, bin) of any shapes and rates; NaN where the source has no row

    Returns
    -------
    Dataset
        distance : (definition, quantity, shape, seed) total variation to the published tables, mean over rates and
            modules; NaN for shapes without published tables
        chosen : (shape) the definition that is closest, over all quantities, on the other shapes; empty if none is
        validated : (quantity, shape, seed) distance of that definition on this shape
        yardstick : (quantity, shape) distance of the published tables of this shape to those of each other shape, mean,
            at the rates that were measured
    """
    quantities = xr.DataArray(list(counts), dims="quantity", name="quantity")
    here = {name: published[name].reindex(shape=counts[name]["shape"], lr=counts[name]["lr"]) for name in counts}
    distance = xr.concat(
        [total_variation(counts[name], here[name]).mean(["lr", "module"]) for name in counts], quantities
    )
    yardstick = xr.concat(
        [_yardstick(published[name].reindex(lr=counts[name]["lr"])) for name in counts], quantities
    ).reindex(shape=distance["shape"])
    score = distance.mean(["quantity", "seed"])
    others = [score.drop_sel(shape=shape).mean("shape") for shape in score["shape"].values]
    best = [int(other.argmin("definition")) if bool(other.notnull().any()) else -1 for other in others]
    known = score.notnull().any("definition").values
    names = score["definition"].values
    chosen = [str(names[place]) if place >= 0 and has else "" for place, has in zip(best, known, strict=True)]
    validated = [
        distance.isel(definition=max(place, 0), shape=[index]).where(chosen[index] != "").drop_vars("definition")
        for index, place in enumerate(best)
    ]
    return xr.Dataset(
        {
            "distance": distance.assign_attrs(long_name="distance to the published tables", units="1"),
            "chosen": ("shape", np.array(chosen, dtype=object)),
            "validated": xr.concat(validated, "shape"),
            "yardstick": yardstick,
        }
    )


def _yardstick(published: xr.DataArray) -> xr.DataArray:
    """Return how far the published tables of each shape (shape) lie from those of the other shapes, on average."""
    distances = total_variation(published, published.rename(shape="other"))
    return distances.where(distances["shape"] != distances["other"]).mean(["other", "lr", "module"])
