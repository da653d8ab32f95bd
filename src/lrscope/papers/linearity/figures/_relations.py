"""What the effect of the learning rate on mean outputs goes with: the output itself, its class, its own bend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lrscope.figures._rate_axis import wrapped
from lrscope.figures._style import SOFT, WIDTH, axis_label, new_axes, require, style
from lrscope.papers.linearity.figures._density import CELLS, density, density_bar, limits_of
from lrscope.papers.linearity.figures._noise import COLOURS
from lrscope.papers.linearity.figures._scatter import BOX, LEAST, flat, interval, minus

BINS = "#12a5a5"
"""Means of bins, to be told from the points behind them."""
GROUPS = {"mean": "all samples", "own": "samples of this class"}
"""Variables of `analysis.output_sensitivity`, and what they are means over."""
ASIDE = 0.12
"""Of the room of a class: half the distance of its two marks."""
CORNER: dict[str, Any] = {"va": "top", "linespacing": 1.4, "bbox": BOX, "zorder": 1, "ma": "left"}
"""Of what is written into a picture: below its points."""
LETTERS = 50
"""Of all labels below a picture, were each as long as the longest, up to which they stand upright."""
LOW, HIGH = 0.12, 0.6
"""Height over width of a picture with one scale in both directions, at least and at most."""


def delta_by_output(found: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the change of each mean output against the mean output itself: is it a simple function of it?

    Parameters
    ----------
    found : Dataset of `analysis.delta_against_output`: ``output``, ``delta`` (sample, output), the line, the
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
    require("found", found, "sample", "output", "bin")
    x, y = flat(found["output"]), flat(found["delta"])
    with style():
        ax = ax or new_axes(5.0, 3.2)
        density_bar(ax, density(ax, x, y, limits_of(x, y)))
        ends = np.array(ax.get_xlim())
        ax.plot(ends, float(found["intercept"]) + float(found["slope"]) * ends, gid="line", **LEAST)
        centre, low, high = (found[f"bin_{name}"].values for name in ("delta", "low", "high"))
        look: dict[str, Any] = {"color": BINS, "zorder": 5}
        ax.vlines(found["bin_output"], low, high, linewidth=1.2, **look)
        ax.plot(found["bin_output"], centre, "o", markersize=3.2, markeredgewidth=0.5, mec="white", gid="bins", **look)
        corrected = _with_interval(found, "r2_corrected", 3)
        lines = [
            f"R² of a line {float(found['r2_line']):.3f}",
            f"    corrected for noise {corrected}" * bool(corrected),
        ]
        lines.append(f"R² of the means of bins {float(found['r2_bins']):.3f}")
        side: dict[str, Any] = {"x": 0.01, "ha": "left"} if float(found["slope"]) > 0 else {"x": 0.99, "ha": "right"}
        ax.text(y=0.99, s=minus("\n".join(filter(None, lines))), transform=ax.transAxes, **side, **CORNER)
        bins = Line2D([], [], color=BINS, marker="o", markersize=3.2, label="means of bins")
        line = Line2D([], [], label="least squares", **LEAST)
        ax.legend(handles=[line, bins], ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
        ax.set(xlabel=axis_label(found["output"]), ylabel=wrapped(axis_label(found["delta"]), 40))
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
    Axes : an image of the points, with one scale in both directions: a straight path would lie on the horizontal line

    Raises
    ------
    InputError : other dimensions.
    """
    require("second", second, "sample", "output")
    x, y = b * flat(second["derivative"]), b**2 / 2 * flat(second["curvature"])
    with style():
        limits = limits_of(x, y)
        shape = min(max((limits[3] - limits[2]) / (limits[1] - limits[0]), LOW), HIGH)
        ax = ax or new_axes(WIDTH, 0.8 * WIDTH * shape + 0.8)
        wide = 2 * CELLS
        density_bar(ax, density(ax, x, y, limits, (max(1, round(shape * wide)), wide)))
        ax.set_aspect("equal")
        share = minus(_with_interval(second, "share", 4))
        if share:
            told = f"Mean square of the second-order term over that of the change,\ncorrected for noise: {share}"
            ax.set_title(told, fontsize=7.5, fontweight="normal")
        step = minus(f"{b:g}")
        ax.set(xlabel=f"first-order term of the change of the mean output over {step}", ylabel="second-order term")
    return ax


def class_sensitivity(sensitivity: xr.Dataset, names: Sequence[str] = (), ax: Axes | None = None) -> Axes:
    """Draw how fast the mean output of each class changes with the learning rate.

    Parameters
    ----------
    sensitivity : Dataset of `analysis.output_sensitivity`: ``mean`` over all samples and ``own`` over those of
        the class (output), with the ends of their intervals
    names : of the classes; their numbers by default
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : two points a class with their intervals; what is not known is left out

    Raises
    ------
    InputError : other dimensions.
    """
    parts = [f"{group}{end}" for group in GROUPS for end in ("", "_low", "_high")]
    require("sensitivity", sensitivity[parts], "output")
    count = sensitivity.sizes["output"]
    with style():
        ax = ax or new_axes(5.0, 2.6)
        ax.axhline(0, color=SOFT, linewidth=0.6, zorder=0)
        for place, (group, colour) in enumerate(zip(GROUPS, COLOURS, strict=False)):
            values, low, high = (sensitivity[f"{group}{end}"].values for end in ("", "_low", "_high"))
            known = np.isfinite(values)
            at = np.arange(count)[known] + ASIDE * (2 * place - 1)
            ax.vlines(at, low[known], high[known], color=colour, linewidth=1.1)
            ax.plot(at, values[known], "o", color=colour, markersize=3.5, label=GROUPS[group], gid=group)
        texts = list(names) or [str(number) for number in range(count)]
        crowded = count * max(map(len, texts)) > LETTERS
        ax.set_xticks(np.arange(count), texts, rotation=45 if crowded else 0, ha="right" if crowded else "center")
        ax.tick_params(axis="x", length=0)
        ax.grid(axis="y")
        ax.set(xlabel="" if names else "class", ylabel=wrapped(axis_label(sensitivity["sensitivity"]), 34))
        ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
    return ax


def _with_interval(values: xr.Dataset, name: str, digits: int) -> str:
    """Return a number with its interval; nothing where it is not known."""
    value, low, high = (float(values[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.{digits}f}{interval(low, high, digits)}" if np.isfinite(value) else ""
