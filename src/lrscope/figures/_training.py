"""A run as its source shows it: error, gradient norm and angle with their zooms, and the weights of both layers."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.figures._events import Onsets, mark_divergence, mark_onset
from lrscope.figures._functions import function_legend, learned_function
from lrscope.figures._run import COLOURS, ERRORS, Range, draw_line, escaped, log_axis, step_axis, variable, wrapped
from lrscope.figures._style import WIDTH, axis_label, new_figure, style
from lrscope.figures._weights import draw_weights, hidden_weights, output_weights, weight_legend

ROW = 1.6
"""Inches: height of a row of panels."""
ANGLES = (0, 45, 90, 135, 180)
NAMES = {"loss": "training error", "val_loss": "test error"}
LEGEND: dict[str, Any] = {"handlelength": 1.1, "columnspacing": 0.9, "handletextpad": 0.4}


def training_panels(run: xr.Dataset, zoom: Range | None = None, onsets: Onsets | None = None) -> Figure:
    """Draw error, gradient norm and angle of a run, each with its zoom around the onset, and the weights.

    Parameters
    ----------
    run : records of one member: ``loss``, ``gradient_norm``, ``gradient_angle`` (degrees), and ``val_loss`` if
        recorded, (step); ``weights_hidden``, ``biases_hidden``, ``weights_output``, ``biases_output`` at any steps
    zoom : first and last step of the zooms; without it error, norm, angle and weights are drawn for the whole run
        only, with the learned function beside them if ``outputs`` were recorded
    onsets : criterion -> step, or DataArray (criterion): lines; negative for what did not happen

    Returns
    -------
    Figure : nine panels (a) to (i) with a zoom, six without: (a) error, (b) gradient norm, (c) angle; with a zoom
        (d), (e), (f) the same and (g) the error on a linear axis; then the weights U of the hidden layer and V of the
        output

    Raises
    ------
    InputError : a variable was not recorded.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), figure 1.
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
        weights_and_function(run, axes[7 if zoom else 3 :])
        for ax, letter in zip(axes, "abcdefghi", strict=False):
            ax.set_title(f"({letter})" if ax.axison else "")
        function = not zoom and "outputs" in run
        figure.legend(handles=run_legend(run, function=function), loc="outside upper right", ncols=12, **LEGEND)
    return figure


def error_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None, log: bool = True) -> None:
    """Draw training and test error."""
    drawn = {name: run[name] for name in ERRORS if name in run} or {"loss": variable(run, "loss")}
    for name, array in drawn.items():
        end = np.inf if log else escaped(run)
        draw_line(ax, array, zoom, end, color=ERRORS[name], linewidth=1.0)
    ax.set_ylabel("error" if len(drawn) > 1 else axis_label(variable(run, "loss")))
    _finish(ax, run, zoom, log)


def norm_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw the gradient norm."""
    array = variable(run, "gradient_norm")
    draw_line(ax, array, zoom, color=COLOURS["gradient norm"], linewidth=1.0)
    ax.set_ylabel(axis_label(array))
    _finish(ax, run, zoom, log=True)


def angle_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw the angle between consecutive gradients, from 0 to 180 degrees."""
    array = variable(run, "gradient_angle")
    draw_line(ax, array, zoom, color=COLOURS["angle"], linewidth=1.0)
    _finish(ax, run, zoom, log=False)
    ax.set(ylabel=wrapped(axis_label(array)), yticks=ANGLES, ylim=(-5, 185))


def weights_panel(run: xr.Dataset, ax: Axes, hidden: bool) -> None:
    """Draw the weights of the hidden layer, or those of the output."""
    weights = hidden_weights(run) if hidden else output_weights(run)
    draw_weights(ax, weights, "weights U of the hidden layer" if hidden else "weights V of the output", escaped(run))
    step_axis(ax, run)
    mark_divergence(ax, run, label=False)


def run_legend(run: xr.Dataset, weights: bool = True, function: bool = False) -> list[Line2D]:
    """Return legend entries for the errors and, if drawn, the weights and the learned function."""
    errors = [Line2D([], [], color=ERRORS[name], label=NAMES[name]) for name in ERRORS if name in run]
    return [*errors, *(weight_legend(run) if weights else []), *(function_legend() if function else [])]


def _finish(ax: Axes, run: xr.Dataset, zoom: Range | None, log: bool) -> None:
    step_axis(ax, run, zoom)
    if log:
        log_axis(ax)
    ax.grid(axis="y")
    mark_divergence(ax, run)


def weights_and_function(run: xr.Dataset, axes: list[Axes]) -> None:
    """Draw the weights of both layers and, on any further axes, the learned function if it was recorded."""
    weights_panel(run, axes[0], hidden=True)
    weights_panel(run, axes[1], hidden=False)
    for ax in axes[2:]:
        if "outputs" in run:
            learned_function(run, legend=False, ax=ax)
        else:
            ax.set_axis_off()


PANELS = {"error": error_panel, "gradient norm": norm_panel, "angle": angle_panel}
"""By the sign of instability that each shows."""
