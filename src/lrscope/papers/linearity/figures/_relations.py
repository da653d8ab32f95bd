"""The change of mean outputs against the output itself, and how far its path bends."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lrscope.figures._rate_axis import wrapped
from lrscope.figures._style import axis_label, new_axes, require, style
from lrscope.papers.linearity._text import with_interval
from lrscope.papers.linearity.figures._density import density, density_bar, limits_of
from lrscope.papers.linearity.figures._scatter import LEAST, flat, minus, plain_title

BINS = "#12a5a5"
"""Means of bins, in another colour than the points."""


def delta_by_output(relation: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the change of each mean output against the mean output itself: is it a simple function of it?

    Parameters
    ----------
    relation : Dataset of `analysis.delta_against_output`: ``output``, ``delta`` (sample, output), the line, the
        means of the bins with their intervals (bin), and the shares of the variance that both explain
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : an image of the points; the line of least squares; the mean of each bin with its interval

    Raises
    ------
    InputError : other dimensions.

    References
    ----------
    K. Jordan, "The learning rate's effect on average behavior" (2024), figure 2.
    """
    require("relation", relation, "sample", "output", "bin")
    x, y = flat(relation["output"]), flat(relation["delta"])
    with style():
        ax = ax or new_axes(5.0, 3.2)
        density_bar(ax, density(ax, x, y, limits_of(x, y)))
        ends = np.array(ax.get_xlim())
        ax.plot(ends, float(relation["intercept"]) + float(relation["slope"]) * ends, gid="line", **LEAST)
        centre, low, high = (relation[f"bin_{name}"].values for name in ("delta", "low", "high"))
        look: dict[str, Any] = {"color": BINS, "zorder": 5, "gid": "bins"}
        ax.vlines(relation["bin_output"], low, high, linewidth=1.2, **look)
        ax.plot(relation["bin_output"], centre, "o", markersize=3.2, markeredgewidth=0.5, mec="white", **look)
        line, bins = (
            f"R² of {text} {float(relation[name]):.3f}, without noise {_estimate(relation, corrected)}"
            for text, name, corrected in (
                ("a line", "r2_line", "r2_corrected"),
                ("bins", "r2_bins", "r2_bins_corrected"),
            )
        )
        plain_title(ax, f"{line}\n{bins}")
        means = Line2D([], [], color=BINS, marker="o", markersize=3.2, label="means of bins")
        fit = Line2D([], [], label="least squares", **LEAST)
        ax.legend(handles=[fit, means], loc="lower right" if float(relation["slope"]) > 0 else "lower left")
        ax.set(xlabel=axis_label(relation["output"]), ylabel=wrapped(axis_label(relation["delta"]), 40))
    return ax


def second_order_term(second: xr.Dataset, b: float, ax: Axes | None = None) -> Axes:
    """Draw for each mean output by how much its path bends over a step b, against how far it goes.

    Parameters
    ----------
    second : Dataset of `analysis.second_order`: ``derivative``, ``curvature`` (sample, output), ``share`` with
        the ends of its interval
    b : of the learning rate
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : an image of the density of the points, with one scale in both directions: those of a straight path would lie
        on the horizontal line

    Raises
    ------
    InputError : other dimensions.
    """
    require("second", second, "sample", "output")
    x, y = b * flat(second["derivative"]), b**2 / 2 * flat(second["curvature"])
    with style():
        ax = ax or new_axes(5.0, 3.2)
        density_bar(ax, density(ax, x, y, limits_of(x, y)))
        ax.set_aspect("equal", adjustable="datalim")
        plain_title(ax, f"mean square over that of the change,\nwithout noise {_estimate(second, 'share')}")
        step = minus(f"{b:g}")
        ax.set(xlabel=f"first-order term of the change over {step}", ylabel="second-order term")
    return ax


def _estimate(values: xr.Dataset, name: str) -> str:
    return with_interval([float(values[f"{name}{end}"]) for end in ("", "_low", "_high")])
