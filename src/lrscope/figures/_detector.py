"""How early each signal warned, and how far one may trust it."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.figures._style import (
    INK,
    SOFT,
    WIDTH,
    axis_label,
    bands,
    beside,
    new_axes,
    new_figure,
    require,
    sentence,
    style,
    value_label,
)

TARGETS = ("#12355b", "#ec7d4b", "#1b8a7a", "#b5446e", "#d8a31a", "#4a90c4")
SHARES = LinearSegmentedColormap.from_list("shares", ["#f6e3dc", "#f5f1e6", "#d5e8df"])
"""From 0 to 1, pale, so that the numbers on it can be read."""
MARKED = 0.55
"""Width of a place that its marks fill."""
CURVED = 3
"""Lead times above this multiple of the median magnitude make the axis symmetric logarithmic."""


def lead_times(lead: xr.DataArray, ax: Axes | None = None) -> Axes:
    """Draw how many steps before the event each signal came: a dot a run, a box for the middle half.

    Parameters
    ----------
    lead : (target, signal, run) updates; NaN where there was no signal or no event, negative for a late signal
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : under each signal how many runs it has, over all targets; where lead times spread over orders of magnitude
        the axis is symmetric logarithmic

    Raises
    ------
    InputError : other dimensions.
    """
    require("lead", lead, "target", "signal", "run")
    lead = lead.transpose("target", "signal", "run")
    signals, targets = lead["signal"].values.tolist(), lead["target"].values.tolist()
    with style():
        ax = ax or new_axes(WIDTH, 2.6)
        bands(ax, len(signals))
        shifts = beside(len(targets), 0.5 if len(targets) > 1 else 0.0)
        for shift, target, colour in zip(shifts, targets, TARGETS, strict=False):
            for place, signal in enumerate(signals):
                values = lead.sel(target=target, signal=signal).values
                _strip_and_box(ax, place + shift, values[np.isfinite(values)], colour, MARKED / len(targets))
        ax.axhline(0, color=INK, linewidth=0.7, zorder=1)
        _curved(ax, lead.values)
        counts = lead.notnull().sum(("target", "run")).values
        names = [f"{_name(signal)}\n{count} runs" for signal, count in zip(signals, counts, strict=True)]
        ax.set_xticks(range(len(signals)), names)
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(axis_label(lead))
        marks: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linestyle": "none"}
        handles = [
            Line2D([], [], color=c, label=value_label(t), **marks) for t, c in zip(targets, TARGETS, strict=False)
        ]
        if len(targets) > 1:
            ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(targets), borderaxespad=0)
    return ax


def detector_scores(scores: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw a table of shares: a row for each target and signal, a column for each score.

    Parameters
    ----------
    scores : Dataset (target, signal) of shares between 0 and 1, such as ``precision`` and ``recall``; NaN where nothing
        was signalled
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : cells are pale red for 0 and pale green for 1

    Raises
    ------
    InputError : other dimensions.
    """
    require("scores", scores, "target", "signal")
    columns = [scores[name].transpose("target", "signal") for name in scores]
    cells = np.stack([column.values for column in columns], -1)
    rows = cells.reshape(-1, len(columns))
    signals = scores["signal"].values.tolist()
    with style():
        ax = ax or new_axes(WIDTH / 2, 0.24 * len(rows) + 0.5)
        ax.imshow(rows, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(rows):
            ax.text(column, row, f"{share:.2f}" if np.isfinite(share) else "–", ha="center", va="center")
        ax.set_xticks(range(len(columns)), [axis_label(column) for column in columns])
        ax.set_yticks(range(len(rows)), [_name(signal) for _ in range(len(cells)) for signal in signals])
        ax.tick_params(length=0, labeltop=True, labelbottom=False)
        ax.spines[:].set_visible(False)
        for place, target in enumerate(scores["target"].values.tolist()):
            _name_group(ax, value_label(target), place, len(signals))
    return ax


def detector(lead: xr.DataArray, scores: xr.Dataset) -> Figure:
    """Draw the lead times of the signals, and beside them the table of their scores.

    Parameters
    ----------
    lead : (target, signal, run), for `lead_times`
    scores : Dataset (target, signal), for `detector_scores`

    Returns
    -------
    Figure : two panels

    Raises
    ------
    InputError : other dimensions.
    """
    with style():
        rows = scores.sizes.get("target", 1) * scores.sizes.get("signal", 1)
        figure = new_figure(WIDTH, max(2.8, 0.2 * rows + 0.6))
        left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
        lead_times(lead, left)
        detector_scores(scores, right)
    return figure


def _name(signal: Hashable) -> str:
    return value_label(signal).replace("_", " ")


def _strip_and_box(ax: Axes, place: float, values: np.ndarray, colour: str, width: float) -> None:
    """Draw all values as dots beside each other in their order, and their quartiles as a box."""
    if not len(values):
        return
    across = place + np.resize(beside(7, width * 0.7), len(values))
    ax.plot(across, values, "o", color=colour, markersize=2.2, markeredgewidth=0, alpha=0.55, zorder=2)
    if len(values) < 5:
        return
    look: dict[str, Any] = {"color": colour, "linewidth": 0.9}
    ax.boxplot(
        values, positions=[place], widths=width, showfliers=False, manage_ticks=False, showcaps=False, zorder=3,
        boxprops=look, whiskerprops=look, medianprops=look | {"linewidth": 2.0},
    )  # fmt: skip


def _curved(ax: Axes, values: np.ndarray) -> None:
    known = np.abs(values[np.isfinite(values) & (values != 0)])
    if len(known) and known.max() > CURVED * 10 * np.median(known):
        ax.set_yscale("symlog", linthresh=10)
        ax.yaxis.set_major_formatter("{x:g}")


def _name_group(ax: Axes, name: str, place: int, signals: int) -> None:
    """Write the name of a target beside its rows, and a line above them."""
    ax.annotate(
        sentence(name), (0, place * signals + (signals - 1) / 2), (-80, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="center", va="center", fontweight="bold", color=INK,
    )  # fmt: skip
    if place:
        ax.axhline(place * signals - 0.5, xmin=-0.4, color=SOFT, linewidth=0.6, clip_on=False)
