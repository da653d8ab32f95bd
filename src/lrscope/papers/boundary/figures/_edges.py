"""How the boundary fills boxes of every size, and where it lies over seeds."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from lrscope.figures._style import FAINT, INK, SOFT, WIDTH, axis_label, new_figure, style
from lrscope.papers.boundary._axes import position
from lrscope.papers.boundary.analysis import local_dimension
from lrscope.papers.boundary.figures._map import COLOURS, axis_ticks, ends

EDGE, NULL = "#12355b", "#d9652b"
"""The map, and the map with an independent seed in every pixel."""
CONTOURS: dict[float, Any] = {0.1: (0, (1, 2)), 0.5: "solid", 0.9: (0, (5, 2))}
"""Share of seeds that train -> line."""


def box_counts_by_size(counts: xr.DataArray, dimension: xr.Dataset, null: xr.DataArray | None = None) -> Figure:
    """Draw the number of boxes with a piece of the boundary against their size, and the local dimension below.

    One line for each frame and seed; dashed the null, a map with an independent seed in every pixel. The band is the
    95% interval of the dimension.

    Parameters
    ----------
    counts : (frame, seed, box) summed over tiles, of `analysis.box_counts`
    dimension : of `analysis.dimension`
    null : (seed, box) of the null
    """
    with style():
        figure = new_figure(WIDTH, 2.9)
        number, local = figure.subplots(1, 2)
        looks: dict[str, Any] = {"marker": "o", "markersize": 2.8, "linewidth": 0.9}
        several = counts.sizes["frame"] * counts.sizes["seed"] > 1
        _lines(number, local, counts, looks | {"color": EDGE, "alpha": 0.45 if several else 1.0})
        handles = [Line2D([], [], color=EDGE, label="map" if not several else "maps", **looks)]
        if null is not None:
            dashed = looks | {"linestyle": (0, (4, 2)), "color": NULL}
            _lines(number, local, null, dashed)
            handles.append(Line2D([], [], label="a seed for each pixel", **dashed))
        local.axhspan(float(dimension["median_low"]), float(dimension["median_high"]), color=EDGE, alpha=0.12, lw=0)
        local.axhline(float(dimension["median"]), color=EDGE, linewidth=0.7)
        number.set(xscale="log", yscale="log", ylabel=axis_label(counts))
        local.set(xscale="log", ylabel="local dimension", ylim=(0.7, 2.1))
        local.grid(axis="y")
        boxes = counts["box"].values.tolist()
        between = [f"{small} to {large}" for small, large in itertools.pairwise(boxes)]
        number.set_xticks(boxes, [str(box) for box in boxes])
        local.set_xticks(local_dimension(counts)["box"].values.tolist(), between)
        for ax in (number, local):
            ax.set_xlabel(axis_label(counts["box"]))
            ax.xaxis.set_minor_locator(NullLocator())
        number.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_locator=NullLocator())
        number.yaxis.set_major_formatter("{x:,.0f}")
        number.legend(handles=handles, loc="lower left")
    return figure


def _lines(number: Axes, local: Axes, counts: xr.DataArray, look: Mapping[str, Any]) -> None:
    for one in counts.stack(line=[dim for dim in counts.dims if dim != "box"]).transpose("line", "box"):
        if one.any():
            number.plot(one["box"], one, **look)
            slopes = local_dimension(one)
            local.plot(slopes["box"], slopes, **look)


def probability_map(share: xr.Dataset) -> Figure:
    """Draw the share of seeds that train, with contours where 10, 50 and 90% of them do.

    Parameters
    ----------
    share : (y, x) of `analysis.training_probability`
    """
    values = share["probability"].transpose("y", "x")
    with style():
        figure = new_figure(4.6, 3.9)
        ax = figure.subplots()
        extent = (*ends(values["x"]), *ends(values["y"]))
        look: dict[str, Any] = {"cmap": COLOURS, "vmin": 0, "vmax": 1, "interpolation": "nearest", "alpha": 0.85}
        image = ax.imshow(values, origin="lower", extent=extent, aspect="auto", **look)
        x, y = (position(values[dim], values[dim].values) for dim in ("x", "y"))
        known = [level for level in CONTOURS if values.min() < level < values.max()]
        if known:
            lines = [CONTOURS[level] for level in known]
            ax.contour(x, y, values, levels=known, colors=INK, linewidths=0.8, linestyles=lines)
            handles = [
                Line2D([], [], color=INK, linewidth=0.8, linestyle=CONTOURS[level], label=f"{level:.0%} of seeds")
                for level in known
            ]
            ax.legend(
                handles=handles, loc="lower left", frameon=True, facecolor="white", framealpha=0.85, edgecolor="none"
            )
        for name in ("x", "y"):
            axis_ticks(ax, name, values[name])
        bar = figure.colorbar(image, ax=ax, label=axis_label(share["probability"]), aspect=30, pad=0.02)
        bar.outline.set_visible(False)
    return figure


def line_cut(line: xr.DataArray, share: xr.Dataset, interval: xr.Dataset) -> Figure:
    """Draw which rates of a line train: a row for each seed above, the share of seeds with its interval below.

    Shaded is where the edge of a further seed lies.

    Parameters
    ----------
    line : (seed, rate) bool of `analysis.along`
    share : (rate) of `analysis.training_probability`
    interval : of `analysis.edge_interval`
    """
    with style():
        rows = line.sizes["seed"]
        figure = new_figure(WIDTH, 2.1 + min(1.6, 0.12 + 0.09 * rows))
        bars, shares = figure.subplots(2, 1, sharex=True, height_ratios=[min(1.6, 0.12 + 0.09 * rows), 1.5])
        extent = (*ends(line["rate"]), -0.5, rows - 0.5)
        trained = np.where(line.transpose("seed", "rate").values, 0.8, -0.6)
        look: dict[str, Any] = {"cmap": COLOURS, "vmin": -1, "vmax": 1, "interpolation": "nearest"}
        bars.imshow(trained, origin="lower", extent=extent, aspect="auto", **look)
        bars.hlines(np.arange(rows - 1) + 0.5, *extent[:2], color="white", linewidth=0.5)
        bars.set(yticks=[], ylabel="seeds")
        bars.spines[:].set_visible(False)
        bars.tick_params(bottom=False)
        x = position(line["rate"], line["rate"].values)
        shares.fill_between(x, share["low"], share["high"], color=EDGE, alpha=0.15, linewidth=0, step="mid")
        shares.step(x, share["probability"], color=EDGE, where="mid")
        inner = [float(interval[end]) for end in ("lower", "upper")]
        low, high = (float(np.clip(position(line["rate"], max(end, 1e-300)), *extent[:2])) for end in inner)
        shares.axvspan(low, high, color=FAINT, zorder=0, linewidth=0)
        shares.set(ylim=(-0.02, 1.02), ylabel=axis_label(share["probability"]), yticks=[0, 0.5, 1])
        axis_ticks(shares, "x", line["rate"])
        bars.tick_params(labelbottom=False)
        text = f"edge of a further seed\n(each end: {float(interval['level']):.0%})"
        room = 0.01 * (extent[1] - extent[0])
        beside, side = (high + room, "left") if low + high < extent[0] + extent[1] else (low - room, "right")
        shares.text(beside, 0.5, text, ha=side, va="center", color=SOFT, fontsize=6.5)
    return figure
