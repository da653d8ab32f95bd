"""Several runs: their errors beside or over each other, and a row of panels for each configuration."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.errors import must_be
from lrscope.figures._events import Onsets, mark_divergence, mark_onset
from lrscope.figures._panels import one_legend, panel_grid
from lrscope.figures._run import draw_line, escaped, log_axis, step_axis, variable
from lrscope.figures._style import WIDTH, axis_label, colours, new_axes, new_figure, rate_marks, style
from lrscope.figures._training import LEGEND, error_panel, run_legend, weights_and_function

PANEL, ROW = 1.7, 1.75
"""Inches: height of a panel, of a row of panels."""


def error_panels(
    runs: Mapping[str, xr.Dataset], onsets: Mapping[str, Onsets] | None = None, columns: int = 3
) -> Figure:
    """Draw training and test error of several runs beside each other, on the same logarithmic axis.

    Parameters
    ----------
    runs : title -> records of one member: ``loss`` and, if recorded, ``val_loss`` (step)
    onsets : title -> onsets of that run; the onset of the error is marked, the others faintly
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : no run, or one without ``loss``.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), figure 3.
    """
    with style():
        figure, axes, left_over = panel_grid(len(runs), columns, PANEL)
        for ax, (title, run) in zip(axes, runs.items(), strict=True):
            error_panel(run, ax)
            mark_onset(ax, (onsets or {}).get(title), "error")
            ax.set_title(title)
        _same_range([ax for ax, run in zip(axes, runs.values(), strict=True) if np.isinf(escaped(run))])
        for place, ax in enumerate(axes):
            ax.set(ylabel=ax.get_ylabel() if place % columns == 0 else "")
        one_legend(figure, run_legend(next(iter(runs.values())), weights=False), left_over)
    return figure


def errors_by_rate(runs: Mapping[str, xr.Dataset], name: str = "loss", ax: Axes | None = None) -> Axes:
    """Draw an error of several runs over each other, in the colours of their learning rates.

    Parameters
    ----------
    runs : title -> records of one member with the scalar coordinate ``lr``
    name : ``loss`` or ``val_loss``
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : runs that diverged end in a cross

    Raises
    ------
    InputError : no run, one without a learning rate, or without the error.
    """
    rates = [_rate(run) for run in runs.values()]
    if not rates:
        raise must_be("runs", "one or more, by title", dict(runs))
    palette = colours(list(dict.fromkeys(rates)))
    with style():
        ax = ax or new_axes(WIDTH * 0.6, 2.6)
        for run, rate in zip(runs.values(), rates, strict=True):
            draw_line(ax, variable(run, name), color=palette[rate], linewidth=1.0)
        longest = max(runs.values(), key=lambda run: int(run["step"].values[-1]))
        step_axis(ax, longest)
        log_axis(ax)
        ax.set_ylabel(axis_label(variable(longest, name)))
        ax.grid(axis="y")
        for run in runs.values():
            mark_divergence(ax, run, label=False)
        ax.legend(handles=rate_marks(palette))
    return ax


def configurations(runs: Mapping[str, xr.Dataset], onsets: Mapping[str, Onsets] | None = None) -> Figure:
    """Draw a row for each run: its error, its weights, and, where it was recorded, what it learned.

    Parameters
    ----------
    runs : title -> records of one member: ``loss``, ``val_loss``, the weights and biases of both layers and, for
        the last column, ``outputs``, ``targets`` and ``inputs``
    onsets : title -> onsets of that run

    Returns
    -------
    Figure : columns error, weights U, weights V, learned function

    Raises
    ------
    InputError : no run, or a variable that was not recorded.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), figures 4 to 6.
    """
    if not runs:
        raise must_be("runs", "one or more, by title", dict(runs))
    columns = 4 if any("outputs" in run for run in runs.values()) else 3
    with style():
        figure = new_figure(WIDTH, ROW * len(runs) + 0.3)
        grid = figure.subplots(len(runs), columns, squeeze=False)
        for row, (title, run) in zip(grid, runs.items(), strict=True):
            _configuration(run, list(row), (onsets or {}).get(title))
            row[0].set_title(title)
        _same_range([row[0] for row, run in zip(grid, runs.values(), strict=True) if np.isinf(escaped(run))])
        for ax in grid[:, :3].flat:
            ax.locator_params(axis="x", nbins=3 if columns == 4 else 5)
        most = max(runs.values(), key=lambda run: variable(run, "weights_hidden").sizes["neuron_hidden"])
        handles = run_legend(most, function=columns == 4)
        figure.legend(handles=handles, loc="outside lower right", ncols=12, **LEGEND)
    return figure


def _configuration(run: xr.Dataset, axes: list[Axes], onsets: Onsets | None) -> None:
    error_panel(run, axes[0])
    mark_onset(axes[0], onsets, "error")
    weights_and_function(run, axes[1:])


def _same_range(axes: list[Axes]) -> None:
    """Give all axes the same vertical range, the widest of them."""
    ends = [ax.get_ylim() for ax in axes]
    for ax in axes:
        ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def _rate(run: xr.Dataset) -> float:
    if "lr" not in run.coords or run["lr"].ndim:
        raise must_be("a run", "records of one member with the scalar coordinate lr", list(map(str, run.coords)))
    return float(run["lr"])
