"""Measured against published: the share of neurons in one bin, for all shapes and quantities."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from lrscope.figures._panels import one_legend
from lrscope.figures._style import (
    SOFT,
    WIDTH,
    axis_label,
    bands,
    beside,
    colours,
    new_axes,
    new_figure,
    rate_marks,
    rate_name,
    require,
    sentence,
    style,
    value_label,
)

ROW = 1.3
"""Inches: height of a row of panels."""
DOT: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 3.6}
OPEN: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.9}
ASIDE = 0.6
"""Part of a shape's width over which its learning rates are spread."""


def against_published(
    measured: xr.Dataset, published: xr.DataArray, legend: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw measured shares (filled) beside published ones (open), joined by a line, for each shape and lr.

    Parameters
    ----------
    measured : Dataset (shape, lr) with ``mean``, ``low`` and ``high`` over the seeds; no interval where these are NaN
    published : (shape, lr); shapes that it lacks have no open mark
    legend : name the learning rates
    ax : to draw into; a new one by default

    Returns
    -------
    Axes

    Raises
    ------
    InputError : other dimensions.
    """
    require("measured", measured, "shape", "lr")
    require("published", published, "shape", "lr")
    palette = colours(measured["lr"].values)
    shapes = measured["shape"].values.tolist()
    known = published.reindex(shape=shapes, lr=list(palette))
    with style():
        ax = ax or new_axes(0.75 * WIDTH)
        bands(ax, len(shapes))
        for aside, (lr, colour) in zip(beside(len(palette), ASIDE), palette.items(), strict=True):
            here, there = measured.sel(lr=lr).transpose("shape"), known.sel(lr=lr).values
            places = np.arange(len(shapes)) + aside
            ax.vlines(places, here["mean"].values, there, color=colour, linewidth=0.6, alpha=0.7)
            ax.vlines(places, here["low"].values, here["high"].values, color=colour, linewidth=2, alpha=0.45)
            ax.plot(places, there, color=colour, label="published", **(DOT | OPEN))
            ax.plot(places, here["mean"].values, color=colour, label=rate_name(lr), **DOT)
        ax.set_xticks(range(len(shapes)), [value_label(shape) for shape in shapes])
        ax.tick_params(axis="x", labelrotation=35)
        for label in ax.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(_label(measured))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.grid(axis="y")
        if legend:
            ax.legend(handles=_handles(palette), loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def published_panels(measured: xr.Dataset, published: xr.DataArray) -> Figure:
    """Draw `against_published` for each quantity (rows) and part (columns).

    Parameters
    ----------
    measured : Dataset (quantity, part, shape, lr) with ``mean``, ``low`` and ``high`` over the seeds: the share of
        neurons in one bin, of `lrscope.analysis.shares`
    published : (quantity, part, shape, lr)

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions.
    """
    require("measured", measured, "quantity", "part", "shape", "lr")
    require("published", published, "quantity", "part", "shape", "lr")
    quantities, parts = measured["quantity"].values.tolist(), measured["part"].values.tolist()
    with style():
        figure = new_figure(WIDTH, ROW * len(quantities) + 0.6)
        axes = figure.subplots(len(quantities), len(parts), squeeze=False, sharex=True, sharey="row")
        for (i, j), ax in np.ndenumerate(axes):
            here = {"quantity": quantities[i], "part": parts[j]}
            against_published(measured.sel(here), published.sel(here), legend=False, ax=ax)
            ax.set_title(f"{sentence(quantities[i])}, {parts[j]}")
            ax.set_ylabel("")
        figure.supylabel(_label(measured), fontsize=7.5)
        one_legend(figure, _handles(colours(measured["lr"].values)), [])
    return figure


def _label(measured: xr.Dataset) -> str:
    in_bin = f" with a fluctuation of {measured['bin'].item()}" if "bin" in measured.coords else ""
    return axis_label(measured["mean"]) + in_bin


def _handles(palette: dict[Hashable, str]) -> list[Line2D]:
    measured = Line2D([], [], color=SOFT, label="measured", **DOT)
    published = Line2D([], [], color=SOFT, label="published", **(DOT | OPEN))
    return [*rate_marks(palette, **DOT), measured, published]
