"""Figures one can ask: hover a neuron, choose a shape. Plotly figures; the report puts them into its page."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import xarray as xr
from plotly.subplots import make_subplots

from lrscope.errors import must_be
from lrscope.figures._reconstruction import MARGIN, ORIGINAL
from lrscope.figures._style import (
    FAINT,
    INK,
    SOFT,
    axis_label,
    colours,
    layer_lines,
    rate_name,
    require,
    sentence,
    value_label,
)
from lrscope.records import step_dimension

HEIGHT = 430
"""Pixels."""
DIGITS = 4
"""Digits behind the point of what can be chosen from a menu: it is text in the page."""
_AXIS = {"showgrid": False, "zeroline": False, "linecolor": SOFT, "ticks": "outside", "tickcolor": SOFT}
_LAYOUT: dict[str, Any] = {
    "template": "none",
    "font": {"family": "system-ui, sans-serif", "size": 13, "color": INK},
    "margin": {"l": 60, "r": 20, "t": 60, "b": 50},
    "height": HEIGHT,
    "hoverlabel": {"bgcolor": "white"},
    "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
}

ABOVE: dict[str, Any] = {"margin": {"l": 60, "r": 20, "t": 100, "b": 60}, "height": HEIGHT + 50}
"""Room for menus above the legend: with many learning rates it is as wide as the figure."""


def interactive_fluctuation(fluctuations: Mapping[str, xr.DataArray], edges: Sequence[float] = (0.3, 0.7)) -> go.Figure:
    """Return the fluctuation of every neuron, with menus for shape and quantity; hovering names layer and neuron.

    Parameters
    ----------
    fluctuations : quantity -> DataArray (shape, lr, neuron) with the coordinates ``layer`` and ``index``
    edges : drawn as lines

    Returns
    -------
    plotly Figure : a trace for each quantity and learning rate

    Raises
    ------
    InputError : other dimensions, or no quantity.
    """
    if not fluctuations:
        raise must_be("fluctuations", "one array or more, by quantity", dict(fluctuations))
    for quantity, values in fluctuations.items():
        require(quantity, values, "shape", "lr", "neuron")
    first, quantities = next(iter(fluctuations.values())), list(fluctuations)
    figure = go.Figure(layout=_LAYOUT)
    for quantity, values in fluctuations.items():
        for lr, colour in colours(values["lr"].values).items():
            figure.add_trace(_neurons(values.sel(lr=lr).isel(shape=0), lr, colour, quantity == quantities[0]))
    figure.update_xaxes(_layer_axis(first))
    figure.update_yaxes(**_AXIS, title=axis_label(first), range=[-0.03, 1.05])
    for edge in edges:
        figure.add_hline(edge, line={"color": SOFT, "width": 1, "dash": "dot"})
    of_shapes = [
        _button(shape, "restyle", [_of_shape(fluctuations, shape)]) for shape in first["shape"].values.tolist()
    ]
    of_quantities = [_button(name, "update", _of_quantity(fluctuations, name)) for name in quantities]
    return figure.update_layout(ABOVE, updatemenus=[_menu(of_shapes, 0, 1.12), _menu(of_quantities, 0.2, 1.12)])


def interactive_curves(summary: xr.Dataset, panels: str = "shape", log: bool = True) -> go.Figure:
    """Return curves over the steps, one line a learning rate with its band, with a menu for the shape.

    Parameters
    ----------
    summary : Dataset (panels, lr, step) with ``mean``, ``low`` and ``high``, of `lrscope.analysis.over_seeds`
    panels : what the menu offers
    log : logarithmic vertical axis, where positive values spread over a factor of 10 or more

    Returns
    -------
    plotly Figure : a band and a line for each label of `panels` and each learning rate

    Raises
    ------
    InputError : other dimensions.
    """
    dim = step_dimension(summary)
    require("summary", summary, panels, "lr", dim)
    labels = summary[panels].values.tolist()
    figure = go.Figure(layout=_LAYOUT)
    for place in range(len(labels)):
        for lr, colour in colours(summary["lr"].values).items():
            figure.add_traces(_band_and_line(summary.isel({panels: place}).sel(lr=lr), lr, colour, place == 0))
    figure.update_xaxes(**_AXIS, title=axis_label(summary[dim]))
    axes = [_vertical(summary["mean"].isel({panels: place}), log) for place in range(len(labels))]
    figure.update_yaxes(**_AXIS, title=axis_label(summary["mean"]), exponentformat="none", **axes[0])
    each = len(figure.data) // len(labels)
    return figure.update_layout(ABOVE, updatemenus=[_menu(_choices(labels, each, axes), 0, 1.12)])


def interactive_reconstructions(
    outputs: xr.DataArray, targets: xr.DataArray, error: xr.DataArray | None = None
) -> go.Figure:
    """Return original and reconstruction beside each other for each learning rate, with a menu for the shape.

    Parameters
    ----------
    outputs, targets : (shape, lr, sample, output), with two outputs: x and y
    error : (shape, lr), named when hovering

    Returns
    -------
    plotly Figure : an original and a reconstruction for each shape and learning rate

    Raises
    ------
    InputError : other dimensions.
    """
    require("outputs", outputs, "shape", "lr", "sample", "output")
    require("targets", targets, "shape", "lr", "sample", "output")
    palette = colours(outputs["lr"].values)
    shapes = outputs["shape"].values.tolist()
    titles = [rate_name(lr) for lr in palette]
    figure = make_subplots(1, len(palette), subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.02)
    for place in range(len(shapes)):
        for column, (lr, colour) in enumerate(palette.items(), start=1):
            here = {"outputs": outputs.isel(shape=place).sel(lr=lr), "targets": targets.isel(shape=place).sel(lr=lr)}
            of_member = None if error is None else error.isel(shape=place).sel(lr=lr)
            for trace in _points(here["outputs"], here["targets"], of_member, colour, place == 0):
                figure.add_trace(trace, 1, column)
    figure.update_xaxes(visible=False, range=[-MARGIN, MARGIN])
    figure.update_yaxes(visible=False, range=[-MARGIN, MARGIN], scaleanchor="x", scaleratio=1)
    return figure.update_layout(
        _LAYOUT | {"showlegend": False, "margin": {"l": 20, "r": 20, "t": 90, "b": 10}},
        updatemenus=[_menu(_choices(shapes, 2 * len(palette)), 0, 1.1)],
    )


def _neurons(values: xr.DataArray, lr: Hashable, colour: str, visible: bool) -> go.Scatter:
    names = [
        f"{layer}, neuron {index}" for layer, index in zip(values["layer"].values, values["index"].values, strict=True)
    ]
    return go.Scatter(
        y=_short(values), mode="markers", marker={"color": colour, "size": 6, "opacity": 0.8}, text=names,
        name=_rate_name(lr, values), visible=visible, hovertemplate="%{text}<br>%{y:.3f}",
    )  # fmt: skip


def _layer_axis(values: xr.DataArray) -> dict[str, Any]:
    """Return an axis over the neurons with a label in the middle of each layer."""
    layers = values["layer"].values
    starts = np.flatnonzero(np.r_[True, layers[1:] != layers[:-1]])
    middles = (starts + np.r_[starts[1:], len(layers)] - 1) / 2
    grid = {"showgrid": False, "zeroline": False, "showline": True, "linecolor": SOFT, "ticks": ""}
    between = {
        "minor": {
            "tickmode": "array",
            "tickvals": (starts[1:] - 0.5).tolist(),
            "showgrid": True,
            "gridcolor": "#cfcfcf",
        }
    }
    names = {
        "tickmode": "array",
        "tickvals": middles.tolist(),
        "ticktext": [layer_lines(layer).replace("\n", "<br>") for layer in layers[starts].tolist()],
        "tickangle": 0,
        "title": {"text": "neurons by layer", "standoff": 12},
    }
    return grid | between | names | {"range": [-2, len(layers) + 1]}


def _of_shape(fluctuations: Mapping[str, xr.DataArray], shape: Hashable) -> dict[str, list[Any]]:
    """Return the new data of all traces, visible or not."""
    rows = [
        (lr, values.sel(shape=shape, lr=lr)) for values in fluctuations.values() for lr in colours(values["lr"].values)
    ]
    return {"y": [_short(row) for _, row in rows], "name": [_rate_name(lr, row) for lr, row in rows]}


def _of_quantity(fluctuations: Mapping[str, xr.DataArray], chosen: str) -> list[dict[str, Any]]:
    visible = [quantity == chosen for quantity, values in fluctuations.items() for _ in range(values.sizes["lr"])]
    values = fluctuations[chosen]
    return [{"visible": visible}, {"xaxis": _layer_axis(values), "yaxis.title.text": axis_label(values)}]


def _band_and_line(summary: xr.Dataset, lr: Hashable, colour: str, visible: bool) -> list[go.Scatter]:
    dim = step_dimension(summary)
    steps, known = summary[dim].values, np.isfinite(summary["low"].values)
    there_and_back = np.r_[steps[known], steps[known][::-1]]
    ends = np.r_[summary["high"].values[known], summary["low"].values[known][::-1]].astype(np.float32)
    name, group = rate_name(lr), str(lr)
    band = go.Scatter(
        x=there_and_back, y=ends, fill="toself", fillcolor=colour, opacity=0.2, line={"width": 0}, mode="lines",
        hoverinfo="skip", showlegend=False, legendgroup=group, name=name, visible=visible,
    )  # fmt: skip
    values = summary["mean"].values.astype(np.float32)
    hover = "step %{x}<br>%{y:.3g}"
    line = go.Scatter(
        x=steps, y=values, mode="lines", line={"color": colour, "width": 2}, name=_rate_name(lr, summary["mean"]),
        legendgroup=group, visible=visible, hovertemplate=hover,
    )  # fmt: skip
    return [band, line]


def _points(
    outputs: xr.DataArray, targets: xr.DataArray, error: xr.DataArray | None, colour: str, visible: bool
) -> list[go.Scatter]:
    x, y = targets.transpose("output", "sample").values.astype(np.float32)
    original = go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"color": ORIGINAL, "size": 6},
        name="original",
        hoverinfo="skip",
        visible=visible,
    )
    x, y = outputs.transpose("output", "sample").values.astype(np.float32)
    told = "" if error is None else f"<br>{axis_label(error)} {float(error):.2g}"
    sample = np.arange(len(x))
    marker = {"color": colour, "size": 3.5}
    made = go.Scatter(
        x=x, y=y, mode="markers", marker=marker, customdata=sample, name="reconstruction", visible=visible,
        hovertemplate="sample %{customdata}" + told,
    )  # fmt: skip
    return [original, made]


def _short(values: xr.DataArray) -> list[float | None]:
    return [round(value, DIGITS) if np.isfinite(value) else None for value in values.values.tolist()]


def _rate_name(lr: Hashable, values: xr.DataArray) -> str:
    return rate_name(lr) + ("" if values.notnull().any() else " (diverged)")


def _choices(
    labels: Sequence[Hashable], each: int, axes: Sequence[Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Return a button for each label that shows its `each` traces alone, on axes of its own if they are given."""
    traces = range(each * len(labels))
    shown = [{"visible": [index // each == place for index in traces]} for place in range(len(labels))]
    if axes is None:
        return [_button(label, "restyle", [one]) for label, one in zip(labels, shown, strict=True)]
    moved = [{f"yaxis.{key}": value for key, value in axis.items()} | {"yaxis.autorange": True} for axis in axes]
    return [_button(label, "update", [one, to]) for label, one, to in zip(labels, shown, moved, strict=True)]


def _vertical(values: xr.DataArray, log: bool) -> dict[str, Any]:
    """Return scale and ticks of an axis: 1, 2, 5 of each power of ten, or the powers alone if there are many."""
    known = values.values[np.isfinite(values.values)]
    if not log or not len(known) or known.min() <= 0 or known.max() < 10 * known.min():
        return {"type": "linear", "tickmode": "auto", "tickvals": None, "ticktext": None}
    decades = np.arange(np.floor(np.log10(known.min())), np.ceil(np.log10(known.max())) + 1)
    steps: tuple[float, ...] = (1, 2, 5) if len(decades) <= 5 else (1,)
    ticks = [float(f"{step}e{int(decade)}") for decade in decades for step in steps]
    return {"type": "log", "tickmode": "array", "tickvals": ticks, "ticktext": list(map(value_label, ticks))}


def _button(label: Hashable, method: str, args: list[dict[str, Any]]) -> dict[str, Any]:
    return {"label": sentence(value_label(label)), "method": method, "args": args}


def _menu(buttons: list[dict[str, Any]], x: float, y: float = 1.02) -> dict[str, Any]:
    place = {"x": x, "xanchor": "left", "y": y, "yanchor": "bottom", "pad": {"b": 8}}
    return {"buttons": buttons, "bgcolor": "white", "bordercolor": FAINT, "showactive": True} | place
