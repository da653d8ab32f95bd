"""How early each alarm came, and how reliable it is."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.figures._style import INK, WIDTH, axis_label, bands, beside, new_figure, style

TARGETS = ("#12355b", "#ec7d4b")
SHARES = LinearSegmentedColormap.from_list("shares", ["#f6e3dc", "#f5f1e6", "#d5e8df"])
"""From 0 to 1, pale, so that the numbers on it can be read."""
SCORES = ("precision", "recall", "f1")
BOX_WIDTH = 0.28


def alarm_scores(tested: xr.Dataset) -> Figure:
    """Draw the lead times of each alarm, a dot a network and a box for the middle half, and a table of its scores.

    Parameters
    ----------
    tested : Dataset (target, signal) of ``precision``, ``recall`` and ``f1``, between 0 and 1 or NaN, and ``lead``
        (member too), in updates, NaN without a true alarm; ``onsets`` says how many there were to announce
    """
    with style():
        figure = new_figure(WIDTH, 2.8)
        left, right = figure.subplots(1, 2, width_ratios=[1.7, 1])
        _lead_times(left, tested["lead"], int(tested["onsets"].isel(signal=0).sum()))
        _table(right, tested)
    return figure


def _lead_times(ax: Axes, lead: xr.DataArray, onsets: int) -> None:
    signals, targets = lead["signal"].values.tolist(), lead["target"].values.tolist()
    bands(ax, len(signals))
    for shift, target, colour in zip(beside(len(targets), 0.5), targets, TARGETS, strict=True):
        for place, signal in enumerate(signals):
            values = lead.sel(target=target, signal=signal).values
            values = values[np.isfinite(values)]
            across = place + shift + np.resize(beside(7, BOX_WIDTH * 0.7), len(values))
            ax.plot(across, values, "o", color=colour, markersize=2.2, markeredgewidth=0, alpha=0.55, zorder=2)
            if len(values) >= 5:
                look: dict[str, Any] = {"color": colour, "linewidth": 0.9}
                lines: dict[str, Any] = {
                    "boxprops": look,
                    "whiskerprops": look,
                    "medianprops": look | {"linewidth": 2.0},
                }
                shape: dict[str, Any] = {"showfliers": False, "showcaps": False, "manage_ticks": False, "zorder": 3}
                ax.boxplot(values, positions=[place + shift], widths=BOX_WIDTH, **shape, **lines)
    counts = lead.notnull().sum(("target", "member")).values
    names = [f"{name}\n{count} of {onsets} onsets" for name, count in zip(signals, counts, strict=True)]
    ax.set_xticks(range(len(signals)), names)
    ax.tick_params(axis="x", length=0)
    if bool((lead > 0).any()):
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    ax.set_ylabel(axis_label(lead))
    marks: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linestyle": "none"}
    handles = [Line2D([], [], color=c, label=str(t), **marks) for t, c in zip(targets, TARGETS, strict=True)]
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(targets), borderaxespad=0)


def _table(ax: Axes, scores: xr.Dataset) -> None:
    """Draw a row for each target and signal, a column for each score: pale red for 0 and pale green for 1."""
    rows = np.stack([scores[name].transpose("target", "signal").values.ravel() for name in SCORES], -1)
    ax.imshow(rows, cmap=SHARES, vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(rows):
        ax.text(column, row, f"{share:.2f}" if np.isfinite(share) else "–", ha="center", va="center", color=INK)
    names = [f"{target}: {signal}" for target in scores["target"].values for signal in scores["signal"].values]
    ax.set_xticks(range(len(SCORES)), [axis_label(scores[name]) for name in SCORES])
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.axhline(scores.sizes["signal"] - 0.5, color="white", linewidth=3)
