"""Many points as an image: how many fall into each cell, shaded by the logarithm, a single one still to be seen.

A picture of a few hundred thousand points is as small and as quick to open as one of a hundred.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, NullLocator

from lrscope.figures._style import ORDERED, SOFT, figure_of

CELLS = 160
"""Cells along a side: a single point is about as large as a small marker."""
Cells = tuple[int, int]
SQUARE: Cells = (CELLS, CELLS)
ROOM = 0.04
"""Of the span of the points, left free on each side."""
NAMED_UP_TO = 200
"""Points in the fullest cell up to which the colour bar names more than powers of ten."""
Limits = tuple[float, float, float, float]
"""Ends of the horizontal axis, then of the vertical one."""


def limits_of(x: np.ndarray, y: np.ndarray) -> Limits:
    """Return ends of both axes that hold all finite points and zero.

    Examples
    --------
    >>> limits_of(np.array([0.0, 1.0, np.nan]), np.array([-2.0, 2.0, 0.0]))
    (-0.04, 1.04, -2.16, 2.16)
    """
    return (*_ends(x), *_ends(y))


def _ends(values: np.ndarray) -> tuple[float, float]:
    known = np.r_[0.0, values[np.isfinite(values)]]
    low, high = float(known.min()), float(known.max())
    room = ROOM * (high - low) or 1.0
    return low - room, high + room


def counted(x: np.ndarray, y: np.ndarray, limits: Limits, cells: Cells = SQUARE) -> np.ma.MaskedArray[Any, Any]:
    """Return how many points fall into each cell, (vertical, horizontal) from below; masked where there is none."""
    known = np.isfinite(x) & np.isfinite(y)
    counts, _, _ = np.histogram2d(y[known], x[known], bins=cells, range=(limits[2:], limits[:2]))
    return np.ma.masked_equal(counts, 0)


def density(ax: Axes, x: np.ndarray, y: np.ndarray, limits: Limits, cells: Cells = SQUARE) -> AxesImage:
    """Draw points as an image of their density and set both axes.

    Parameters
    ----------
    x, y : of the points, in one dimension; what is not finite is left out
    limits : of both axes
    cells : along the vertical axis and along the horizontal one
    """
    counts = counted(x, y, limits, cells)
    norm = LogNorm(1, max(counts.max() or 1, 2))
    look: dict[str, Any] = {"interpolation": "nearest", "origin": "lower", "aspect": "auto", "zorder": 2}
    image = ax.imshow(counts, cmap=ORDERED, norm=norm, extent=limits, **look)
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    ax.axvline(0, color=SOFT, linewidth=0.4, zorder=0)
    ax.set(xlim=limits[:2], ylim=limits[2:])
    return image


def density_bar(ax: Axes, image: AxesImage) -> None:
    """Put a colour bar beside an Axes that says how many points a colour stands for."""
    bar = figure_of(ax).colorbar(image, ax=ax, pad=0.02, aspect=30, shrink=0.6, anchor=(0, 0))
    last = image.get_clim()[1] or 1.0
    steps = (1, 2, 5) if last <= NAMED_UP_TO else (1,)
    ticks = [step * 10**decade for decade in range(9) for step in steps if step * 10**decade <= last]
    bar.ax.yaxis.set(major_locator=FixedLocator(ticks), minor_locator=NullLocator())
    bar.ax.yaxis.set_major_formatter("{x:g}")
    bar.set_label("points")
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=SOFT)
