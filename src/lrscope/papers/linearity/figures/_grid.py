"""Where the law holds and where it breaks: how straight the path is, over both steps relative to the rate."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lrscope.figures._style import FAINT, SOFT, WIDTH, new_figure, rate_text, require, style
from lrscope.papers.linearity.figures._scatter import LEAST, minus

MAP = "cividis"
LEVELS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1)
"""Between them a colour each: most of what matters lies close to 1."""
NEAR = 0.5 + 1e-9
"""Of a / eta and b / eta, in size: beyond it the source's law begins to break down."""
MANY = 9
"""Labels along a side at most."""
FRAME: dict[str, Any] = {"color": LEAST["color"], "linewidth": 1.4}
COLUMNS = 3
"""Panels beside each other at most."""
PANEL, AROUND, BESIDE = 2.2, 0.3, 0.8
"""Inches: height of a panel, of the legend; width of the colour bar."""


def law_grid(laws: xr.Dataset, name: str = "r2_corrected", label: str = "R², corrected for noise") -> Figure:
    """Draw how well the law holds for each pair of steps a, b from each rate eta: a panel a rate, a cell a pair.

    Parameters
    ----------
    laws : Dataset (law) of `analysis.laws`: ``eta``, ``a``, ``b`` and `name`
    name : variable that is shown, from 0 to 1
    label : of the colour bar

    Returns
    -------
    Figure : columns are a / eta, rows b / eta, in their order, not to scale; grey where there is no pair. Framed are
        the pairs with both at most one half in size

    Raises
    ------
    InputError : other dimensions, or no law.
    """
    require("laws", laws, "law")
    rates = np.unique(laws["eta"].values)
    norm = BoundaryNorm(LEVELS, colormaps[MAP].N, clip=True)
    with style():
        figure, axes = _panels(len(rates))
        for ax, eta in zip(axes, rates.tolist(), strict=True):
            of_rate = laws.isel(law=np.flatnonzero(laws["eta"].values == eta))
            _panel(ax, of_rate, name, norm)
            ax.set_title(f"eta {rate_text(eta)}")
        for place, ax in enumerate(axes):
            ax.set(xlabel="a / eta", ylabel="b / eta" if place % COLUMNS == 0 else "")
        _bar(figure, norm, label)
        frame = Line2D([], [], marker="s", linestyle="none", markerfacecolor="none", markersize=7, color=LEAST["color"])
        frame.set_label("|a| and |b| at most half of eta")
        figure.legend(handles=[frame], loc="outside upper left")
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """Return a figure as wide as its panels, and the panels."""
    across, down = min(COLUMNS, count), -(-count // COLUMNS)
    figure = new_figure((WIDTH - BESIDE) * across / COLUMNS + BESIDE, PANEL * down + AROUND)
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count]


def _bar(figure: Figure, norm: BoundaryNorm, label: str) -> None:
    """Put a colour bar beside the first row."""
    axes = figure.axes
    down = axes[0].get_gridspec().nrows  # type: ignore[union-attr]
    look: dict[str, Any] = {"shrink": 0.95 / down, "anchor": (0, 1), "aspect": 18, "pad": 0.02, "ticks": LEVELS}
    bar = figure.colorbar(ScalarMappable(norm, MAP), ax=axes, **look)
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.set_label(label)
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=SOFT)


def _panel(ax: Axes, laws: xr.Dataset, name: str, norm: BoundaryNorm) -> None:
    steps, values = cells(laws, name)
    ratios = steps / float(laws["eta"][0])
    ax.set_facecolor(FAINT)
    edges = np.arange(len(ratios) + 1) - 0.5
    ax.pcolormesh(edges, edges, values, cmap=MAP, norm=norm, edgecolors="white", linewidth=0.6)
    _frame(ax, np.flatnonzero(np.abs(ratios) <= NEAR))
    shown = np.arange(0, len(ratios), -(-len(ratios) // MANY))
    texts = [minus(f"{ratios[place]:.2g}") for place in shown.tolist()]
    ax.set_xticks(shown, texts, rotation=90)
    ax.set_yticks(shown, texts)
    ax.set_aspect("equal")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def cells(laws: xr.Dataset, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps from one rate, ascending, and a value for each b (row) and a (column), NaN where there is none.

    Steps that differ in their rounding alone are one.
    """
    a, b = laws["a"].values, laws["b"].values
    eta = float(laws["eta"][0])
    steps = np.unique(np.round(np.r_[a, b] / eta, 9)) * eta
    values = np.full((len(steps), len(steps)), np.nan)
    column, row = (np.abs(steps[:, None] - part).argmin(0) for part in (a, b))
    values[row, column] = laws[name].values
    return steps, values


def _frame(ax: Axes, near: np.ndarray) -> None:
    """Frame the cells of the steps that are small for the rate."""
    if len(near) > 1:
        first, size = near[0] - 0.5, near[-1] - near[0] + 1
        frame = Rectangle((first, first), size, size, fill=False, clip_on=False, zorder=4, gid="near", **FRAME)
        ax.add_patch(frame)
