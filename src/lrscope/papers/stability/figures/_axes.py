"""Lines, axes and marks of the figures of one run: records of one member without the member dimension."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lrscope.figures._rate_axis import value_axis
from lrscope.figures._style import ALARM, SOFT, axis_label
from lrscope.records import step_dimension

Range = tuple[int, int]
"""First and last step of a zoom."""
Onsets = Mapping[str, int]
"""Criterion -> step; negative for what did not happen."""
TRAINING, TEST = "#12355b", "#ec7d4b"
COLOURS = {
    "error": TRAINING,
    "gradient norm": "#6d4aa0",
    "angle": "#1b8a7a",
    "sharpness": "#b5446e",
    "oscillation": "#9a6d00",
}
"""Of a quantity, and of the onset that is read from it."""
ERRORS = {"loss": TRAINING, "val_loss": TEST}
ERROR_NAMES = {"loss": "training error", "val_loss": "test error"}
DIVERGING = 1e3
"""An error above this multiple of the first one: later values would hide the rest of an axis."""


def draw_line(ax: Axes, array: xr.DataArray, zoom: Range | None = None, end: float = np.inf, **look: Any) -> Line2D:
    """Draw a variable (step) as a line: all steps, or those from the first to the last of `zoom`, before `end`."""
    steps = array[step_dimension(array)].values
    first, last = zoom or (-np.inf, np.inf)
    shown = (steps >= first) & (steps <= last) & (steps < end) & np.isfinite(array.values)
    (line,) = ax.plot(steps[shown], array.values[shown], **{"marker": "." if shown.sum() == 1 else "", **look})
    return line


def divergence(run: xr.Dataset) -> int | None:
    """Return the first step whose training error is not finite; None if it stayed finite."""
    failed = ~np.isfinite(run["loss"].values)
    return int(run["step"].values[failed.argmax()]) if failed.any() else None


def readable_end(run: xr.Dataset) -> float:
    """Return the first step whose training error is a thousand times the first one or not finite; else infinity."""
    error = run["loss"].values
    gone = ~(error <= DIVERGING * error[0])
    return float(run["step"].values[gone.argmax()]) if gone.any() else np.inf


def step_axis(ax: Axes, run: xr.Dataset, zoom: Range | None = None) -> None:
    """Label the horizontal axis; limit it to a zoom, or to the run, cut where it diverged."""
    steps = run["step"]
    first, last = zoom or (int(steps.values[0]), int(steps.values[-1]))
    if zoom is None and divergence(run) is not None:
        last = min(last, int(1.3 * readable_end(run)) + 5)
    ax.set_xlim(first, last if last > first else first + 1)
    ax.set_xlabel(axis_label(steps))
    ax.locator_params(axis="x", nbins=6, integer=True)


def log_axis(*axes: Axes) -> None:
    """Make the vertical axis of panels logarithmic, with one range for all lines but those of marks."""
    lines = [line for ax in axes for line in ax.lines if line.get_gid() is None]
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in lines])
    for ax in axes:
        value_axis(ax, values)


def happened(onsets: Onsets) -> dict[str, int]:
    """Return what happened, in order: criterion -> step.

    Examples
    --------
    >>> happened({"error": 750, "oscillation": -1, "gradient_norm": 745})
    {'gradient norm': 745, 'error': 750}
    """
    known = {name.replace("_", " "): int(step) for name, step in onsets.items() if step >= 0}
    return dict(sorted(known.items(), key=lambda event: event[1]))


def mark_onset(ax: Axes, onsets: Onsets, criterion: str) -> None:
    """Draw a faint line at each onset in view, and a strong one with its step at that of `criterion`."""
    first, last = ax.get_xlim()
    for name, step in happened(onsets).items():
        if first <= step <= last:
            chosen, colour = name == criterion, COLOURS.get(name, SOFT)
            width, alpha = (0.9, 1.0) if chosen else (0.5, 0.45)
            ax.axvline(step, color=colour, linewidth=width, alpha=alpha, zorder=1.5, gid=f"onset {name}")
            if chosen:
                _beside_line(ax, step, f"onset {step}", colour)


def mark_divergence(ax: Axes, run: xr.Dataset, label: bool = True) -> None:
    """Mark the step at which a run diverged, if it did; an arrow points to it where it lies right of the axis."""
    step = divergence(run)
    first, last = ax.get_xlim()
    if step is None or step < first:
        return
    if step <= last:
        ax.axvline(step, color=ALARM, linewidth=0.8, linestyle=(0, (2, 1.5)), zorder=4, gid="diverged")
    if label:
        text = f"diverged at {step}"
        _beside_line(ax, min(step, last), text if step <= last else f"{text} \N{RIGHTWARDS ARROW}", ALARM)


def _beside_line(ax: Axes, step: float, text: str, colour: str) -> None:
    """Write at the upper end of a vertical line, on the side with more room."""
    first, last = ax.get_xlim()
    late = step - first > 0.5 * (last - first)
    look: dict[str, Any] = {"xytext": (-3 if late else 3, 0), "ha": "right" if late else "left", "fontsize": 6.5}
    look["bbox"] = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    look |= {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    ax.annotate(text, (step, 1), va="top", color=colour, zorder=5, **look)
