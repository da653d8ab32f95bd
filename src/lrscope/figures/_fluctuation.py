"""How much the neurons fluctuate: the histogram of the paper with its table, for encoder and decoder."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from lrscope.figures._style import (
    ALARM,
    FAINT,
    INK,
    SOFT,
    WIDTH,
    axis_label,
    colours,
    layer_name,
    new_figure,
    rate_name,
    require,
    sentence,
    style,
)

BINS = 20
"""Bars between 0 and 1; the edges of the paper's bins are edges of bars."""
ROW, TABLE, AROUND = 0.62, 0.2, 0.75
"""Inches: height of a histogram, of a line of the table, of titles and labels."""


def fluctuation_histogram(
    fluctuation: xr.DataArray,
    counts: xr.DataArray,
    published: xr.DataArray | None = None,
    title: str = "",
) -> Figure:
    """Draw the histogram of normalised fluctuations with the table of binned counts under it, a column for each module.

    Each learning rate has a row. Counts are on a log axis, since most neurons lie in the first bar; each neuron also
    has a tick below the bars. The columns of the table stand under the range that they count.

    Parameters
    ----------
    fluctuation : (lr, neuron), between 0 and 1, with the coordinate ``module``, of `lrscope.analysis.fluctuation`. A
        module of one neuron, whose fluctuation is the largest by definition, is left out if there are others.
        Where it has the coordinate ``steps_used``, members that diverged are marked.
    counts : (lr, module, bin), of `lrscope.analysis.binned`
    published : the same of a publication, printed in brackets; NaN where a number is missing
    title : of the figure, e.g. the shape

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions.

    References
    ----------
    Pareek, Kumar, Rao, Janjam: Neuronal Fluctuations: Learning Rates vs Participating Neurons (2025), figures 4 to 64.
    """
    require("fluctuation", fluctuation, "lr", "neuron")
    require("counts", counts, "lr", "module", "bin")
    names, sizes = np.unique(fluctuation["module"].values, return_counts=True)
    several = names[sizes > 1] if (sizes > 1).any() else names
    modules = [module for module in dict.fromkeys(fluctuation["module"].values.tolist()) if module in several]
    published = xr.full_like(counts, np.nan, float) if published is None else published
    require("published", published, "lr", "module", "bin")
    lrs = fluctuation.sizes["lr"]
    with style():
        figure = new_figure(WIDTH, ROW * lrs + TABLE * (lrs + 1) + AROUND)
        heights = [ROW] * lrs + [TABLE * (lrs + 1)]
        grid = figure.subplots(lrs + 1, len(modules), squeeze=False, sharex=True, height_ratios=heights)
        for column, module in enumerate(modules):
            inside = fluctuation.isel(neuron=np.flatnonzero(fluctuation["module"].values == module))
            _histograms(grid[:-1, column], inside)
            _table(grid[-1, column], counts.sel(module=module), published.sel(module=module), names=column == 0)
            grid[-1, column].set_xlabel(axis_label(fluctuation))
            count = inside.sizes["neuron"]
            grid[0, column].set_title(f"{sentence(layer_name(module))}, {count} neuron{'' if count == 1 else 's'}")
        for ax in grid.flat:
            for lower, upper in zip(counts["lower"].values[1::2], counts["upper"].values[1::2], strict=True):
                ax.axvspan(lower, upper, color=FAINT, alpha=0.55, linewidth=0, zorder=0)
        grid[(lrs - 1) // 2, 0].set_ylabel("neurons")
        brackets = "; in brackets: published" if bool(published.notnull().any()) else ""
        figure.supxlabel(f"table: number of neurons in each range{brackets}", fontsize=7, color=SOFT)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    return figure


def _histograms(rows: np.ndarray, fluctuation: xr.DataArray) -> None:
    palette = colours(fluctuation["lr"].values)
    steps_used = fluctuation.coords.get("steps_used", xr.DataArray(0))
    for ax, of_lr in zip(rows, fluctuation.transpose("lr", "neuron"), strict=True):
        lr, used = of_lr["lr"].item(), int(of_lr.coords.get("steps_used", 0))
        if of_lr.notnull().any():
            ax.stairs(*np.histogram(of_lr.values, BINS, (0, 1)), color=palette[lr], fill=True)
            ticks: dict[str, Any] = {"marker": "|", "markersize": 3.5, "markeredgewidth": 0.5, "linestyle": "none"}
            ticks |= {"color": palette[lr], "transform": ax.get_xaxis_transform(), "clip_on": False}
            ax.plot(of_lr.values, np.full(of_lr.size, -0.09), **ticks)
        if used < int(steps_used.max()) or of_lr.isnull().all():
            text = f"diverged after {used} recorded steps" if used > 1 else "fewer than two recorded steps"
            ax.text(0.5, 0.95, text, color=ALARM, ha="center", va="top", transform=ax.transAxes)
        ax.set(yscale="log", ylim=(0.5, 1.6 * of_lr.size), xlim=(0, 1))
        ax.yaxis.set(major_locator=LogLocator(numticks=4), major_formatter="{x:g}", minor_locator=NullLocator())
        ax.tick_params(axis="x", length=0, labelbottom=False)
        name: dict[str, Any] = {"ha": "right", "va": "top", "fontweight": "bold", "color": palette[lr]}
        ax.text(0.99, 0.95, rate_name(lr), transform=ax.transAxes, **name)


def _table(ax: Axes, counts: xr.DataArray, published: xr.DataArray, names: bool) -> None:
    """Write the numbers of each rate below the range that they count; published ones in brackets."""
    lrs = counts["lr"].values.tolist()
    palette = colours(lrs)
    ax.set(ylim=(len(lrs) + 0.5, -0.5), yticks=range(1, len(lrs) + 1))
    ax.set_yticklabels([rate_name(lr) if names else "" for lr in lrs])
    for label, lr in zip(ax.get_yticklabels(), lrs, strict=True):
        label.set(color=palette[lr], fontweight="bold")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0, labelbottom=False)
    look: dict[str, Any] = {"ha": "center", "va": "center"}
    for of_bin in counts.transpose("bin", "lr"):
        middle = (float(of_bin["lower"]) + float(of_bin["upper"])) / 2
        ax.text(middle, 0, str(of_bin["bin"].item()), color=SOFT, **look)
        for row, ours in enumerate(of_bin, start=1):
            theirs = float(published.sel(lr=ours["lr"].item(), bin=ours["bin"].item()))
            empty = not bool((counts.sel(lr=ours["lr"].item()) > 0).any())
            text = "–" if empty else f"{ours.item():g}"
            ax.text(middle, row, text + (f" ({theirs:g})" if np.isfinite(theirs) else ""), color=INK, **look)
