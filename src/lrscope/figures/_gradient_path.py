"""The gradients of a run as arrows in a plane, one behind the other: straight while they agree, zigzag when not."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lrscope.errors import must_be
from lrscope.figures._run import Range, escaped, variable
from lrscope.figures._style import ALARM, ORDERED, SOFT, WIDTH, axis_label, figure_of, new_axes, new_figure, style

EVERY = (100, 200, 500, 1000, 2000, 5000, 10_000)
"""Steps from a red dot to the next: as in the source, or for long runs the first that leaves few enough dots."""
DOTS = 20
ARROWS = 80
"""So many arrows have heads; more would hide each other."""
LOWEST = {"gradient_norm": ("x", "lowest gradient norm"), "loss": ("+", "lowest training error")}


def gradient_path(
    run: xr.Dataset, zoom: Range | None = None, every: int | None = None, bar: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw the path of the gradients: all of it, or the arrows of some steps.

    Parameters
    ----------
    run : records of one member: ``gradient_path`` (step, path_axis), where the arrow of each step ends; for a zoom also
        ``gradient_norm`` and ``loss``
    zoom : first and last step: draws arrows, and red crosses where gradient norm and training error are lowest in it;
        without it the whole path is drawn
    every : steps from a red dot to the next, on the whole path; 100 by default, more in runs of over 2000 steps
    bar : a colour bar that names the steps
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : both axes in units of the gradient norm, to the same scale; dark for the first steps and light for the last.
        A run that diverged is drawn until its error was a thousand times the first one

    Raises
    ------
    InputError : no step of the path lies in `zoom`, or a variable was not recorded.

    References
    ----------
    Peeters: Experiment 1B, a deeper look into the basic neural network (2025), figure 2.
    """
    steps, ends = _path(run, zoom)
    with style():
        ax = ax or new_axes(WIDTH / 2, 2.8)
        segments = np.stack([ends[:-1], ends[1:]], 1)
        lines = LineCollection(list(segments), cmap=ORDERED, linewidths=0.9 if zoom is None else 0.7, zorder=2)
        lines.set_array(steps[1:].astype(float))
        ax.add_collection(lines)
        ax.set_aspect("equal", adjustable="datalim")
        ax.autoscale_view()
        ax.margins(0.08)
        if zoom is None:
            _dots(ax, steps, ends, every)
        else:
            _heads(ax, steps, ends)
            _crosses(ax, run, steps, ends)
        _finish(ax, run, lines if bar else None)
    return ax


def gradient_paths(run: xr.Dataset, zoom: Range, every: int | None = None) -> Figure:
    """Draw `gradient_path` of a whole run, and beside it the zoom on some of its steps.

    Parameters
    ----------
    run, zoom, every : as for `gradient_path`

    Returns
    -------
    Figure : two panels

    Raises
    ------
    InputError : as `gradient_path`.
    """
    with style():
        figure = new_figure(WIDTH, 3.3)
        whole, near = figure.subplots(1, 2)
        gradient_path(run, None, every, ax=whole)
        gradient_path(run, zoom, every, ax=near)
        whole.set_title("(a) all steps")
        near.set_title(f"(b) steps {zoom[0]} to {zoom[1]}")
    return figure


def _path(run: xr.Dataset, zoom: Range | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps shown, and where their arrows end (step, 2); the first is where the first arrow starts."""
    path = variable(run, "gradient_path").transpose("step", "path_axis")
    steps, ends = path["step"].values, path.values
    steps, ends = np.r_[steps[0] - 1, steps], np.concatenate([np.zeros((1, 2)), ends])
    first, last = zoom or (steps[1], steps[-1])
    shown = (steps >= first - 1) & (steps <= last) & (steps < escaped(run)) & np.isfinite(ends).all(1)
    if shown.sum() < 2:
        raise must_be("zoom", f"within the steps of the path, {steps[1]} to {steps[-1]}", zoom)
    return steps[shown], ends[shown]


def _dots(ax: Axes, steps: np.ndarray, ends: np.ndarray, every: int | None) -> None:
    every = every or next((gap for gap in EVERY if len(steps) <= DOTS * gap + 1), EVERY[-1])
    chosen = (steps % every == 0) & (steps >= 0)
    look: dict[str, Any] = {"color": ALARM, "markersize": 3, "linestyle": "none", "zorder": 3}
    ax.plot(*ends[chosen].T, "o", label=f"every {every} iterations", **look)


def _heads(ax: Axes, steps: np.ndarray, ends: np.ndarray) -> None:
    arrows = np.diff(ends, axis=0)
    if len(arrows) > ARROWS:
        return
    look: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.005, "zorder": 2.5}
    look |= {"headwidth": 4, "headlength": 5, "headaxislength": 4.5}
    ax.quiver(*ends[:-1].T, *arrows.T, steps[1:].astype(float), cmap=ORDERED, **look)


def _crosses(ax: Axes, run: xr.Dataset, steps: np.ndarray, ends: np.ndarray) -> None:
    """Mark the lowest values within the steps shown."""
    for name, (marker, label) in LOWEST.items():
        place = int(np.nanargmin(variable(run, name).sel(step=steps[1:]).values)) + 1
        look: dict[str, Any] = {
            "color": ALARM,
            "markersize": 7,
            "markeredgewidth": 1.4,
            "linestyle": "none",
            "zorder": 4,
        }
        ax.plot(*ends[place], marker, label=f"{label}, step {steps[place]}", **look)


def _finish(ax: Axes, run: xr.Dataset, lines: LineCollection | None) -> None:
    ax.set(xlabel=axis_label(variable(run, "gradient_path")), ylabel="")
    ax.locator_params(nbins=5)
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.17), borderaxespad=0, handletextpad=0.3)
    if lines is not None:
        bar = figure_of(ax).colorbar(lines, ax=ax, pad=0.02, aspect=30, shrink=0.9)
        bar.set_label(axis_label(run["step"]))
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=SOFT)
