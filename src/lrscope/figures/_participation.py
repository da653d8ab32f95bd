"""Which neurons take part: the share of inactive ones in each layer, at each learning rate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lrscope.figures._panels import one_legend, panel_grid
from lrscope.figures._style import (
    WIDTH,
    axis_label,
    bands,
    beside,
    colours,
    layer_lines,
    new_axes,
    rate_marks,
    rate_name,
    require,
    sentence,
    style,
)

PANEL = 1.75
"""Inches: height of a panel."""
DOT: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 3.6}
ASIDE = 0.56
"""Part of a layer's width over which its learning rates are spread."""


def inactive_shares(summary: xr.Dataset, by: str = "layer", legend: bool = True, ax: Axes | None = None) -> Axes:
    """Draw the share of inactive neurons of each layer (or part), one mark a learning rate.

    Parameters
    ----------
    summary : Dataset (lr, by) with ``mean``, ``low`` and ``high``: the shares of `lrscope.analysis.participation`,
        over the seeds; no interval where the ends are NaN
    by : ``layer`` or ``part``
    legend : name the learning rates
    ax : to draw into; a new one by default

    Returns
    -------
    Axes

    Raises
    ------
    InputError : other dimensions.
    """
    require("summary", summary, "lr", by)
    palette = colours(summary["lr"].values)
    names = summary[by].values.tolist()
    with style():
        ax = ax or new_axes(0.75 * WIDTH)
        bands(ax, len(names))
        for aside, (lr, colour) in zip(beside(len(palette), ASIDE), palette.items(), strict=True):
            of_lr = summary.sel(lr=lr).transpose(by)
            places = np.arange(len(names)) + aside
            ax.vlines(places, of_lr["low"].values, of_lr["high"].values, color=colour, linewidth=1.4, alpha=0.55)
            ax.plot(places, of_lr["mean"].values, "o", color=colour, markersize=3.6, label=rate_name(lr))
        ax.set_xticks(range(len(names)), list(map(layer_lines, names)))
        ax.tick_params(axis="x", length=0)
        ax.set(ylim=(-0.03, 1.03), xlabel=by, ylabel=axis_label(summary["mean"]))
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.grid(axis="y")
        if legend:
            ax.legend(handles=rate_marks(palette, **DOT), loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def inactive_panels(summaries: Mapping[str, xr.Dataset], by: str = "layer", columns: int = 2) -> Figure:
    """Draw `inactive_shares` for each quantity, or for each label of something else.

    Parameters
    ----------
    summaries : title of a panel, e.g. ``weights`` -> Dataset (lr, by) with ``mean``, ``low`` and ``high``
    by : ``layer`` or ``part``
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions, no summaries, or `columns` below 1.
    """
    with style():
        figure, axes, left_over = panel_grid(len(summaries), columns, PANEL, sharey=True)
        for ax, (title, summary) in zip(axes, summaries.items(), strict=True):
            inactive_shares(summary, by, legend=False, ax=ax)
            ax.set_title(sentence(title))
            ax.set(xlabel="", ylabel="")
        figure.supylabel(axis_label(summary["mean"]), fontsize=7.5)
        one_legend(figure, rate_marks(colours(summary["lr"].values), **DOT), left_over)
    return figure
