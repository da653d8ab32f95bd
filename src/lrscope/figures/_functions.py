"""What a network has learned, against its target: functions of one variable."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.errors import must_be
from lrscope.figures._panels import one_legend, panel_grid
from lrscope.figures._run import variable
from lrscope.figures._style import ALARM, SOFT, axis_label, new_axes, style
from lrscope.records import STEP, step_dimension

LOOKS: dict[str, dict[str, Any]] = {
    "target": {"color": "#c3c9d2", "linewidth": 2.8, "label": "target"},
    "learned": {"color": "#12355b", "linewidth": 1.1, "label": "learned function"},
}
PANEL = 1.75
"""Inches: height of a panel."""


def learned_function(run: xr.Dataset, step: int | None = None, legend: bool = True, ax: Axes | None = None) -> Axes:
    """Draw the output of a network over its input, and the target behind it.

    Parameters
    ----------
    run : records of one member: ``outputs`` and ``targets`` (step, sample, output) and ``inputs`` (sample, input),
        with or without steps; one input, samples in any order
    step : one of the recorded steps of the outputs; the last by default
    legend : name the two lines
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : "diverged" where the outputs are not finite

    Raises
    ------
    InputError : more than one input, a step without outputs, or a variable that was not recorded.
    """
    inputs, outputs, targets = sorted_function(run)
    with style():
        ax = ax or new_axes()
        known = outputs[step_dimension(outputs)].values
        place = _place(known, step)
        ax.plot(inputs, targets.values[place], **LOOKS["target"])
        made = outputs.values[place]
        if np.isfinite(made).all():
            ax.plot(inputs, made, **LOOKS["learned"])
        else:
            ax.text(0.5, 0.5, "diverged", color=ALARM, ha="center", va="center", transform=ax.transAxes)
        ax.set(xlabel=axis_label(variable(run, "inputs")), ylabel=axis_label(variable(run, "outputs")))
        if np.isfinite(inputs).all():  # of a network that diverged not even the inputs are known
            ax.set_xlim(inputs[0], inputs[-1])
        ax.set_title(f"step {known[place]}", loc="right", fontsize=7, fontweight="normal", color=SOFT)
        if legend:
            ax.legend(handlelength=1.2)
    return ax


def learned_functions(runs: Mapping[str, xr.Dataset], columns: int = 3) -> Figure:
    """Draw `learned_function` at the last step of each of several runs, as small multiples.

    Parameters
    ----------
    runs : title -> records of one member
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : no run, or as `learned_function`.
    """
    with style():
        figure, axes, left_over = panel_grid(len(runs), columns, PANEL)
        for ax, (title, run) in zip(axes, runs.items(), strict=True):
            learned_function(run, legend=False, ax=ax)
            ax.set_title(title)
        one_legend(figure, function_legend(), left_over)
    return figure


def function_legend() -> list[Line2D]:
    """Return legend entries for the target and the learned function."""
    return [Line2D([], [], **look) for look in LOOKS.values()]


def sorted_function(run: xr.Dataset) -> tuple[np.ndarray, xr.DataArray, xr.DataArray]:
    """Return inputs (sample) in ascending order, with outputs and targets (step, sample, output) in the same.

    Raises
    ------
    InputError : more than one input, or a variable that was not recorded.
    """
    inputs, outputs, targets = (variable(run, name) for name in ("inputs", "outputs", "targets"))
    dim = step_dimension(outputs)
    if inputs.sizes.get("input", 1) != 1:
        raise must_be("inputs", "of one input, to be drawn as a line", inputs.sizes["input"])
    alone = inputs.isel({name: 0 for name in inputs.dims if name != "sample"}).values
    if dim not in targets.dims:
        targets = targets.expand_dims({dim: outputs[dim]})
    order = np.argsort(alone, kind="stable")
    arranged = (array.transpose(dim, "sample", ...).isel(sample=order) for array in (outputs, targets))
    outputs, targets = arranged
    return alone[order], outputs, targets


def _place(known: np.ndarray, step: int | None) -> int:
    if step is None:
        return len(known) - 1
    found = np.flatnonzero(known == step)
    if not len(found):
        raise must_be(STEP, f"a step with outputs, from {known[0]} to {known[-1]}", step)
    return int(found[0])
