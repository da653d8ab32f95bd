"""The numbers of the answer; its sentences are a template."""

from typing import Any

import numpy as np
import xarray as xr

from lrscope.papers.boundary._options import LARGEST_NULL
from lrscope.papers.boundary._point import PIXEL, POINT
from lrscope.papers.boundary._results import DIMENSION, EDGE, FIRST, LINE, MEAN, NULL, NULL_MAP, Results, frames_of
from lrscope.papers.boundary._score import CONVERGED
from lrscope.studies._prose import numbers, paragraphs

PARTS = {"tile": "part"}
"""How people call over what an interval is taken."""


def summary(results: Results, _options: Any) -> list[str]:
    """Return the answer, one text a paragraph."""
    line, first = results[LINE], frames_of(results)[0]
    label = str(line["rate"].attrs["long_name"])
    nodes = (EDGE, DIMENSION, FIRST, NULL, MEAN)
    dimension = results[DIMENSION] if DIMENSION in results.children else None
    return paragraphs(
        "papers/boundary/summary.txt.j2",
        **{name: numbers(results[name]) if name in results.children else {} for name in nodes},
        diagonal=is_diagonal(line),
        label=label,
        what="rate" if "learning rate" in label else label,
        other=first["y" if label == first["x"].attrs["long_name"] else "x"].attrs["long_name"],
        value=float(line["other"][0]),
        last=float(line["rate"][-1]),
        crossings=line["crossings"].values.tolist(),
        over="" if dimension is None else dimension.attrs["over"],
        parts=PARTS,
        units=0 if dimension is None else int(dimension["units"]),
        null_size=results[NULL_MAP].sizes["x"] if NULL_MAP in results.children else 0,
        largest_null=LARGEST_NULL,
        frames=len(frames_of(results)),
        sizes=first.sizes,
        condition=first.attrs["condition"],
        offset=first.attrs.get("offset"),
        share=float(first["trained"].mean()),
        point=_point(results[POINT].to_dataset()) if POINT in results.children else {},
    )


def _point(node: xr.Dataset) -> dict[str, Any]:
    """Return the numbers of the recorded point, of what it is compared with, and of a pixel across the edge."""
    pixels = node.drop_dims([dim for dim in node.dims if dim != PIXEL])
    across = np.flatnonzero(node["mapped"] != node["mapped"][0])
    return {
        "here": numbers(pixels.isel({PIXEL: 0})),
        "reference": numbers(pixels.isel({PIXEL: node.attrs["reference"]})),
        "other": numbers(pixels.isel({PIXEL: across[0]})) if len(across) else {},
        "names": [node[dim].attrs["long_name"] for dim in ("x", "y")],
        "adjacent": not node.attrs["reference"],
        "count": node.sizes[PIXEL],
        "again": int((node["mapped"] != node[CONVERGED]).sum()),
    }


def is_diagonal(line: Any) -> bool:
    """Tell whether both coordinates of a line are equal."""
    return bool(np.allclose(line["rate"], line["other"]))
