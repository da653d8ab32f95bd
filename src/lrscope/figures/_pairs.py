"""Neurons that are each other's duplicates: when they merge and when they part."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from lrscope.figures._run import thinned
from lrscope.figures._style import SOFT, WIDTH, axis_label, new_axes, require, style, value_label
from lrscope.figures._weights import PALETTE
from lrscope.records import step_dimension

NAMED = 8
"""Pairs with a colour and a name of their own."""
OTHERS = "#cfcfcf"


def neuron_pairs(similarity: xr.DataArray, together: xr.DataArray | None = None, ax: Axes | None = None) -> Axes:
    """Draw the similarity of pairs of neurons over the steps, with the steps at which they merged and parted.

    Parameters
    ----------
    similarity : (step, pair), with names of the pairs as coordinate
    together : (step, pair), true while the neurons of a pair count as duplicates: filled marks where that begins
        (merged), open ones where it ends (parted)
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : up to eight pairs have a colour, those that were together before the others; the rest is grey

    Raises
    ------
    InputError : other dimensions.
    """
    dim = step_dimension(similarity)
    require("similarity", similarity, dim, "pair")
    similarity = similarity.transpose("pair", dim)
    if together is not None:
        require("together", together, dim, "pair")
        together = together.transpose("pair", dim).astype(bool)
    steps = similarity[dim].values
    with style():
        ax = ax or new_axes(WIDTH * 0.7, 2.6)
        for place, colour in _chosen(similarity.sizes["pair"], together).items():
            name = value_label(similarity["pair"].values[place].item())
            of_pair = similarity.values[place]
            named = colour != OTHERS
            look: dict[str, Any] = {
                "color": colour,
                "linewidth": 1.2 if named else 0.6,
                "zorder": 2.5 if named else 1.5,
            }
            ax.plot(*thinned(steps, of_pair), label=name if named else "_", **look)
            if together is not None and named:
                _mark_changes(ax, steps, of_pair, together.values[place], colour)
        ax.set(xlabel=axis_label(similarity[dim]), ylabel=axis_label(similarity))
        ax.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
        ax.grid(axis="y")
        _legend(ax, together is not None, similarity.sizes["pair"])
    return ax


def _chosen(count: int, together: xr.DataArray | None) -> dict[int, str]:
    """Return a colour for each pair; pairs that were ever together are chosen first, then by their order."""
    ever = np.zeros(count, bool) if together is None else together.values.any(1)
    ranked = np.argsort(~ever, kind="stable")[:NAMED].tolist()
    palette = dict(zip(ranked, PALETTE, strict=False))
    return {place: palette.get(place, OTHERS) for place in range(count)}


def _mark_changes(ax: Axes, steps: np.ndarray, values: np.ndarray, together: np.ndarray, colour: str) -> None:
    changes = np.diff(together.astype(int), prepend=0)
    for change, face, gid in ((1, colour, "merged"), (-1, "white", "parted")):
        at = np.flatnonzero(changes == change)
        look: dict[str, Any] = {
            "color": colour,
            "markerfacecolor": face,
            "markersize": 5,
            "linestyle": "none",
            "zorder": 4,
        }
        if len(at):
            ax.plot(steps[at], values[at], "o", gid=gid, label="_", **look)


def _legend(ax: Axes, marked: bool, pairs: int) -> None:
    handles, _ = ax.get_legend_handles_labels()
    handles = handles[:]
    if pairs > NAMED:
        handles.append(*ax.plot([], [], color=OTHERS, label=f"{pairs - NAMED} more"))
    if marked:
        look: dict[str, Any] = {"color": SOFT, "marker": "o", "markersize": 5, "linestyle": "none"}
        handles += ax.plot([], [], label="merged", **look)
        handles += ax.plot([], [], label="parted", markerfacecolor="white", **look)
    ax.legend(handles=handles, title="neurons", title_fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))
