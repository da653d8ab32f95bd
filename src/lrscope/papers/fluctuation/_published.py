"""The tables of the paper's appendix, as labelled arrays."""

import importlib.resources
import json
from typing import Any

import numpy as np
import xarray as xr

QUANTITIES = {
    "weights": "Weights",
    "biases": "Biases",
    "activations": "Activations",
    "weight_gradients": "GradWeights",
    "bias_gradients": "GradBiases",
}
"""Our name of each quantity -> the paper's."""
PARTS = ("encoder", "decoder")
LRS = (0.0001, 0.001, 0.01)
SHAPES = ("triangle", "square", "pentagon", "hexagon", "heptagon", "octagon", "circle")
"""The shapes whose tables have text in the source; those of the spiral are figures only."""
LIMITS = {
    "weights": 0.09,
    "biases": 0.11,
    "activations": 0.09,
    "weight_gradients": 0.03,
    "bias_gradients": 0.05,
}
"""Largest mean distance to the published tables at which ours count as reproducing them."""


def published_counts() -> dict[str, xr.DataArray]:
    """Return the published counts of each quantity, (shape, lr, part, bin); NaN where the source has no row.

    The square was counted twice over in the source; shares are not affected.
    """
    file = importlib.resources.files("lrscope.papers.fluctuation").joinpath("published.json")
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return {ours: _table([row for row in rows if row["quantity"] == theirs]) for ours, theirs in QUANTITIES.items()}


def _table(rows: list[dict[str, Any]]) -> xr.DataArray:
    coords: dict[str, list[Any]] = {
        "shape": list(SHAPES),
        "lr": list(LRS),
        "part": list(PARTS),
        "bin": ["0 to 0.3", "0.3 to 0.7", "0.7 to 1"],
    }
    table = xr.DataArray(np.full([len(values) for values in coords.values()], np.nan), coords, tuple(coords))
    for row in rows:
        place = {name: row[name] for name in ("shape", "lr", "part")}
        table.loc[place] = [row["low"], row["middle"], row["high"]]
    return table.assign_attrs(long_name="published number of neurons", units="neurons")
