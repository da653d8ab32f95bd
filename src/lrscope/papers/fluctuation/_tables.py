"""Binned fluctuations, as in the tables of the paper's appendix, and what was published there."""

import importlib.resources
import json
from typing import Any

import pandas as pd
import xarray as xr

QUANTITIES = {
    "weights": "Weights",
    "biases": "Biases",
    "activations": "Activations",
    "weight_gradients": "GradWeights",
    "bias_gradients": "GradBiases",
}
"""Name of each quantity here -> in the paper."""
PARTS = ("encoder", "decoder")
BINS = ("0 to 0.3", "0.3 to 0.7", "0.7 to 1")
LRS = (0.0001, 0.001, 0.01)
SHAPES = ("triangle", "square", "pentagon", "hexagon", "heptagon", "octagon", "circle")
"""The shapes whose tables have text in the source; those of the spiral are pictures."""


def published_counts() -> dict[str, xr.DataArray]:
    """Return the published counts of each quantity, (shape, lr, part, bin); NaN where the source has no row.

    The source counted the square twice; shares are not affected.
    """
    file = importlib.resources.files("lrscope.papers.fluctuation").joinpath("published.json")
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return {ours: _table([row for row in rows if row["quantity"] == theirs]) for ours, theirs in QUANTITIES.items()}


def _table(rows: list[dict[str, Any]]) -> xr.DataArray:
    frame = pd.DataFrame(rows).set_index(["shape", "lr", "part"])[["low", "middle", "high"]]
    table: xr.DataArray = frame.set_axis(list(BINS), axis=1).rename_axis("bin", axis=1).stack().to_xarray()
    table = table.reindex(shape=list(SHAPES), lr=list(LRS), part=list(PARTS), bin=list(BINS)).astype(float)
    return table.assign_attrs(long_name="published number of neurons", units="neurons")


def shares(counts: xr.DataArray) -> xr.DataArray:
    """Return counts (..., bin) divided by their sum; NaN where there are none.

    Examples
    --------
    >>> shares(xr.DataArray([8, 1, 1], dims="bin")).values.tolist()
    [0.8, 0.1, 0.1]
    """
    total = counts.sum("bin", skipna=False)
    return counts / total.where(total > 0)


def total_variation(counts: xr.DataArray, other: xr.DataArray) -> xr.DataArray:
    """Return half the sum of the differences of the shares of two binned rows: 0 if equal, 1 if disjoint.

    Labels that only one of them has are left out; the result is NaN where one of them is empty.

    Examples
    --------
    >>> ours, theirs = (xr.DataArray(counts, dims="bin") for counts in ([8, 1, 1], [6, 3, 1]))
    >>> round(float(total_variation(ours, theirs)), 6)
    0.2
    """
    first, second = xr.align(shares(counts), shares(other), join="inner")
    distance = abs(first - second).sum("bin", skipna=False) / 2
    return distance.assign_attrs(long_name="total-variation distance", units="1")
