"""The sharpness on its way to the limit of stability, and what the error does then."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from lrscope.figures._style import INK, WIDTH, axis_label, new_figure, style
from lrscope.papers.stability.figures._events import Onsets, mark_divergence, mark_onsets
from lrscope.papers.stability.figures._run import (
    COLOURS,
    ERROR_NAMES,
    ERRORS,
    draw_line,
    log_axis,
    readable_end,
    step_axis,
)
from lrscope.records import step_dimension

HIGHEST = 3
"""Multiple of the limit up to which the axis follows the sharpness."""


def sharpness_panels(run: xr.Dataset, onsets: Onsets) -> Figure:
    """Draw the sharpness against its limit, and the errors below over the same steps, with all onsets marked."""
    sharpness, limit = run["sharpness"], run["stability_limit"]
    with style():
        figure = new_figure(WIDTH, 3.6)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        colour, name = COLOURS["sharpness"], axis_label(sharpness)
        draw_line(upper, sharpness, None, readable_end(run), color=colour, linewidth=1.2, label=name)
        draw_line(upper, limit, color=INK, linewidth=0.9, linestyle=(0, (5, 2)), label=axis_label(limit))
        upper.set(ylim=(0, sharpness_top(run)), ylabel=name)
        for error, colour in ERRORS.items():
            draw_line(lower, run[error], color=colour, linewidth=1.0, label=ERROR_NAMES[error])
        step_axis(lower, run)
        log_axis(lower)
        lower.set_ylabel("error")
        for ax in (upper, lower):
            ax.legend(handlelength=1.5)
            ax.grid(axis="y")
            mark_onsets(ax, onsets, labels=ax is upper)
            mark_divergence(ax, run, label=ax is lower)
    return figure


def sharpness_top(run: xr.Dataset) -> float:
    """Return the end of an axis for the sharpness: it shows the limit, and three times as much at most."""
    sharpness, limit = run["sharpness"], run["stability_limit"]
    in_time = sharpness[step_dimension(sharpness)].values < readable_end(run)
    highest = sharpness.values[in_time & np.isfinite(sharpness.values)].max(initial=0.0)
    limits = limit.values[np.isfinite(limit.values)].max(initial=0.0)
    return float(1.1 * min(max(highest, limits), HIGHEST * limits)) or 1.0
