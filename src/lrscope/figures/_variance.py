"""How the outcome divides: into its causes, and by learning rate into how soon and how."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from lrscope.figures._rate_axis import headline, wrapped
from lrscope.figures._style import INK, WIDTH, axis_label, new_axes, require, style

BAR = "#5b3f8c"
WITHOUT = "without intervals: they take three initialisations and orders"
HEIGHT, AROUND = 0.3, 0.55
"""Inches: of a bar with the room around it, and of the axis."""


def variance_bars(split: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw which share of the variance of the outcome each source has, with intervals.

    Parameters
    ----------
    split : Dataset (source) of `lrscope.analysis.variance_split`: ``share`` with the ends ``low`` and ``high`` of its
        interval, between 0 and 1
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : a bar a source, the first on top, its share beside it; a dash where it does not vary. Without any interval
        it says so: `variance_split` needs three initialisations and orders for them

    Raises
    ------
    InputError : other dimensions.
    """
    require("split", split, "source")
    shares, low, high = (split[name].values.astype(float) for name in ("share", "low", "high"))
    rows = np.arange(len(shares))
    with style():
        ax = ax or new_axes(WIDTH * 0.6, HEIGHT * len(rows) + AROUND)
        ax.barh(rows, np.nan_to_num(shares), height=0.55, color=BAR, alpha=0.45, linewidth=0)
        known = np.isfinite(low) & np.isfinite(high)
        if not known.any():
            ax.set_title(WITHOUT)
        ax.hlines(rows[known], low[known], high[known], color=INK, linewidth=1.1, zorder=3)
        for row, share in enumerate(shares.tolist()):
            text = f"{share:.0%}" if np.isfinite(share) else "–"
            ax.text(1.01, row, text, va="center", ha="left", transform=ax.get_yaxis_transform())
        ax.set_yticks(rows, [headline(str(source)) for source in split["source"].values.tolist()])
        ax.tick_params(axis="y", length=0)
        ax.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5), xlabel=wrapped(axis_label(split["share"]), 44))
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.grid(axis="x")
    return ax
