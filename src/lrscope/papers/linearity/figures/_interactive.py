"""The scatter of the law with a slider for the number of trainings: an image of the points for each, not the points."""

import base64
import io
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from matplotlib.colors import LogNorm
from PIL import Image
from plotly.subplots import make_subplots

from lrscope.errors import must_be
from lrscope.figures._interactive import _AXIS, _LAYOUT
from lrscope.figures._style import FAINT, INK, ORDERED, SOFT, axis_label, require
from lrscope.papers.linearity.figures._density import Limits, counted, limits_of
from lrscope.papers.linearity.figures._noise import AHEAD, COLOURS, round_numbers
from lrscope.papers.linearity.figures._scatter import LEAST, fitted_ends, law_marks

DIMS = ("replicates", "sample", "output")
HEIGHT = 560
"""Pixels."""
ZOOM = 3
"""Pixels of a cell along each side: browsers blur what they enlarge."""
FITTED, SO_FAR = 1, 3
"""Places of the traces that move."""


def interactive_law(deltas: xr.Dataset, course: xr.Dataset, law: xr.Dataset) -> go.Figure:
    """Return the scatter of the law and R² beside it, with a slider for the number of trainings that are averaged.

    Parameters
    ----------
    deltas : Dataset (replicates, sample, output) of `analysis.deltas`: ``x`` and ``y``
    course : Dataset (replicates) of `analysis.law_by_replicates`, at the same numbers
    law : Dataset of scalars of `analysis.law`, of which ``expected_slope`` is read

    Returns
    -------
    plotly Figure : the points of each number are an image, a few kilobytes however many they are

    Raises
    ------
    InputError : other dimensions, or other numbers of trainings.
    """
    require("deltas", deltas, *DIMS)
    require("course", course, "replicates")
    numbers = deltas["replicates"].values
    if not np.array_equal(numbers, course["replicates"].values):
        raise must_be("course", "at the replicates of deltas", course["replicates"].values.tolist())
    limits = limits_of(deltas["x"].values.ravel(), deltas["y"].values.ravel())
    x, y = (deltas[name].transpose(*DIMS).values.reshape(len(numbers), -1) for name in ("x", "y"))
    pictures = _pictures(x, y, limits)
    slopes = course["slope"].values.tolist()
    ends = [
        fitted_ends(*points, slope, limits[:2])[1] for points, slope in zip(zip(x, y, strict=True), slopes, strict=True)
    ]
    figure = make_subplots(1, 2, horizontal_spacing=0.1, column_widths=[0.58, 0.42])
    figure.add_traces(_lines(law, limits, ends[-1]), rows=1, cols=1)
    figure.add_traces(_course(course), rows=1, cols=2)
    figure.add_layout_image(_placed(pictures[-1], limits))
    steps = [_step(course.isel(replicates=slice(n + 1)), pictures[n], ends[n]) for n in range(len(numbers))]
    _axes(figure, deltas, course, limits)
    margin = {"l": 65, "r": 15, "t": 45, "b": 20}
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.01, "yanchor": "bottom"}
    layout = {"height": HEIGHT, "margin": margin, "legend": legend, "sliders": [_slider(steps)]}
    return figure.update_layout(_LAYOUT | layout)


def _pictures(x: np.ndarray, y: np.ndarray, limits: Limits) -> list[str]:
    """Return the density at each number of trainings as the address of a PNG that holds itself, all with one scale."""
    counts = [counted(*of, limits) for of in zip(x, y, strict=True)]
    norm = LogNorm(1, max(float(counts[-1].max() or 1), 2), clip=True)
    return [_address((ORDERED(norm(of)) * 255).astype(np.uint8)) for of in counts]


def _address(cells: np.ndarray) -> str:
    cells[..., :3][cells[..., 3] == 0] = 255
    picture = Image.fromarray(cells[::-1].repeat(ZOOM, 0).repeat(ZOOM, 1)).quantize(64)
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _placed(source: str, limits: Limits) -> dict[str, Any]:
    left, right, bottom, top = limits
    size: dict[str, Any] = {"sizex": right - left, "sizey": top - bottom, "sizing": "stretch"}
    return {"source": source, "xref": "x", "yref": "y", "x": left, "y": top, "layer": "below", **size}


def _lines(law: xr.Dataset, limits: Limits, ends: np.ndarray) -> list[go.Scatter]:
    across = np.array(limits[:2])
    expected, fitted = (str(mark.get_label()) for mark in law_marks(law))
    look: dict[str, Any] = {"mode": "lines", "hoverinfo": "skip"}
    dashed = {"color": INK, "width": 1, "dash": "dash"}
    return [
        go.Scatter(x=across, y=float(law["expected_slope"]) * across, name=expected, line=dashed, **look),
        go.Scatter(x=across, y=ends, name=fitted, line={"color": LEAST["color"], "width": 1.2}, **look),
    ]


def _course(course: xr.Dataset) -> list[go.Scatter]:
    numbers, found = course["replicates"].values, course["r2"].values
    dashed = {"color": SOFT, "width": 1, "dash": "dash"}
    told = {"hovertemplate": "%{x} trainings<br>R² %{y:.4f}<extra></extra>"}
    return [
        go.Scatter(x=numbers, y=course["r2_expected"].values, mode="lines", line=dashed, name="expected R²", **told),
        go.Scatter(x=numbers, y=found, mode="markers", marker={"color": COLOURS[0], "size": 6}, name="found", **told),
    ]


def _step(course: xr.Dataset, picture: str, ends: np.ndarray) -> dict[str, Any]:
    """Return a step of the slider: another image, another line, R² so far."""
    numbers = course["replicates"].values.tolist()
    told = f"{numbers[-1]:,}, R² {float(course['r2'][-1]):.4f}"
    moves = [
        {"y": [ends.tolist(), course["r2"].values.tolist()]},
        {"images[0].source": picture},
        [FITTED, SO_FAR],
    ]
    return {"label": told, "method": "update", "args": moves}


def _slider(steps: list[dict[str, Any]]) -> dict[str, Any]:
    shown = {"prefix": "trainings at each rate: ", "xanchor": "left", "font": {"size": 14, "color": INK}}
    look = {"bgcolor": FAINT, "bordercolor": SOFT, "ticklen": 0, "minorticklen": 0}
    hidden = {"color": "rgba(0,0,0,0)", "size": 1}
    place = {"x": 0, "len": 1, "pad": {"t": 60}, "active": len(steps) - 1}
    return {"steps": steps, "currentvalue": shown, "font": hidden} | look | place


def _axes(figure: go.Figure, deltas: xr.Dataset, course: xr.Dataset, limits: Limits) -> None:
    zero = {"zeroline": True, "zerolinecolor": FAINT}
    for update, name, ends in ((figure.update_xaxes, "x", limits[:2]), (figure.update_yaxes, "y", limits[2:])):
        update(**_AXIS | zero, title=axis_label(deltas[name]), range=list(ends), row=1, col=1)
    numbers, known = course["replicates"].values, course[["r2", "r2_expected"]].to_dataarray().values
    ends = numbers[0] / AHEAD, numbers[-1] * AHEAD
    ticks: dict[str, Any] = {"tickvals": round_numbers(*ends), "range": np.log10(ends).tolist()}
    figure.update_xaxes(**_AXIS, type="log", title="trainings at each rate", **ticks, row=1, col=2)
    low, high = np.nanmin(known), np.nanmax(known)
    span = [float(low - 0.05 * (high - low)), float(high + 0.05 * (high - low))]
    figure.update_yaxes(**_AXIS | {"showgrid": True, "gridcolor": FAINT}, title="R²", range=span, row=1, col=2)
