"""What figures of one run share: colours of what is measured, lines that keep their spikes, axes of divergence."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from lrscope.errors import unknown
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
"""Of a quantity, and of the sign of instability that it gives."""
ERRORS = {"loss": TRAINING, "val_loss": TEST}
POINTS = 3000
"""Of a line; what is longer is thinned, with the smallest and the largest value of each stretch kept."""
ESCAPED = 1e3
"""An error above this multiple of the first one: what comes later would hide the rest of an axis."""
SEEN = 1e6
"""Multiple of its first value up to which a logarithmic axis follows a line."""
WRAP = 19
"""Characters of a line of a label beside a small panel."""


def variable(run: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable of a run.

    Raises
    ------
    InputError : it was not recorded.
    """
    if name not in run:
        raise unknown("variable", name, [str(known) for known in run.data_vars])
    return run[name]


def thinned(steps: np.ndarray, values: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return a line of at most `points` points, with the smallest and the largest of each stretch.

    Parameters
    ----------
    steps, values : (step); what is not finite is left out

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
    ends = [stretch[[values[stretch].argmin(), values[stretch].argmax()]] for stretch in stretches]
    kept = np.unique(np.concatenate([[0], *ends, [len(values) - 1]]))
    return steps[kept], values[kept]


def draw_line(
    ax: Axes,
    array: xr.DataArray,
    zoom: Range | None = None,
    end: float = np.inf,
    points: int = POINTS,
    **look: Any,
) -> Line2D:
    """Draw a variable (step) as a line: all steps, or those from the first to the last of `zoom`, before `end`."""
    steps = array[step_dimension(array)].values
    first, last = zoom or (-np.inf, np.inf)
    shown = (steps >= first) & (steps <= last) & (steps < end)
    steps, values = thinned(steps[shown], array.values.astype(float)[shown], points)
    look = {"marker": "." if len(steps) == 1 else "", **look}
    (line,) = ax.plot(steps, values, **look)
    return line


def last_known(run: xr.Dataset) -> int | None:
    """Return the first step of the run whose training error is not finite; None if it stayed finite."""
    error = variable(run, "loss")
    failed = ~np.isfinite(error.values)
    return int(error[step_dimension(error)].values[failed.argmax()]) if failed.any() else None


def escaped(run: xr.Dataset) -> float:
    """Return the first step whose training error is a thousand times the first one or not finite; else infinity."""
    error = variable(run, "loss")
    gone = ~(error.values <= ESCAPED * error.values[0])
    return float(error[step_dimension(error)].values[gone.argmax()]) if gone.any() else np.inf


def wrapped(label: str) -> str:
    """Return a label in lines that fit beside a small panel."""
    return "\n".join(textwrap.wrap(label, WRAP))


def step_axis(ax: Axes, run: xr.Dataset, zoom: Range | None = None, ticks: int = 6) -> None:
    """Label the horizontal axis and cut it to a zoom, or to the run; one that diverged, to where its error escaped."""
    steps = run["step"]
    first, last = zoom or (int(steps.values[0]), int(steps.values[-1]))
    if zoom is None and last_known(run) is not None:
        last = min(last, int(1.3 * escaped(run)) + 5)
    ax.set_xlim(first, last if last > first else first + 1)
    ax.set_xlabel(axis_label(steps))
    ax.locator_params(axis="x", nbins=ticks, integer=True)


def log_range(lines: Sequence[np.ndarray]) -> tuple[float, float] | None:
    """Return the ends of a logarithmic axis that a divergence does not stretch beyond reading; None without values."""
    known = [line[line > 0] for line in lines if (line > 0).any()]
    if not known:
        return None
    low, high = min(line.min() for line in known), max(min(line.max(), line[0] * SEEN) for line in known)
    room = max((high / low) ** 0.05, 1.05)
    return float(low / room), float(high * room)


def log_axis(ax: Axes) -> None:
    """Give the lines of an Axes a logarithmic axis, if anything is positive."""
    ends = log_range([np.asarray(line.get_ydata(), dtype=float) for line in ax.lines])
    if ends is None:
        return
    ax.set_ylim(*ends)
    ax.set_yscale("log")
    if ends[1] / ends[0] > 15:
        ax.yaxis.set(major_locator=LogLocator(numticks=7), minor_formatter=NullFormatter())
    else:
        ax.yaxis.set(major_locator=MaxNLocator(5), major_formatter="{x:g}", minor_locator=NullLocator())
