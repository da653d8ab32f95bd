"""Lines and axes of the figures of one run: records of one member without the member dimension."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from lrscope.figures._style import axis_label
from lrscope.records import step_dimension

Range = tuple[int, int]
"""First and last step of a zoom."""

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
MAX_POINTS = 3000
"""Of a line; longer ones are thinned, with the smallest and the largest value of each stretch kept."""
DIVERGING = 1e3
"""An error above this multiple of the first one: later values would hide the rest of an axis."""
MAX_RISE = 1e6
"""Multiple of its first value up to which a logarithmic axis follows a line."""
WRAP = 19
"""Characters of a line of a label beside a small panel."""


def thinned(steps: np.ndarray, values: np.ndarray, points: int = MAX_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return the finite values of a line, at most `points`, with the smallest and the largest of each stretch.

    Examples
    --------
    >>> steps = np.arange(1000)
    >>> x, y = thinned(steps, np.where(steps == 617, 5.0, 0.0), 20)
    >>> len(x) <= 20, y.max().item(), x[y.argmax()].item()
    (True, 5.0, 617)
    """
    known = np.isfinite(values)
    steps, values = steps[known], values[known]
    if len(values) <= points:
        return steps, values
    stretches = np.array_split(np.arange(len(values)), max(1, (points - 2) // 2))
    extremes = [stretch[[values[stretch].argmin(), values[stretch].argmax()]] for stretch in stretches]
    kept = np.unique(np.concatenate([[0], *extremes, [len(values) - 1]]))
    return steps[kept], values[kept]


def draw_line(ax: Axes, array: xr.DataArray, zoom: Range | None = None, end: float = np.inf, **look: Any) -> Line2D:
    """Draw a variable (step) as a line: all steps, or those from the first to the last of `zoom`, before `end`."""
    steps = array[step_dimension(array)].values
    first, last = zoom or (-np.inf, np.inf)
    shown = (steps >= first) & (steps <= last) & (steps < end)
    steps, values = thinned(steps[shown], array.values.astype(float)[shown])
    (line,) = ax.plot(steps, values, **{"marker": "." if len(steps) == 1 else "", **look})
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


def wrapped(label: str) -> str:
    """Return a label in lines that fit beside a small panel."""
    return "\n".join(textwrap.wrap(label, WRAP))


def step_axis(ax: Axes, run: xr.Dataset, zoom: Range | None = None, ticks: int = 6) -> None:
    """Label the horizontal axis; limit it to a zoom, or to the run, cut where it diverged."""
    steps = run["step"]
    first, last = zoom or (int(steps.values[0]), int(steps.values[-1]))
    if zoom is None and divergence(run) is not None:
        last = min(last, int(1.3 * readable_end(run)) + 5)
    ax.set_xlim(first, last if last > first else first + 1)
    ax.set_xlabel(axis_label(steps))
    ax.locator_params(axis="x", nbins=ticks, integer=True)


def log_range(lines: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Return the ends of a logarithmic axis that a divergence does not stretch beyond reading; None without values."""
    known = [line[line > 0] for line in lines if (line > 0).any()]
    if not known:
        return None
    low, high = min(line.min() for line in known), max(min(line.max(), line[0] * MAX_RISE) for line in known)
    room = max((high / low) ** 0.05, 1.05)
    return float(low / room), float(high * room)


def log_axis(ax: Axes) -> None:
    """Make the vertical axis logarithmic, if any line has a positive value."""
    ends = log_range([np.asarray(line.get_ydata(), dtype=float) for line in ax.lines])
    if ends is None:
        return
    ax.set_ylim(*ends)
    ax.set_yscale("log")
    if ends[1] / ends[0] > 15:
        ax.yaxis.set(major_locator=LogLocator(numticks=7), minor_formatter=NullFormatter())
    else:
        ax.yaxis.set(major_locator=MaxNLocator(5), major_formatter="{x:g}", minor_locator=NullLocator())
