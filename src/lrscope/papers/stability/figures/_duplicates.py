"""Neurons that are each other's duplicates: when they merge and when they part."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.figures._style import SOFT, WIDTH, axis_label, new_figure, style
from lrscope.papers.stability.figures._network import PALETTE
from lrscope.papers.stability.figures._run import thinned
from lrscope.records import step_dimension

NAMED = 8
"""Pairs with a colour and a name of their own."""
OTHERS = "#cfcfcf"


def duplicate_pairs(similarity: xr.DataArray, threshold: float) -> Figure:
    """Draw the similarity (step, pair) of pairs of neurons over the steps, with marks where they merged and parted.

    Up to eight pairs have a colour, those that ever were duplicates before the others.
    """
    dim = step_dimension(similarity)
    steps, values = similarity[dim].values, similarity.transpose("pair", dim).values
    together = values >= threshold
    ranked = np.argsort(~together.any(1), kind="stable")
    with style():
        figure = new_figure(WIDTH * 0.7, 2.6)
        ax = figure.subplots()
        for rank, place in enumerate(ranked):
            colour = PALETTE[rank] if rank < NAMED else OTHERS
            name = str(similarity["pair"].values[place]) if rank < NAMED else "_"
            width, above = (1.2, 2.5) if rank < NAMED else (0.6, 1.5)
            ax.plot(*thinned(steps, values[place]), color=colour, label=name, linewidth=width, zorder=above)
            if rank < NAMED:
                _mark_changes(ax, steps, values[place], together[place], colour)
        ax.set(xlabel=axis_label(similarity[dim]), ylabel=axis_label(similarity))
        ax.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
        ax.grid(axis="y")
        _legend(ax, len(ranked))
    return figure


def _mark_changes(ax: Axes, steps: np.ndarray, values: np.ndarray, together: np.ndarray, colour: str) -> None:
    """Draw filled marks where a pair merges, open ones where it parts."""
    changes = np.diff(together.astype(int), prepend=0)
    for change, face, gid in ((1, colour, "merged"), (-1, "white", "parted")):
        at = np.flatnonzero(changes == change)
        look: dict[str, Any] = {"color": colour, "markerfacecolor": face, "markersize": 5, "zorder": 4, "label": "_"}
        if len(at):
            ax.plot(steps[at], values[at], "o", gid=gid, **look)


def _legend(ax: Axes, pairs: int) -> None:
    handles, _ = ax.get_legend_handles_labels()
    if pairs > NAMED:
        handles += ax.plot([], [], color=OTHERS, label=f"{pairs - NAMED} more")
    look: dict[str, Any] = {"color": SOFT, "marker": "o", "markersize": 5, "linestyle": "none"}
    handles += ax.plot([], [], label="merged", **look)
    handles += ax.plot([], [], label="parted", markerfacecolor="white", **look)
    ax.legend(handles=handles, title="neurons", title_fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
