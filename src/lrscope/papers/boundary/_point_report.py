"""What the report says and shows of a point that was recorded in full."""

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr
from matplotlib import figure as mpl

from lrscope import figures
from lrscope.papers.boundary._point import PIXEL, POINT
from lrscope.papers.boundary._score import CONVERGED
from lrscope.studies import Figure, Section, Table, dataset_of
from lrscope.studies._words import rate

TEXT = (
    "The training of the point and those of pixels next to it on the other side of the edge, again and in full: with "
    "weights, gradients and activations at every step, all in the file of records."
)


def point_text(results: xr.DataTree) -> list[str]:
    """Return what became of the point, and where the trainings across the edge leave its own; often nothing."""
    return list(_text(dataset_of(results, POINT))) if POINT in results.children else []


def point_sections(results: xr.DataTree) -> list[Section]:
    """Return the section on the point, if one was recorded."""
    return [Section("What a point did", TEXT, [FIGURE, TABLE])] if POINT in results.children else []


def _text(node: xr.Dataset) -> Iterator[str]:
    names = node["x"].attrs["long_name"], node["y"].attrs["long_name"]
    place = [f"{rate(float(node[dim][0]))} ({name})" for name, dim in zip(names, ("x", "y"), strict=True)]
    outcome = "trains" if bool(node[CONVERGED][0]) else "does not train"
    text = f"The point at {place[0]} and {place[1]} {outcome}"
    reference = node.isel({PIXEL: node.attrs["reference"]})
    others = [number for number in range(node.sizes[PIXEL]) if bool(node["mapped"][number] != node["mapped"][0])]
    if not others:
        yield f"{text}; the map has no edge."
        return
    other = node.isel({PIXEL: others[0]})
    beside = f"({rate(float(other['x']))}, {rate(float(other['y']))})"
    who = "the point"
    if node.attrs["reference"]:
        who = "the pixel before the edge"
        text += (
            f". The edge nearest to it lies between ({rate(float(reference['x']))}, {rate(float(reference['y']))}) and"
        )
        text += f" {beside}. "
    else:
        text += f"; its neighbour at {beside}, across the edge, {'trains' if bool(other[CONVERGED]) else 'does not'}. "
    parted = [
        f"{what} {f'from step {int(other[name])} on' if math.isfinite(other[name]) else 'at no step'}"
        for name, what in (
            ("far", f"The weights across the edge differ from those of {who} by 1%"),
            ("very_far", "by 10%"),
            ("factor", "the losses by a factor of 2"),
        )
    ]
    unstable = {f"at {who}": float(reference["unstable"]), "across the edge": float(other["unstable"])}
    sharp = [f"{where} from step {step:.0f} on" for where, step in unstable.items() if math.isfinite(step)]
    limit = f" The sharpness is above its limit of stability {' and '.join(sharp)}." if sharp else ""
    yield f"{text}{', '.join(parted)}.{limit}"
    again = int((node["mapped"] != node[CONVERGED]).sum())
    if again:
        yield (
            f"{again} of the {node.sizes[PIXEL]} recorded trainings ended otherwise than on the map: so close to the "
            "edge the outcome depends on rounding."
        )


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
