"""Curves of several quantities over the steps, a colour for each learning rate, with bands over the seeds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.errors import must_be
from lrscope.figures._curves import curves
from lrscope.figures._panels import panel_grid
from lrscope.figures._rate_axis import headline, nothing_known, spreads, value_axis, wrapped
from lrscope.figures._style import INK, WIDTH, axis_label, colours, figure_of, new_axes, rate_text, require, style
from lrscope.records import step_dimension

PANEL = 1.75
"""Inches: height of a panel."""
NAMED = 6
"""Learning rates with a legend; more have a colour bar."""
POINTS = 1200
"""Of a curve; of more steps, those evenly spread."""
ESCAPED = 1e3
"""A loss above this multiple of the first one: what comes later would hide the rest of an axis."""


def rate_bands(
    centre: xr.DataArray,
    low: xr.DataArray,
    high: xr.DataArray,
    members: xr.DataArray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a quantity over the steps: a line for each learning rate with a band over the seeds.

    Parameters
    ----------
    centre, low, high : (lr, step); NaN where no seed is left. Logarithmic if the values spread, see ``attrs["scale"]``
    members : (lr, step) number of seeds behind each value, if some diverge on the way
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : a circle where a rate loses its first seed, a cross where its last one ended, on the edge if that is beyond
        the axis; of more than 1200 steps those evenly spread; legend above, or a colour bar from 7 rates on

    Raises
    ------
    InputError : other dimensions.
    """
    with style():
        ax = ax or new_axes(WIDTH * 0.6, 2.6)
        lost = _draw(ax, centre, low, high, members)
        name_rates(figure_of(ax), [ax], centre, lost)
    return ax


def rate_band_panels(quantities: Mapping[str, xr.Dataset], columns: int = 2) -> Figure:
    """Draw `rate_bands` of several quantities as panels with one legend.

    Parameters
    ----------
    quantities : title -> Dataset (lr, step) with ``centre``, ``low``, ``high`` and, if seeds diverge on the way,
        ``members``
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions, or no quantity.
    """
    if not quantities:
        raise must_be("quantities", "one or more, by title", dict(quantities))
    with style():
        figure, axes, _ = panel_grid(len(quantities), columns, PANEL)
        lost = False
        for ax, (title, parts) in zip(axes, quantities.items(), strict=True):
            lost |= _draw(ax, parts["centre"], parts["low"], parts["high"], parts.get("members"))
            ax.set_title(headline(title))
        for place, ax in enumerate(axes):
            ax.set_xlabel(ax.get_xlabel() if place + columns >= len(axes) else "")
            ax.set_ylabel(
                "" if ax.get_ylabel().lower() == ax.get_title("left").lower() else wrapped(ax.get_ylabel(), 26)
            )
        name_rates(figure, axes, next(iter(quantities.values()))["centre"], lost)
    return figure


def name_rates(figure: Figure, axes: list[Axes], array: xr.DataArray, lost: bool) -> None:
    """Name the colours of the learning rates: a legend above, or a colour bar beside if there are many.

    Parameters
    ----------
    array : with the coordinate ``lr``
    lost : also explain the marks of seeds that diverged
    """
    palette, marks = colours(array["lr"].values), _marks() if lost else []
    rates = [float(str(lr)) for lr in palette]
    if len(palette) > NAMED:
        edges = np.arange(len(palette) + 1) - 0.5
        drawn = ScalarMappable(BoundaryNorm(edges, len(palette)), ListedColormap(list(palette.values())))
        bar = figure.colorbar(drawn, ax=axes, pad=0.015, aspect=30, ticks=range(len(palette)))
        bar.ax.set_yticklabels([rate_text(rate) for rate in rates])
        bar.ax.tick_params(length=0)
        bar.set_label(axis_label(array["lr"]))
        bar.outline.set_visible(False)
        handles = marks
    else:
        lines = zip(palette.values(), rates, strict=True)
        handles = [Line2D([], [], color=colour, label=f"lr {rate_text(rate)}") for colour, rate in lines] + marks
    if not handles:
        return
    per_row = int(figure.get_figwidth() / 1.15)
    if len(axes) == 1:
        look: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
        axes[0].legend(handles=handles, ncols=min(per_row, len(handles)), **look)
    else:
        figure.legend(handles=handles, loc="outside upper right", ncols=min(per_row, len(handles)))


def _draw(ax: Axes, centre: xr.DataArray, low: xr.DataArray, high: xr.DataArray, members: xr.DataArray | None) -> bool:
    """Draw lines, bands and marks; return whether a seed was lost."""
    dim = step_dimension(centre)
    for name, array in {"centre": centre, "low": low, "high": high}.items():
        require(name, array, "lr", dim)
    kept = _evenly(centre.sizes[dim])
    summary = xr.Dataset({"mean": centre, "low": low, "high": high}).isel({dim: kept})
    curves(summary, log=False, legend=False, ax=ax)
    if not nothing_known(ax, centre.values) and spreads(centre):
        value_axis(ax, _in_view(centre.transpose("lr", dim).values))
    return _mark_losses(ax, summary["mean"], None if members is None else members.isel({dim: kept}))


def _in_view(lines: np.ndarray) -> np.ndarray:
    """Return the values (lr, step) that decide how far an axis goes: not those of a rate that escapes."""
    started = lines[:, 0][np.isfinite(lines[:, 0])]
    return lines[lines <= ESCAPED * started.min()] if len(started) else lines


def _evenly(steps: int) -> np.ndarray:
    return np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).round().astype(int))


def _mark_losses(ax: Axes, centre: xr.DataArray, members: xr.DataArray | None) -> bool:
    """Mark on each line where the first seed was lost and where the last one ended; return whether there was one.

    Where that is beyond the axis, the mark stands on its edge.
    """
    dim, marked, (bottom, top) = step_dimension(centre), False, ax.get_ylim()
    steps = centre[dim].values
    for lr, colour in colours(centre["lr"].values).items():
        values = centre.sel(lr=lr).clip(bottom, top).values
        known = np.flatnonzero(np.isfinite(values))
        if not len(known):
            continue
        counts = values * 0 if members is None else members.sel(lr=lr).values
        fewer = np.flatnonzero((counts < np.nanmax(counts)) & np.isfinite(values))[:1]
        look: dict[str, Any] = {"color": colour, "linestyle": "none", "zorder": 5, "clip_on": False}
        if len(fewer):
            ax.plot(steps[fewer], values[fewer], "o", markersize=4, markerfacecolor="white", gid="first lost", **look)
        if known[-1] < len(steps) - 1:
            ax.plot(steps[known[-1:]], values[known[-1:]], "x", markersize=5, gid="last lost", **look)
        marked |= bool(len(fewer)) or bool(known[-1] < len(steps) - 1)
    return marked


def _marks() -> list[Line2D]:
    look: dict[str, Any] = {"color": INK, "linestyle": "none"}
    first = Line2D([], [], marker="o", markersize=4, markerfacecolor="white", label="first seed diverged", **look)
    return [first, Line2D([], [], marker="x", markersize=5, label="last seed diverged", **look)]
