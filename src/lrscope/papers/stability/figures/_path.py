"""The gradients of a run as arrows in a plane, each starting where the last one ends: straight while they agree."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from lrscope.figures._style import ALARM, ORDERED, SOFT, WIDTH, axis_label, new_figure, style
from lrscope.papers.stability.figures._axes import Range, readable_end

DOT_EVERY = (100, 200, 500, 1000, 2000, 5000, 10_000)
"""Steps from a red dot to the next: as in the source, or for long runs the first that leaves at most `MAX_DOTS`."""
MAX_DOTS = 20
MAX_HEADS = 80
"""Up to this many arrows have heads; more would hide each other."""
LOWEST = {"gradient_norm": ("x", "lowest gradient norm"), "loss": ("+", "lowest training error")}


def gradient_path(run: xr.Dataset, zoom: Range) -> Figure:
    """Draw figure 2: the path of the gradients of a whole run, and the arrows of the steps of a zoom.

    Both axes are in units of the gradient norm, to the same scale; dark for the first steps and light for the last.
    A run that diverged is drawn until its error was a thousand times the first one.
    """
    steps, ends = path_of(run)
    inside = (steps >= zoom[0] - 1) & (steps <= zoom[1])
    look: dict[str, Any] = {"color": ALARM, "linestyle": "none", "zorder": 4}
    with style():
        figure = new_figure(WIDTH, 3.3)
        whole, near = figure.subplots(1, 2)
        _draw_path(figure, whole, run, steps, ends)
        every = next((gap for gap in DOT_EVERY if len(steps) <= MAX_DOTS * gap + 1), DOT_EVERY[-1])
        chosen = (steps % every == 0) & (steps >= 0)
        whole.plot(*ends[chosen].T, "o", label=f"every {every} iterations", markersize=3, **look)
        steps, ends = steps[inside], ends[inside]
        _draw_path(figure, near, run, steps, ends)
        arrows = np.diff(ends, axis=0)
        if len(arrows) <= MAX_HEADS:
            heads: dict[str, Any] = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.005, "zorder": 2.5}
            near.quiver(*ends[:-1].T, *arrows.T, steps[1:].astype(float), cmap=ORDERED, headlength=4, **heads)
        for name, (marker, label) in LOWEST.items():
            place = int(np.nanargmin(run[name].sel(step=steps[1:]).values)) + 1
            text = f"{label}, step {steps[place]}"
            near.plot(*ends[place], marker, label=text, markersize=7, markeredgewidth=1.4, **look)
        for ax, title in ((whole, "(a) all steps"), (near, f"(b) steps {zoom[0]} to {zoom[1]}")):
            ax.set_title(title)
            ax.legend(loc="upper left", bbox_to_anchor=(0, -0.17), borderaxespad=0, handletextpad=0.3)
    return figure


def path_of(run: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return steps and where their arrows end (step, 2), first the origin, until the error became too large to draw."""
    path = run["gradient_path"].transpose("step", "path_axis")
    steps = np.r_[path["step"].values[0] - 1, path["step"].values]
    ends = np.concatenate([np.zeros((1, 2)), path.values])
    shown = (steps < readable_end(run)) & np.isfinite(ends).all(1)
    return steps[shown], ends[shown]


def _draw_path(figure: Figure, ax: Axes, run: xr.Dataset, steps: np.ndarray, ends: np.ndarray) -> None:
    segments = list(np.stack([ends[:-1], ends[1:]], 1))
    lines = LineCollection(segments, cmap=ORDERED, linewidths=0.8, zorder=2, array=steps[1:].astype(float))
    ax.add_collection(lines)
    ax.set_aspect("equal", adjustable="datalim")
    ax.autoscale_view()
    ax.margins(0.08)
    ax.set_xlabel(axis_label(run["gradient_path"]))
    ax.locator_params(nbins=5)
    bar = figure.colorbar(lines, ax=ax, pad=0.02, aspect=30, shrink=0.9)
    bar.set_label(axis_label(run["step"]))
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=SOFT)
