"""Runs as the source shows them: error, norm and angle (figure 1), errors (3), weights and function (4 to 6)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.figures._panels import one_legend, panel_grid
from lrscope.figures._style import WIDTH, axis_label, new_figure, style
from lrscope.papers.stability.figures._events import Onsets, mark_divergence, mark_onset
from lrscope.papers.stability.figures._network import function_legend, function_panel, weight_legend, weights_panel
from lrscope.papers.stability.figures._run import (
    COLOURS,
    ERROR_NAMES,
    ERRORS,
    Range,
    draw_line,
    log_axis,
    readable_end,
    step_axis,
    wrapped,
)

ROW, PANEL = 1.6, 1.75
"""Inches: height of a row of `training_panels`, of a panel of the others."""
ANGLES = (0, 45, 90, 135, 180)
LEGEND: dict[str, Any] = {"handlelength": 1.1, "columnspacing": 0.9, "handletextpad": 0.4, "ncols": 12}


def training_panels(run: xr.Dataset, onsets: Onsets, zoom: Range | None = None) -> Figure:
    """Draw figure 1: error, gradient norm and angle, each with its zoom around the onset, and the weights.

    Without a zoom there are six panels instead of nine, the last with the learned function.
    """
    with style():
        rows = 3 if zoom else 2
        figure = new_figure(WIDTH, ROW * rows + 0.35)
        axes = list(figure.subplots(rows, 3).flat)
        for place, (criterion, panel) in enumerate(PANELS.items()):
            for ax, zoomed in zip(axes[place::3], [None, zoom] if zoom else [None], strict=False):
                panel(run, ax, zoomed)
                mark_onset(ax, onsets, criterion)
        if zoom:
            error_panel(run, axes[6], zoom, log=False)
            mark_onset(axes[6], onsets, "error")
        weights_panel(run, axes[-2 if zoom else -3], hidden=True)
        weights_panel(run, axes[-1 if zoom else -2], hidden=False)
        if not zoom:
            function_panel(run, axes[-1])
        for ax, letter in zip(axes, "abcdefghi", strict=False):
            ax.set_title(f"({letter})")
        figure.legend(handles=run_legend(run, weights=True, function=not zoom), loc="outside upper right", **LEGEND)
    return figure


def error_panels(runs: Mapping[str, xr.Dataset], onsets: Mapping[str, Onsets]) -> Figure:
    """Draw figure 3: training and test error of several runs (title -> run) side by side, on the same axis."""
    with style():
        figure, axes, left_over = panel_grid(len(runs), 3, PANEL)
        for place, (ax, (title, run)) in enumerate(zip(axes, runs.items(), strict=True)):
            error_panel(run, ax)
            mark_onset(ax, onsets[title], "error")
            ax.set(title=title, ylabel=ax.get_ylabel() if place % 3 == 0 else "")
        _same_range(axes, runs)
        one_legend(figure, run_legend(next(iter(runs.values()))), left_over)
    return figure


def configuration_rows(runs: Mapping[str, xr.Dataset], onsets: Mapping[str, Onsets]) -> Figure:
    """Draw figures 4 to 6: a row for each run (title -> run) with its error, its weights and its function."""
    with style():
        figure = new_figure(WIDTH, PANEL * len(runs) + 0.3)
        grid = figure.subplots(len(runs), 4, squeeze=False)
        for row, (title, run) in zip(grid, runs.items(), strict=True):
            error_panel(run, row[0])
            mark_onset(row[0], onsets[title], "error")
            weights_panel(run, row[1], hidden=True)
            weights_panel(run, row[2], hidden=False)
            function_panel(run, row[3])
            row[0].set_title(title)
        _same_range(list(grid[:, 0]), runs)
        for ax in grid[:, :3].flat:
            ax.locator_params(axis="x", nbins=3)
        largest = max(runs.values(), key=lambda run: run.sizes["neuron_hidden"])
        handles = run_legend(largest, weights=True, function=True)
        figure.legend(handles=handles, loc="outside lower right", **LEGEND)
    return figure


def function_panels(runs: Mapping[str, xr.Dataset]) -> Figure:
    """Draw what each run (title -> run) has learned in the end."""
    with style():
        figure, axes, left_over = panel_grid(len(runs), 3, PANEL)
        for ax, (title, run) in zip(axes, runs.items(), strict=True):
            function_panel(run, ax)
            ax.set_title(title)
        one_legend(figure, function_legend(), left_over)
    return figure


def error_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None, log: bool = True) -> None:
    """Draw training and test error."""
    for name, colour in ERRORS.items():
        draw_line(ax, run[name], zoom, np.inf if log else readable_end(run), color=colour, linewidth=1.0)
    ax.set_ylabel("error")
    _finish(ax, run, zoom, log)


def norm_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw the gradient norm."""
    draw_line(ax, run["gradient_norm"], zoom, color=COLOURS["gradient norm"], linewidth=1.0)
    ax.set_ylabel(wrapped(axis_label(run["gradient_norm"])))
    _finish(ax, run, zoom, log=True)


def angle_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw the angle between consecutive gradients, from 0 to 180 degrees."""
    draw_line(ax, run["gradient_angle"], zoom, color=COLOURS["angle"], linewidth=1.0)
    _finish(ax, run, zoom, log=False)
    ax.set(ylabel=wrapped(axis_label(run["gradient_angle"])), yticks=ANGLES, ylim=(-5, 185))


PANELS = {"error": error_panel, "gradient norm": norm_panel, "angle": angle_panel}
"""By the criterion of the onset that each shows."""


def _finish(ax: Axes, run: xr.Dataset, zoom: Range | None, log: bool) -> None:
    step_axis(ax, run, zoom)
    if log:
        log_axis(ax)
    ax.grid(axis="y")
    mark_divergence(ax, run)


def run_legend(run: xr.Dataset, weights: bool = False, function: bool = False) -> list[Line2D]:
    """Return legend entries for the errors and, if drawn, for the weights and the learned function."""
    errors = [Line2D([], [], color=colour, label=ERROR_NAMES[name]) for name, colour in ERRORS.items()]
    return [*errors, *(weight_legend(run) if weights else []), *(function_legend() if function else [])]


def _same_range(axes: list[Axes], runs: Mapping[str, xr.Dataset]) -> None:
    """Give the axes of all runs that did not diverge the same vertical range, the widest of them."""
    chosen = [ax for ax, run in zip(axes, runs.values(), strict=True) if np.isinf(readable_end(run))]
    ends = [ax.get_ylim() for ax in chosen]
    for ax in chosen:
        ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
