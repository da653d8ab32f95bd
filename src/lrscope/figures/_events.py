"""Events of a run in a figure: the onsets of its instability, and the step at which it diverged."""

from collections.abc import Mapping
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from lrscope.figures._run import COLOURS, last_known
from lrscope.figures._style import ALARM, SOFT

Onsets = Mapping[str, int] | xr.DataArray
"""Criterion -> step, or DataArray (criterion); negative or NaN for what did not happen."""
ROW = 8.5
"""Points: height of a label of an event."""


def happened(onsets: Onsets | None) -> dict[str, int]:
    """Return what happened, in its order: criterion -> step.

    Examples
    --------
    >>> happened({"error": 750, "oscillation": -1, "gradient_norm": 745})
    {'gradient norm': 745, 'error': 750}
    """
    if onsets is None:
        return {}
    if isinstance(onsets, xr.DataArray):
        given = dict(zip(onsets["criterion"].values.tolist(), onsets.values.tolist(), strict=True))
    else:
        given = dict(onsets)
    known = {str(name).replace("_", " "): int(step) for name, step in given.items() if step >= 0}
    return dict(sorted(known.items(), key=lambda event: event[1]))


def mark_onset(ax: Axes, onsets: Onsets | None, criterion: str) -> None:
    """Draw a faint line at each onset in view, and a strong one with its step at that of `criterion`."""
    first, last = ax.get_xlim()
    for name, step in happened(onsets).items():
        if not first <= step <= last:
            continue
        own, colour = name == criterion, COLOURS.get(name, SOFT)
        width, alpha = (0.9, 1.0) if own else (0.5, 0.45)
        ax.axvline(step, color=colour, linewidth=width, alpha=alpha, zorder=1.5, gid=f"onset {name}")
        if own:
            _beside(ax, step, f"onset {step}", colour)


def mark_onsets(ax: Axes, onsets: Onsets | None, labels: bool = True) -> None:
    """Draw a line at each onset; the labels stand above the axes, each in a row of its own."""
    events = happened(onsets)
    first, last = ax.get_xlim()
    inside = {name: step for name, step in events.items() if first <= step <= last}
    steps = list(inside.values())
    to_left = bool(steps) and steps[0] - first > last - steps[-1]
    order = list(inside) if to_left else list(inside)[::-1]
    for name, step in inside.items():
        colour = COLOURS.get(name, SOFT)
        ax.axvline(step, color=colour, linewidth=0.8, zorder=1.5, gid=f"onset {name}")
        if labels:
            _label(ax, f"{name} {step}", step, order.index(name), to_left, colour)


def _label(ax: Axes, text: str, step: int, row: int, to_left: bool, colour: str) -> None:
    """Write a label above the axes, at the upper end of a line from its step: earlier lines do not cross it."""
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
        arrowprops={
            "arrowstyle": "-",
            "color": colour,
            "linewidth": 0.8,
            "shrinkA": 0,
            "shrinkB": 0,
            "relpos": (1.0 if to_left else 0.0, 0.0),
        },
        annotation_clip=False,
    )


def mark_divergence(ax: Axes, run: xr.Dataset, label: bool = True) -> None:
    """Mark the step at which a run diverged, if it did; where that lies to the right of the axis, say so there."""
    step = last_known(run)
    first, last = ax.get_xlim()
    if step is None or step < first:
        return
    if step <= last:
        ax.axvline(step, color=ALARM, linewidth=0.8, linestyle=(0, (2, 1.5)), zorder=4, gid="diverged")
    if label:
        text = f"diverged at {step}"
        _beside(ax, min(step, last), text if step <= last else f"{text} \N{RIGHTWARDS ARROW}", ALARM)


def _beside(ax: Axes, step: float, text: str, colour: str) -> Annotation:
    """Write at the upper end of a vertical line, on its side with more room."""
    first, last = ax.get_xlim()
    late = step - first > 0.5 * (last - first)
    place: dict[str, Any] = {"xytext": (-3 if late else 3, 0), "ha": "right" if late else "left"}
    box = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
    return ax.annotate(
        text, (step, 1), xycoords=("data", "axes fraction"), textcoords="offset points", va="top", color=colour,
        fontsize=6.5, bbox=box, zorder=5, **place,
    )  # fmt: skip
