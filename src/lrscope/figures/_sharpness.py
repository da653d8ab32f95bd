"""The sharpness on its way to the limit of stability, and what the error does then."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.figures._events import Onsets, mark_divergence, mark_onsets
from lrscope.figures._run import COLOURS, ERRORS, Range, draw_line, escaped, log_axis, step_axis, variable
from lrscope.figures._style import INK, WIDTH, axis_label, new_figure, style
from lrscope.records import step_dimension

HEIGHT = 3.6
"""Inches."""
HIGHEST = 3
"""Multiple of the limit up to which the axis follows the sharpness."""
NAMES = {"loss": "training", "val_loss": "test"}


def sharpness_panels(run: xr.Dataset, onsets: Onsets | None = None, zoom: Range | None = None) -> Figure:
    """Draw the sharpness against its limit, and the error below over the same steps, with all onsets marked.

    Parameters
    ----------
    run : records of one member: ``sharpness`` and ``stability_limit`` at their own steps, ``loss`` and, if recorded,
        ``val_loss`` (step)
    onsets : criterion -> step, or DataArray (criterion); negative for what did not happen
    zoom : first and last step; all by default

    Returns
    -------
    Figure : two panels

    Raises
    ------
    InputError : a variable was not recorded.

    References
    ----------
    Cohen et al.: Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability (2021).
    """
    with style():
        figure = new_figure(WIDTH, HEIGHT)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        sharpness_panel(run, upper, zoom)
        for name in ERRORS:
            if name in run:
                draw_line(lower, run[name], zoom, color=ERRORS[name], linewidth=1.0, label=NAMES[name])
        step_axis(lower, run, zoom)
        upper.set_xlabel("")
        log_axis(lower)
        lower.set_ylabel("error")
        lower.legend(handlelength=1.2)
        mark_onsets(upper, onsets)
        mark_onsets(lower, onsets, labels=False)
        for ax in (upper, lower):
            ax.grid(axis="y")
            mark_divergence(ax, run, label=ax is lower)
    return figure


def sharpness_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw sharpness and limit."""
    sharpness, limit = variable(run, "sharpness"), variable(run, "stability_limit")
    end, name = escaped(run), axis_label(sharpness)
    draw_line(ax, sharpness, zoom, end, color=COLOURS["sharpness"], linewidth=1.2, label=name)
    dashes = (0, (5, 2))
    draw_line(ax, limit, zoom, color=INK, linewidth=0.9, linestyle=dashes, label=axis_label(limit))
    step_axis(ax, run, zoom)
    ax.set_ylim(0, sharpness_top(run))
    ax.set_ylabel(name)
    ax.legend(handlelength=1.8)


def sharpness_top(run: xr.Dataset) -> float:
    """Return the end of an axis for the sharpness: it shows the limit, and three times as much at most."""
    sharpness, limit = (variable(run, name) for name in ("sharpness", "stability_limit"))
    in_time = sharpness[step_dimension(sharpness)].values < escaped(run)
    highest = sharpness.values[in_time & np.isfinite(sharpness.values)].max(initial=0.0)
    limits = limit.values[np.isfinite(limit.values)].max(initial=0.0)
    return float(1.1 * min(max(highest, limits), HIGHEST * limits)) or 1.0
