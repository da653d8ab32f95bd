"""Every number that was recorded of the whole network, over the steps: small multiples with scales of their own."""

from collections.abc import Collection, Mapping
from textwrap import fill

import xarray as xr
from matplotlib.figure import Figure

from lrscope.errors import must_be
from lrscope.figures._curves import curves, diverged_marks
from lrscope.figures._panels import one_legend, panel_grid
from lrscope.figures._style import axis_label, colours, rate_marks, style

LONG = 34
"""Letters of a line of a title."""
PANEL = 1.5
"""Inches: height of a panel."""


def scalar_panels(
    summaries: Mapping[str, xr.Dataset],
    diverged_at: xr.DataArray | None = None,
    log: Collection[str] = (),
    columns: int = 3,
) -> Figure:
    """Draw `curves` of each quantity in a panel of its own, with its own scale and steps.

    Parameters
    ----------
    summaries : name -> Dataset (lr, step) with ``mean``, ``low`` and ``high``, of `lrscope.analysis.over_seeds`
    diverged_at : (lr, seed) or (lr), of `lrscope.records.outcomes` on the grid: a cross above the panels
    log : names that get a logarithmic axis, if anything is positive
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions, no summary, or `columns` below 1.
    """
    if not summaries:
        raise must_be("summaries", "one Dataset or more, by name", dict(summaries))
    crosses = diverged_marks(diverged_at)
    with style():
        figure, axes, left_over = panel_grid(len(summaries), columns, PANEL)
        for ax, (name, summary) in zip(axes, summaries.items(), strict=True):
            wide = name in log and summary["mean"].attrs.get("units") != "degrees"  # angles end at 180
            curves(summary, diverged_at, wide, legend=False, ax=ax)
            ax.set_title(_title(summary["mean"]), fontsize=7.5, pad=8 if crosses else 4)
            ax.set_ylabel("")
        marks = rate_marks(colours(summary["lr"].values)) + crosses
        if len(marks) > 1:
            one_legend(figure, marks, left_over)
    return figure


def _title(array: xr.DataArray) -> str:
    label = axis_label(array)
    return fill(label[:1].upper() + label[1:], LONG)
