"""Ways to choose the learning rate compared on equal terms, and what a controller did during one run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from lrscope.figures._style import INK, WIDTH, axis_label, new_figure, style
from lrscope.papers.stability.figures._events import mark_divergence
from lrscope.papers.stability.figures._run import ERROR_NAMES, ERRORS, draw_line, log_axis, step_axis

PALETTE = ("#7a7a7a", "#3f8fc5", "#6a9a2d", "#c0392b", "#8e5ea8", "#d8a31a")
MARKERS = "os^DvP"
REASONS = ("#1b8a7a", "#c1121f", "#d8a31a", "#6d4aa0", "#3f8fc5", "#7a5c3e")
MAX_MARKS = 400
"""Changes of the learning rate that are marked; of more, this many, evenly spread."""


def controller_bench(bench: xr.Dataset) -> Figure:
    """Draw, over the starting rate, each controller's final error, share of diverged runs and steps to the target.

    Parameters
    ----------
    bench : Dataset (controller, lr) of `lrscope.papers.stability._bench.bench`, one target selected. A point without a
        final error, since all runs diverged, is a cross at the top of the first panel
    """
    bench = bench.sortby("lr")
    rates = bench["lr"].values
    with style():
        figure = new_figure(WIDTH, 5.2)
        errors, diverged, steps = axes = list(figure.subplots(3, 1, sharex=True, height_ratios=[1.7, 0.9, 1.1]))
        for place, name in enumerate(bench["controller"].values.tolist()):
            of_one, colour = bench.sel(controller=name), PALETTE[place]
            look: dict[str, Any] = {"color": colour, "marker": MARKERS[place], "markersize": 3.2, "linewidth": 1.1}
            errors.plot(rates, of_one["final_error"], label=name, zorder=3, **look)
            beside = rates * 10 ** (0.03 * (place - 2.5))  # so that quartiles of several controllers can be read
            errors.vlines(beside, of_one["low"], of_one["high"], color=colour, linewidth=1.0, alpha=0.5)
            diverged.plot(rates, of_one["diverged"], **look)
            steps.plot(rates, of_one["steps_to_target"], **look)
            _mark_lost(errors, rates[of_one["final_error"].isnull().values], place)
        for ax, name in zip(axes, ("final_error", "diverged", "steps_to_target"), strict=True):
            ax.set_ylabel(axis_label(bench[name]))
            ax.grid(axis="y")
        diverged.set_ylim(-0.05, 1.05)
        _log_axis_of(errors, bench["high"], bench["low"])
        log_axis(steps)
        steps.set(xscale="log", xlabel=axis_label(bench["lr"]))
        steps.xaxis.set_major_locator(LogLocator(numticks=12))
        handles, _ = errors.get_legend_handles_labels()
        if bool(bench["final_error"].isnull().any()):
            handles.append(Line2D([], [], color=INK, marker="x", markersize=4, linestyle="none", label="all diverged"))
        figure.legend(handles=handles, loc="outside right upper")
    return figure


def _mark_lost(ax: Axes, rates: np.ndarray, place: int) -> None:
    """Put a cross above the panel at each rate from which a controller has no final error, in a row of its own."""
    if len(rates):  # a line without points would upset the layout
        look: dict[str, Any] = {"color": PALETTE[place], "markersize": 4, "clip_on": False, "gid": "lost"}
        above = np.full(len(rates), 1.03 + 0.035 * place)
        ax.plot(rates, above, "x", transform=ax.get_xaxis_transform(), **look)


def _log_axis_of(ax: Axes, *values: xr.DataArray) -> None:
    """Make the vertical axis logarithmic, from the lowest to the highest of the positive values."""
    known = np.concatenate([array.values[array.values > 0] for array in values])
    ax.set_yscale("log")
    if len(known):
        ax.set_ylim(known.min() / 1.3, known.max() * 1.3)


def controlled_rate(run: xr.Dataset, reasons: Mapping[int, str]) -> Figure:
    """Draw the learning rate that a controller chose, with the reasons of its changes, and the errors below.

    Parameters
    ----------
    run : records of one member with ``learning_rate``, ``rate_reason`` and the errors (step)
    reasons : number -> name, of those to be marked; the others, such as no change, are not
    """
    with style():
        figure = new_figure(WIDTH, 3.4)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        draw_line(upper, run["learning_rate"], color=INK, linewidth=1.0)
        for name, colour in ERRORS.items():
            draw_line(lower, run[name], color=colour, linewidth=1.0, label=ERROR_NAMES[name])
        step_axis(lower, run)
        for ax, label in ((upper, axis_label(run["learning_rate"])), (lower, "error")):
            log_axis(ax)
            ax.set_ylabel(label)
            ax.grid(axis="y")
            mark_divergence(ax, run, label=ax is upper)
        lower.legend(handlelength=1.2)
        handles = _mark_reasons(upper, run, reasons)
        if handles:
            figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
    return figure


def _mark_reasons(ax: Axes, run: xr.Dataset, reasons: Mapping[int, str]) -> list[Line2D]:
    """Mark the changes on the line of the learning rate in the colours of their reasons; return the legend."""
    numbers, rates, steps = (run[name].values for name in ("rate_reason", "learning_rate", "step"))
    handles = []
    for (number, name), colour in zip(reasons.items(), REASONS, strict=False):
        changes = np.flatnonzero(numbers == number)
        if not len(changes):
            continue
        shown = changes[np.unique(np.linspace(0, len(changes) - 1, MAX_MARKS).astype(int))]
        look: dict[str, Any] = {"color": colour, "linestyle": "none", "markeredgewidth": 0, "marker": "o"}
        ax.plot(steps[shown], rates[shown], zorder=3, gid=name, markersize=2.6, **look)
        handles.append(Line2D([], [], label=f"{name} ({len(changes)})", markersize=4.5, **look))
    return handles
