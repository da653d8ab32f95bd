"""What the report shows of a point that was recorded in full."""

import numpy as np
import xarray as xr
from matplotlib import figure as mpl

from lrscope import figures
from lrscope.papers.boundary._point import PIXEL, POINT
from lrscope.papers.boundary._score import CONVERGED
from lrscope.studies import Figure, Section, Table, dataset_of

TEXT = (
    "The training of the point and those of pixels next to it on the other side of the edge, again and in full: with "
    "weights, gradients and activations at every step, all in the file of records."
)


def point_sections(results: xr.DataTree) -> list[Section]:
    """Return the section on the point, if one was recorded."""
    return [Section("What a point did", TEXT, [FIGURE, TABLE])] if POINT in results.children else []


def _draw(results: xr.DataTree) -> mpl.Figure:
    node = dataset_of(results, POINT)
    arrays = {"Loss": node["loss"], "Sharpness": node["sharpness"].rename(step_sharpness="step")}
    arrays |= {
        f"Distance of the {quantity}": node["distance"].sel(quantity=quantity, drop=True)
        for quantity in node["quantity"].values.tolist()
    }
    arrays = {title: array.where(np.isfinite(array) & (array > 0)) for title, array in arrays.items()}
    return figures.panels(arrays, hue=PIXEL)


def _rows(results: xr.DataTree) -> xr.Dataset:
    return dataset_of(results, POINT).drop_dims(["step", "step_sharpness", "quantity"])


FIGURE = Figure(
    "point",
    "Where they part",
    "Losses, and the sharpness over its limit of stability (dashed: 1). Distances are those from the point, or from "
    "the last pixel before the edge, as shares of the length of its weights, gradients, and mean activations.",
    _draw,
)
TABLE = Table(
    "point",
    "The point and the pixels across the edge",
    _rows,
    columns={
        "pixel": "pixel",
        "x": "x",
        "y": "y",
        "mapped": "trains on the map",
        CONVERGED: "trains here",
        "far": "weights differ by 1% from step",
        "very_far": "by 10%",
        "factor": "losses by a factor of 2",
        "unstable": "sharpness above its limit from step",
    },
    note="x and y in the units of the axes; each step is the first at which that is so.",
)
