"""Runs as the source shows them: error, norm and angle (figure 1), weights and learned function (4 to 6); sharpness."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.figures._style import ALARM, INK, ORDERED, SOFT, WIDTH, axis_label, new_figure, style, wrapped
from lrscope.papers.stability.figures._axes import (
    COLOURS,
    ERROR_NAMES,
    ERRORS,
    Onsets,
    Range,
    draw_line,
    happened,
    log_axis,
    mark_divergence,
    mark_onset,
    readable_end,
    step_axis,
)
from lrscope.records import step_dimension

ROW, PANEL = 1.6, 1.75
"""Inches: height of a row of `training_panels`, of a row of `configuration_rows`."""
WRAP = 19
"""Letters of a line of a label beside a small panel."""
NAMED = 8
"""Up to this many neurons have a colour each; more have shades in their order."""
PALETTE = ("#3f8fc5", "#c0392b", "#6a9a2d", "#8e5ea8", "#d8a31a", "#2a4b7c", "#d17aa0", "#7a5c3e")
BIAS = (0, (2.5, 1.5))
"""Dashes."""
FUNCTION: dict[str, dict[str, Any]] = {
    "target": {"color": "#c3c9d2", "linewidth": 2.8, "label": "target"},
    "learned": {"color": "#12355b", "linewidth": 1.1, "label": "learned function"},
}
LEGEND: dict[str, Any] = {"handlelength": 1.1, "columnspacing": 0.9, "handletextpad": 0.4, "ncols": 12}
REASONS = ("#1b8a7a", "#c1121f", "#d8a31a", "#6d4aa0", "#3f8fc5", "#7a5c3e")
MAX_MARKS = 400
"""Changes of the learning rate that are marked; of more, this many, evenly spread."""
HIGHEST = 3
"""Multiple of the limit up to which the axis follows the sharpness."""


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
        figure.legend(handles=run_legend(run, function=not zoom), loc="outside upper right", **LEGEND)
    return figure


def configuration_rows(runs: Mapping[str, tuple[xr.Dataset, Onsets]]) -> Figure:
    """Draw figures 4 to 6: a row for each title -> run and its onsets, with its error, weights and learned function."""
    with style():
        figure = new_figure(WIDTH, PANEL * len(runs) + 0.3)
        grid = figure.subplots(len(runs), 4, squeeze=False)
        for row, (title, (run, onsets)) in zip(grid, runs.items(), strict=True):
            error_panel(run, row[0])
            mark_onset(row[0], onsets, "error")
            weights_panel(run, row[1], hidden=True)
            weights_panel(run, row[2], hidden=False)
            function_panel(run, row[3])
            row[0].set_title(title)
        log_axis(*grid[:, 0])
        for ax in grid[:, :3].flat:
            ax.locator_params(axis="x", nbins=3)
        largest = max((run for run, _ in runs.values()), key=lambda run: run.sizes["neuron_hidden"])
        figure.legend(handles=run_legend(largest), loc="outside lower right", **LEGEND)
    return figure


def sharpness_panels(run: xr.Dataset, onsets: Onsets) -> Figure:
    """Draw the sharpness against its limit, and the errors below over the same steps, with all onsets marked."""
    with style():
        figure = new_figure(WIDTH, 3.6)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        sharpness_panel(run, upper)
        error_panel(run, lower)
        upper.set_xlabel("")
        for name, step in happened(onsets).items():
            for ax in (upper, lower):
                look: dict[str, Any] = {"color": COLOURS[name], "linewidth": 0.9, "zorder": 1.5, "gid": f"onset {name}"}
                ax.axvline(step, label=f"onset of {name}, {step}", **look)
        upper.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
        lower.legend(handles=_error_legend(), loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def controlled_rate(run: xr.Dataset, reasons: Mapping[int, str]) -> Figure:
    """Draw the learning rate that a controller chose, with the reasons of its changes, and the errors below.

    Parameters
    ----------
    run : records of one member with ``learning_rate``, ``rate_reason`` and the errors (step)
    reasons : number -> name, of those to be marked; the others, such as no change, are not
    """
    numbers, rates, steps = (run[name].values for name in ("rate_reason", "learning_rate", "step"))
    with style():
        figure = new_figure(WIDTH, 3.4)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 1])
        draw_line(upper, run["learning_rate"], color=INK, linewidth=1.0)
        _finish(upper, run, None, axis_label(run["learning_rate"]))
        error_panel(run, lower)
        upper.set_xlabel("")
        handles = _error_legend()
        for (number, name), colour in zip(reasons.items(), REASONS, strict=False):
            changes = np.flatnonzero(numbers == number)
            if len(changes):
                shown = changes[np.unique(np.linspace(0, len(changes) - 1, MAX_MARKS).astype(int))]
                look: dict[str, Any] = {"color": colour, "linestyle": "none", "markeredgewidth": 0, "marker": "o"}
                upper.plot(steps[shown], rates[shown], zorder=3, gid=name, markersize=2.6, **look)
                handles.append(Line2D([], [], label=f"{name} ({len(changes)})", markersize=4.5, **look))
        figure.legend(handles=handles, loc="outside upper right", **LEGEND)
    return figure


def error_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None, log: bool = True) -> None:
    """Draw training and test error."""
    for name, colour in ERRORS.items():
        draw_line(ax, run[name], zoom, readable_end(run), color=colour, linewidth=1.0)
    _finish(ax, run, zoom, "error", log)


def norm_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw the gradient norm."""
    draw_line(ax, run["gradient_norm"], zoom, readable_end(run), color=COLOURS["gradient norm"], linewidth=1.0)
    _finish(ax, run, zoom, axis_label(run["gradient_norm"]))


def angle_panel(run: xr.Dataset, ax: Axes, zoom: Range | None = None) -> None:
    """Draw the angle between consecutive gradients, from 0 to 180 degrees."""
    draw_line(ax, run["gradient_angle"], zoom, color=COLOURS["angle"], linewidth=1.0)
    _finish(ax, run, zoom, axis_label(run["gradient_angle"]), log=False)
    ax.set(yticks=(0, 45, 90, 135, 180), ylim=(-5, 185))


PANELS = {"error": error_panel, "gradient norm": norm_panel, "angle": angle_panel}
"""By the criterion of the onset that each shows."""


def sharpness_panel(run: xr.Dataset, ax: Axes) -> None:
    """Draw the sharpness and its limit, up to three times as much at most."""
    sharpness, limit, end = run["sharpness"], run["stability_limit"], readable_end(run)
    name = axis_label(sharpness)
    line = draw_line(ax, sharpness, end=end, color=COLOURS["sharpness"], linewidth=1.2, label=name)
    draw_line(ax, limit, color=INK, linewidth=0.9, linestyle=(0, (5, 2)), label=axis_label(limit))
    _finish(ax, run, None, name, log=False)
    highest = float(np.max(line.get_ydata(), initial=0.0))
    limits = limit.values[np.isfinite(limit.values)].max(initial=0.0)
    ax.set_ylim(0, 1.1 * min(max(highest, limits), HIGHEST * limits) or 1.0)


def weights_panel(run: xr.Dataset, ax: Axes, hidden: bool) -> None:
    """Draw the weights and, dashed, the biases: U of the hidden layer, or V of the output."""
    count, end = run.sizes["neuron_hidden"], readable_end(run)
    widths = np.linspace(2.0, 0.8, count) if count > 1 else [1.2]  # so that no neuron hides one that it equals
    for neuron, (colour, width) in enumerate(zip(neuron_colours(count), widths, strict=True)):
        look: dict[str, Any] = {"color": colour, "linewidth": width}
        if hidden:
            for entry in range(run.sizes["input_hidden"]):
                weight = run["weights_hidden"].isel(neuron_hidden=neuron, input_hidden=entry)
                draw_line(ax, weight, end=end, **look)
            draw_line(ax, run["biases_hidden"].isel(neuron_hidden=neuron), end=end, linestyle=BIAS, **look)
        else:
            draw_line(ax, run["weights_output"].isel(neuron_output=0, input_output=neuron), end=end, **look)
    if not hidden:
        draw_line(ax, run["biases_output"].isel(neuron_output=0), end=end, color=INK, linestyle=BIAS, linewidth=0.9)
    ax.set_ylabel(wrapped("weights U of the hidden layer" if hidden else "weights V of the output", WRAP))
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0, gid="zero")
    step_axis(ax, run)
    mark_divergence(ax, run, label=False)


def function_panel(run: xr.Dataset, ax: Axes) -> None:
    """Draw the last recorded output over the input, and the target below it."""
    inputs, outputs, targets = sorted_function(run)
    learned = outputs[-1]
    ax.plot(inputs, targets, **FUNCTION["target"])
    if np.isfinite(learned).all():
        ax.plot(inputs, learned, **FUNCTION["learned"])
    else:
        ax.text(0.5, 0.5, "diverged", color=ALARM, ha="center", va="center", transform=ax.transAxes)
    ax.set(xlabel=axis_label(run["inputs"]), ylabel=axis_label(run["outputs"]))
    if np.isfinite(inputs).all():  # a network that diverged at once has not even recorded its inputs
        ax.set_xlim(inputs[0], inputs[-1])


def sorted_function(run: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs (sample) in ascending order, with outputs (step, sample) and targets (sample) in the same order."""
    dim, inputs = step_dimension(run["outputs"]), run["inputs"]
    first = inputs.isel({name: 0 for name in inputs.dims if name != "sample"}).values
    order = np.argsort(first, kind="stable")
    outputs = run["outputs"].isel(output=0).transpose(dim, "sample").values
    targets = run["targets"].isel(output=0).transpose(dim, "sample").values
    return first[order], outputs[:, order], targets[0, order]


def neuron_colours(count: int) -> list[str]:
    """Return a colour for each hidden neuron."""
    if count <= NAMED:
        return list(PALETTE[:count])
    return [to_hex(ORDERED(place)) for place in np.linspace(0, 0.95, count)]


def _error_legend() -> list[Line2D]:
    return [Line2D([], [], color=colour, label=ERROR_NAMES[name]) for name, colour in ERRORS.items()]


def run_legend(run: xr.Dataset, function: bool = True) -> list[Line2D]:
    """Return legend entries for errors, neurons, biases and, if drawn, the learned function."""
    count = run.sizes["neuron_hidden"]
    colours = neuron_colours(count)
    handles = _error_legend()
    for neuron in range(count) if count <= NAMED else [0, count // 2, count - 1]:
        handles.append(Line2D([], [], color=colours[neuron], label=f"neuron {neuron}"))
    handles.append(Line2D([], [], color=SOFT, linestyle=BIAS, label="biases"))
    return handles + ([Line2D([], [], **look) for look in FUNCTION.values()] if function else [])


def _finish(ax: Axes, run: xr.Dataset, zoom: Range | None, label: str, log: bool = True) -> None:
    step_axis(ax, run, zoom)
    if log:
        log_axis(ax)
    ax.grid(axis="y")
    ax.set_ylabel(wrapped(label, WRAP))
    mark_divergence(ax, run)
