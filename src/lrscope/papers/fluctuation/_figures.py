"""Figures that only this study needs: reconstructions, the paper's histograms, and comparisons with its tables."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, PercentFormatter

from lrscope.figures import colours, style
from lrscope.figures._panels import one_legend, panel_grid
from lrscope.figures._style import (
    ALARM,
    FAINT,
    INK,
    SOFT,
    WIDTH,
    axis_label,
    bands,
    beside,
    new_figure,
    rate_marks,
    rate_name,
    sentence,
    value_label,
)

ORIGINAL, CHOSEN = "#c9ced6", "#b5446e"
SIDE = 1.35
"""Inches: side of a reconstruction at most."""
MARGIN = 1.25
"""Half the width of a reconstruction: the shapes lie in the unit circle, failed reconstructions may lie outside."""
BINS = 20
"""Bars between 0 and 1; the edges of the paper's bins are edges of bars."""
ROW, TABLE, AROUND = 0.62, 0.2, 0.75
"""Inches: height of a histogram, of a line of the table, of titles and labels."""


def reconstructions(outputs: xr.DataArray, targets: xr.DataArray, error: xr.DataArray) -> Figure:
    """Draw every reconstruction over its original: a row for each learning rate, a column for each shape.

    Parameters
    ----------
    outputs, targets : (shape, lr, sample, output), with two outputs: x and y
    error : (shape, lr), written below each panel
    """
    count = (outputs.sizes["lr"], outputs.sizes["shape"])
    palette = colours(outputs["lr"].values)
    with style():
        side = min(SIDE, WIDTH / (count[1] + 0.4))
        figure = new_figure(side * count[1] + 0.5, (side + 0.12) * count[0] + 0.45)
        grid = figure.subplots(*count, squeeze=False, sharex=True, sharey=True)
        for (i, j), ax in np.ndenumerate(grid):
            here, lr = {"lr": i, "shape": j}, outputs["lr"].values[i].item()
            _reconstruction(ax, outputs.isel(here), targets.isel(here), float(error.isel(here)), palette[lr])
            if i == 0:
                ax.set_title(sentence(value_label(outputs["shape"].values[j].item())), loc="center")
            if j == 0:
                look: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center", "fontweight": "bold"}
                ax.text(-0.06, 0.5, rate_name(lr), transform=ax.transAxes, color=palette[lr], **look)
        below = f"grey: original; coloured: reconstruction; below each: {axis_label(error)}"
        figure.supxlabel(below, fontsize=7, color=SOFT)
    return figure


def _reconstruction(ax: Axes, outputs: xr.DataArray, targets: xr.DataArray, error: float, colour: str) -> None:
    x, y = targets.transpose("output", "sample").values
    ax.scatter(x, y, s=7, c=ORIGINAL, linewidths=0, rasterized=True)
    x, y = outputs.transpose("output", "sample").values
    if np.isfinite(x).any():
        ax.scatter(x, y, s=2.2, c=colour, linewidths=0, rasterized=True)
    else:
        ax.text(0.5, 0.5, "diverged", color=ALARM, ha="center", va="center", transform=ax.transAxes)
    if np.isfinite(error):
        text = value_label(float(f"{error:.2g}"))
        ax.text(0.5, 0.0, text, color=SOFT, ha="center", va="top", transform=ax.transAxes)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set(xlim=(-MARGIN, MARGIN), ylim=(-MARGIN, MARGIN))


def histograms(
    fluctuation: xr.DataArray, counts: xr.DataArray, published: xr.DataArray, edges: np.ndarray, title: str
) -> Figure:
    """Draw the histograms of normalised fluctuations with the paper's table below, a column for each part.

    Counts are on a logarithmic axis, since most neurons lie in the first bar; every neuron has a tick below the bars.

    Parameters
    ----------
    fluctuation : (lr, neuron), between 0 and 1, with the coordinates ``part`` and ``steps_used``
    counts, published : (lr, part, bin) measured and published numbers of neurons; NaN where there is none
    edges : of the bins
    title : of the figure
    """
    lrs, parts = fluctuation.sizes["lr"], counts["part"].values.tolist()
    with style():
        figure = new_figure(WIDTH, ROW * lrs + TABLE * (lrs + 1) + AROUND)
        heights = [ROW] * lrs + [TABLE * (lrs + 1)]
        grid = figure.subplots(lrs + 1, len(parts), squeeze=False, sharex=True, height_ratios=heights)
        for column, part in enumerate(parts):
            inside = fluctuation.isel(neuron=np.flatnonzero(fluctuation["part"].values == part))
            _bars(grid[:-1, column], inside, edges)
            _table(grid[-1, column], counts.sel(part=part), published.sel(part=part), edges, names=column == 0)
            grid[-1, column].set_xlabel(axis_label(fluctuation))
            grid[0, column].set_title(f"{sentence(part)}, {inside.sizes['neuron']} neurons")
        grid[(lrs - 1) // 2, 0].set_ylabel("neurons")
        brackets = "; in brackets: published" if bool(published.notnull().any()) else ""
        figure.supxlabel(f"table: number of neurons in each range{brackets}", fontsize=7, color=SOFT)
        figure.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    return figure


def _bars(rows: np.ndarray, fluctuation: xr.DataArray, edges: np.ndarray) -> None:
    palette = colours(fluctuation["lr"].values)
    longest = int(fluctuation["steps_used"].max())
    for ax, of_lr in zip(rows, fluctuation.transpose("lr", "neuron"), strict=True):
        lr, used = of_lr["lr"].item(), int(of_lr["steps_used"])
        _shade(ax, edges)
        if of_lr.notnull().any():
            counts, ends = np.histogram(of_lr.values, BINS, (0, 1))
            ax.stairs(counts, ends, color=palette[lr], fill=True)
            ticks: dict[str, Any] = {"marker": "|", "markersize": 3.5, "markeredgewidth": 0.5, "linestyle": "none"}
            ticks |= {"color": palette[lr], "transform": ax.get_xaxis_transform(), "clip_on": False}
            ax.plot(of_lr.values, np.full(of_lr.size, -0.09), **ticks)
        if used < longest or of_lr.isnull().all():
            text = f"diverged after {used} recorded steps" if used > 1 else "fewer than two recorded steps"
            ax.text(0.5, 0.95, text, color=ALARM, ha="center", va="top", transform=ax.transAxes)
        ax.set(yscale="log", ylim=(0.5, 1.6 * of_lr.size), xlim=(0, 1))
        ax.yaxis.set(major_locator=LogLocator(numticks=4), major_formatter="{x:g}", minor_locator=NullLocator())
        ax.tick_params(axis="x", length=0, labelbottom=False)
        name: dict[str, Any] = {"ha": "right", "va": "top", "fontweight": "bold", "color": palette[lr]}
        ax.text(0.99, 0.95, rate_name(lr), transform=ax.transAxes, **name)


def _shade(ax: Axes, edges: np.ndarray) -> None:
    for lower, upper in zip(edges[1:-1:2], edges[2::2], strict=True):
        ax.axvspan(lower, upper, color=FAINT, alpha=0.55, linewidth=0, zorder=0)


def _table(ax: Axes, counts: xr.DataArray, published: xr.DataArray, edges: np.ndarray, names: bool) -> None:
    """Write the numbers of each rate below the range that they count; published ones in brackets."""
    lrs = counts["lr"].values.tolist()
    palette = colours(lrs)
    _shade(ax, edges)
    ax.set(ylim=(len(lrs) + 0.5, -0.5), yticks=range(1, len(lrs) + 1))
    ax.set_yticklabels([rate_name(lr) if names else "" for lr in lrs])
    for label, lr in zip(ax.get_yticklabels(), lrs, strict=True):
        label.set(color=palette[lr], fontweight="bold")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelbottom=False)
    look: dict[str, Any] = {"ha": "center", "va": "center"}
    for place, middle in enumerate((edges[:-1] + edges[1:]) / 2):
        ax.text(middle, 0, str(counts["bin"].values[place]), color=SOFT, **look)
        for row in range(len(lrs)):
            ours, theirs = (float(table.isel(lr=row, bin=place)) for table in (counts, published))
            text = f"{ours:g}" if np.isfinite(ours) else "–"
            ax.text(middle, row + 1, text + (f" ({theirs:g})" if np.isfinite(theirs) else ""), color=INK, **look)


def against_published(measured: xr.DataArray, published: xr.DataArray) -> Figure:
    """Draw the measured share of neurons of every table against the published one, a panel for each quantity.

    Parameters
    ----------
    measured : (quantity, shape, lr, seed, part) share in the lowest bin
    published : (quantity, shape, lr, part)
    """
    quantities, parts = measured["quantity"].values.tolist(), measured["part"].values.tolist()
    palette = colours(measured["lr"].values)
    known = np.concatenate([array.values[np.isfinite(array.values)] for array in (measured, published)])
    low = float(known.min()) - 0.03
    with style():
        figure, axes, left_over = panel_grid(len(quantities), 3, 2.2, sharex=True, sharey=True)
        for place, (ax, quantity) in enumerate(zip(axes, quantities, strict=True)):
            ax.plot([low, 1], [low, 1], color=SOFT, linewidth=0.8, zorder=1)
            for part, filled in zip(parts, (True, False), strict=True):
                for lr, colour in palette.items():
                    here = {"quantity": quantity, "part": part, "lr": lr}
                    x, y = xr.broadcast(published.sel(here), measured.sel(here))
                    face = colour if filled else "white"
                    look: dict[str, Any] = {"facecolors": face, "edgecolors": colour, "linewidths": 0.8, "s": 14}
                    ax.scatter(x.values.ravel(), y.values.ravel(), zorder=3, gid=f"{part} {lr}", **look)
            ax.set(xlim=(low, 1.03), ylim=(low, 1.03), aspect="equal", title=sentence(quantity))
            ax.tick_params(labelbottom=place + 3 >= len(axes))
            ax.grid(visible=True)
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.supxlabel("published share of neurons below 0.3", fontsize=7.5)
        figure.supylabel("measured share", fontsize=7.5)
        dot: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 3.8}
        faces = {part: SOFT if filled else "white" for part, filled in zip(parts, (True, False), strict=True)}
        marks = [Line2D([], [], color=SOFT, markerfacecolor=face, label=part, **dot) for part, face in faces.items()]
        one_legend(figure, [*rate_marks(palette, **dot), *marks], left_over)
    return figure


def distances(distance: xr.DataArray, standard: str, validated: xr.DataArray, yardstick: xr.DataArray) -> Figure:
    """Draw how far each definition of fluctuation is from the published tables, for each quantity.

    Parameters
    ----------
    distance : (definition, quantity)
    standard : the definition that everything else is judged with
    validated : (quantity) distance of definitions that were chosen on other shapes
    yardstick : (quantity) distance between the published tables of two shapes
    """
    names = [sentence(name) for name in distance["quantity"].values.tolist()]
    with style():
        figure = new_figure(WIDTH, 2.9)
        ax = figure.subplots()
        bands(ax, len(names))
        shifts = beside(distance.sizes["definition"], 0.5)
        places = np.arange(len(names))
        values = distance.transpose("quantity", "definition").values
        across = (places[:, np.newaxis] + shifts).ravel()
        ax.scatter(across, values.ravel(), s=9, c=SOFT, linewidths=0, alpha=0.7, label="a definition")
        ax.hlines(yardstick.values, places - 0.4, places + 0.4, color=INK, linewidth=1, label="two published shapes")
        look: dict[str, Any] = {"linestyle": "none", "zorder": 4}
        chosen = distance.sel(definition=standard)
        ax.plot(places - 0.33, chosen.values, "o", color=INK, markersize=4.5, label="the definition used here", **look)
        label = "definitions chosen on other shapes"
        ax.plot(places + 0.33, validated.values, "D", color=CHOSEN, markersize=4.5, label=label, **look)
        ax.set_xticks(places, names)
        ax.tick_params(axis="x", length=0)
        ax.set(yscale="log", ylabel=axis_label(distance))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.grid(axis="y")
        figure.legend(loc="outside upper right", ncols=4)
    return figure


def lines_at(figure: Figure, *values: float) -> Figure:
    """Draw a dashed vertical line at some values in every panel, and return the figure."""
    for ax in figure.axes:
        for value in values:
            ax.axvline(value, color=SOFT, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
    return figure
