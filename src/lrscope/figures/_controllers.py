"""Controllers of the learning rate on equal terms, and what one of them did during a run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from lrscope.figures._events import mark_divergence
from lrscope.figures._run import ERRORS, draw_line, log_axis, step_axis, variable
from lrscope.figures._style import INK, WIDTH, axis_label, new_figure, require, style, value_label
from lrscope.figures._training import NAMES
from lrscope.records import step_dimension

PALETTE = ("#7a7a7a", "#3f8fc5", "#6a9a2d", "#c0392b", "#8e5ea8", "#d8a31a", "#12355b", "#d17aa0")
MARKERS = "os^DvPX*"
REASONS = ("#1b8a7a", "#c1121f", "#d8a31a", "#6d4aa0", "#3f8fc5", "#7a5c3e")
STRIPES = 400
"""Changes of the learning rate that are marked; of more, those evenly spread."""


def controller_bench(bench: xr.Dataset) -> Figure:
    """Draw for each controller the final error, the share of diverged runs, and the steps to a target error.

    Parameters
    ----------
    bench : Dataset (controller, lr): ``final_error`` with the ends ``low`` and ``high`` of its band over the seeds,
        ``diverged`` (share of the runs), ``steps_to_target`` (updates; NaN where the target was not reached)

    Returns
    -------
    Figure : three panels over the starting rate. A point without a final error, since all runs diverged, is a cross
        at the top of the first panel

    Raises
    ------
    InputError : other dimensions.
    """
    require("bench", bench, "controller", "lr")
    bench = bench.transpose("controller", "lr").sortby("lr")
    with style():
        figure = new_figure(WIDTH, 5.2)
        axes = list(figure.subplots(3, 1, sharex=True, height_ratios=[1.7, 0.9, 1.1]))
        for place, name in enumerate(bench["controller"].values.tolist()):
            _controller(axes, bench.sel(controller=name), place, name)
        for ax, name in zip(axes, ("final_error", "diverged", "steps_to_target"), strict=True):
            ax.set_ylabel(axis_label(bench[name]))
            ax.grid(axis="y")
        axes[1].set_ylim(-0.05, 1.05)
        for ax in (axes[0], axes[2]):
            log_axis(ax)
        _mark_lost(axes[0], bench)
        axes[2].set_xscale("log")
        axes[2].xaxis.set_major_locator(LogLocator(numticks=12))
        axes[2].set_xlabel(axis_label(bench["lr"]))
        handles, _ = axes[0].get_legend_handles_labels()
        if bool(bench["final_error"].isnull().any()):
            handles.append(Line2D([], [], color=INK, marker="x", markersize=4, linestyle="none", label="all diverged"))
        figure.legend(handles=handles, loc="outside right upper")
    return figure


def controlled_rate(run: xr.Dataset, reasons: Mapping[int, str] | None = None) -> Figure:
    """Draw the learning rate that a controller chose, coloured by the reason of each change, and the error below.

    Parameters
    ----------
    run : records of one member: ``learning_rate`` and ``loss`` (step); ``rate_reason`` (step), a number
    reasons : number -> name, of those to be marked; the others, such as no change, are not

    Returns
    -------
    Figure : two panels

    Raises
    ------
    InputError : a variable was not recorded.
    """
    with style():
        figure = new_figure(WIDTH, 3.4)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        rate = variable(run, "learning_rate")
        draw_line(upper, rate, color=INK, linewidth=1.0)
        for name in ERRORS:
            if name in run:
                draw_line(lower, run[name], color=ERRORS[name], linewidth=1.0, label=NAMES[name])
        step_axis(lower, run)
        for ax, label in ((upper, axis_label(rate)), (lower, "error")):
            log_axis(ax)
            ax.set_ylabel(label)
            ax.grid(axis="y")
            mark_divergence(ax, run, label=ax is upper)
        lower.legend(handlelength=1.2)
        if reasons and "rate_reason" in run:
            figure.legend(handles=_mark_reasons(upper, run, reasons), loc="outside upper right", ncols=len(reasons))
    return figure


def _controller(axes: list[Axes], of_one: xr.Dataset, place: int, name: object) -> None:
    """Draw one controller into the three panels."""
    colour, marker = PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)]
    look: dict[str, Any] = {
        "color": colour,
        "marker": marker,
        "markersize": 3.2,
        "linewidth": 1.1,
        "label": value_label(str(name)),
    }
    rates = of_one["lr"].values
    axes[0].plot(rates, of_one["final_error"].values, zorder=3, **look)
    axes[0].fill_between(rates, of_one["low"].values, of_one["high"].values, color=colour, alpha=0.15, linewidth=0)
    axes[1].plot(rates, of_one["diverged"].values, **look)
    axes[2].plot(rates, of_one["steps_to_target"].values, **look)


def _mark_lost(ax: Axes, bench: xr.Dataset) -> None:
    """Put a cross above the panel where a controller has no final error."""
    for place, of_one in enumerate(bench["final_error"]):
        lost = bench["lr"].values[of_one.isnull().values]
        marks: dict[str, Any] = {
            "color": PALETTE[place % len(PALETTE)],
            "markersize": 4,
            "clip_on": False,
            "linestyle": "none",
        }
        height = np.full(len(lost), 1.03 + 0.035 * place)
        if len(lost):
            ax.plot(lost, height, "x", transform=ax.get_xaxis_transform(), gid="lost", **marks)


def _mark_reasons(ax: Axes, run: xr.Dataset, reasons: Mapping[int, str]) -> list[Line2D]:
    """Mark each change on the line of the learning rate, in the colour of its reason."""
    given = run["rate_reason"]
    steps, numbers = given[step_dimension(given)].values, given.values
    rates = run["learning_rate"].sel({step_dimension(run["learning_rate"]): steps}).values
    handles = []
    for (number, name), colour in zip(reasons.items(), REASONS, strict=False):
        changes = np.flatnonzero(numbers == number)
        shown = changes[np.unique(np.linspace(0, len(changes) - 1, STRIPES).astype(int))] if len(changes) else changes
        look: dict[str, Any] = {"color": colour, "markersize": 2.6, "linestyle": "none", "markeredgewidth": 0}
        ax.plot(steps[shown], rates[shown], "o", zorder=3, gid=name, **look)
        handles.append(Line2D([], [], marker="o", label=f"{name} ({len(changes)})", **look | {"markersize": 4.5}))
    return handles
