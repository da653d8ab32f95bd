"""Events of a run in a figure: its onsets of instability, and the step at which it diverged."""

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.axes import Axes

from lrscope.figures._style import ALARM, SOFT
from lrscope.papers.stability.figures._run import COLOURS, divergence

Onsets = Mapping[str, int]
"""Criterion -> step; negative for what did not happen."""
ROW = 8.5
"""Points: height of the label of an event."""


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
        if not first <= step <= last:
            continue
        chosen, colour = name == criterion, COLOURS.get(name, SOFT)
        width, alpha = (0.9, 1.0) if chosen else (0.5, 0.45)
        ax.axvline(step, color=colour, linewidth=width, alpha=alpha, zorder=1.5, gid=f"onset {name}")
        if chosen:
            _beside_line(ax, step, f"onset {step}", colour)


def mark_onsets(ax: Axes, onsets: Onsets, labels: bool = True) -> None:
    """Draw a line at each onset; the labels stand above the axes, each in a row of its own."""
    first, last = ax.get_xlim()
    inside = {name: step for name, step in happened(onsets).items() if first <= step <= last}
    steps = list(inside.values())
    to_left = bool(steps) and steps[0] - first > last - steps[-1]
    order = list(inside) if to_left else list(inside)[::-1]
    for name, step in inside.items():
        colour = COLOURS.get(name, SOFT)
        ax.axvline(step, color=colour, linewidth=0.8, zorder=1.5, gid=f"onset {name}")
        if labels:
            _above_axes(ax, f"{name} {step}", step, order.index(name), to_left, colour)


def _above_axes(ax: Axes, text: str, step: int, row: int, to_left: bool, colour: str) -> None:
    """Write a label above the axes, joined by a line to its step so that labels of close steps do not overlap."""
    arrow: dict[str, Any] = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    ax.annotate(
        text,
        (step, 1),
        (0, 2 + ROW * row),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right" if to_left else "left",
        va="bottom",
        fontsize=6.5,
        color=colour,
        bbox={"boxstyle": "square,pad=0.2", "facecolor": "none", "edgecolor": "none"},
        arrowprops=arrow | {"relpos": (1.0 if to_left else 0.0, 0.0)},
        annotation_clip=False,
    )


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
