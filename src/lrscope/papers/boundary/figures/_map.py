"""A map at its full resolution, and the frames of a zoom."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, NullLocator

from lrscope.figures._style import INK, SOFT, WIDTH, axis_label, style, value_label
from lrscope.papers.boundary._axes import is_log, position
from lrscope.papers.boundary.analysis._colour import GAP
from lrscope.report._files import DPI

COLOURS = "Spectral"
"""Blue and green where networks converge, red and yellow where they diverge."""
SIDE = 1024
"""Pixels of a picture along a side of the map: a pixel of a smaller map becomes a whole number of them."""
LEFT, RIGHT, TOP, BOTTOM = 100, 130, 24, 92
"""Pixels around the map."""
BAR = (36, 18)
"""Distance from the map and width of the colour scale, in pixels."""
POINT: dict[str, Any] = {"marker": "o", "markersize": 7, "markerfacecolor": "none", "linestyle": "none"}
NEXT: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 0.9}
"""The part of a frame that the next one shows."""
COLUMNS, SPACE = 4, 0.12
"""Frames beside each other, and inches between them."""


def trainability_map(ranks: xr.DataArray, points: Mapping[str, tuple[float, float]] | None = None) -> Figure:
    """Draw a map, each pixel by the rank of its value: blue and green converge, red and yellow diverge.

    The picture has the size at which every pixel of the map is as sharp as it can be: one pixel or a whole number of
    pixels, without interpolation.

    Parameters
    ----------
    ranks : (y, x) of `analysis.equalised`
    points : text -> (x, y) that is marked with it

    References
    ----------
    J. Sohl-Dickstein, "The boundary of neural network trainability is fractal" (arXiv 2402.06184), figure 1.
    """
    each, (width, height) = _sizes(ranks)
    across, down = (ranks.sizes[dim] * each for dim in ("x", "y"))
    with style():
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        # on whole pixels, so that each pixel of the map has as many as any other
        ax = figure.add_axes((LEFT / width, BOTTOM / height, across / width, down / height))
        image = _image(ranks, ax)
        axis_ticks(ax, "x", ranks["x"])
        axis_ticks(ax, "y", ranks["y"])
        for text, (x, y) in (points or {}).items():
            _mark(ax, text, position(ranks["x"], x), position(ranks["y"], y))
        _scale(figure, ax, image)
    return figure


def _mark(ax: Axes, text: str, x: float, y: float) -> None:
    """Mark a point with a ring and a text that can be read on any colour."""
    halo = [withStroke(linewidth=2.4, foreground="white", alpha=0.85)]
    for colour, width in (("white", 3.0), (INK, 1.3)):
        ax.plot(x, y, markeredgecolor=colour, markeredgewidth=width, **POINT)
    look: dict[str, Any] = {"textcoords": "offset points", "va": "center", "path_effects": halo, "fontsize": 8}
    ax.annotate(text, (x, y), (8, 0), **look)


def _sizes(ranks: xr.DataArray) -> tuple[int, tuple[int, int]]:
    """Return the pixels of the picture for each pixel of the map, and its width and height."""
    across, down = ranks.sizes["x"], ranks.sizes["y"]
    each = max(1, SIDE // max(across, down))
    return each, (LEFT + across * each + RIGHT, BOTTOM + down * each + TOP)


def map_box(ranks: xr.DataArray) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of the area between the middles of the outer pixels of a map.

    They are shares of the picture of `trainability_map`.
    """
    each, (width, height) = _sizes(ranks)
    across, down = ((ranks.sizes[dim] - 1) * each for dim in ("x", "y"))
    return (LEFT + each / 2) / width, (BOTTOM + each / 2) / height, across / width, down / height


def _image(ranks: xr.DataArray, ax: Axes) -> Any:
    extent = (*ends(ranks["x"]), *ends(ranks["y"]))
    values = ranks.transpose("y", "x").values
    look: dict[str, Any] = {"cmap": COLOURS, "vmin": -1, "vmax": 1, "interpolation": "nearest", "aspect": "auto"}
    return ax.imshow(values, origin="lower", extent=extent, **look)


def ends(axis: xr.DataArray) -> tuple[float, float]:
    """Return where the outer sides of the outer pixels stand."""
    low, high = position(axis, axis.values[[0, -1]])
    half = (high - low) / (axis.size - 1) / 2
    return float(low - half), float(high + half)


def pixel_places(axis: xr.DataArray, positions: np.ndarray) -> np.ndarray:
    """Return which pixel of an axis each position falls into; -1 outside."""
    low, high = ends(axis)
    places = np.floor((positions - low) / (high - low) * axis.size).astype(int)
    return np.where((places >= 0) & (places < axis.size), places, -1)


def axis_ticks(ax: Axes, name: str, axis: xr.DataArray) -> None:
    """Label an axis of an image: powers of ten over decades, else a few values with the digits that tell them apart."""
    low, high = ends(axis)
    if is_log(axis) and high - low > 2:
        ticks = np.arange(np.ceil(low - 1e-9), high + 1e-9)
        step = -(-len(ticks) // 10)
        shown = [f"$10^{{{tick:.0f}}}$" if place % step == 0 else "" for place, tick in enumerate(ticks)]
    else:
        ticks = np.linspace(low, high, 5)[1:-1]
        values = 10**ticks if is_log(axis) else ticks
        digits = next((n for n in range(2, 16) if len({f"{value:.{n}g}" for value in values}) == len(values)), 16)
        shown = [value_label(float(f"{value:.{digits + 1}g}")) for value in values]
    place = getattr(ax, f"{name}axis")
    place.set(major_locator=FixedLocator(ticks.tolist()), minor_locator=NullLocator())
    getattr(ax, f"set_{name}ticklabels")(shown)
    getattr(ax, f"set_{name}label")(axis_label(axis))


def _scale(figure: Figure, ax: Axes, image: Any) -> None:
    """Add the colour scale, with words in place of ranks."""
    box, width = ax.get_position(), figure.get_size_inches()[0] * DPI
    bar = figure.colorbar(image, cax=figure.add_axes((box.x1 + BAR[0] / width, box.y0, BAR[1] / width, box.height)))
    bar.set_ticks([-1, -GAP, GAP, 1], labels=["slow", "fast", "fast", "slow"])
    bar.outline.set_visible(False)
    bar.ax.axhspan(-GAP, GAP, color="white", linewidth=0)
    bar.ax.tick_params(length=0, labelcolor=SOFT)
    for place, words in ((-0.625, "diverges"), (0.625, "trains")):
        bar.ax.text(2.6, place, words, rotation=90, ha="left", va="center")


def zoom_frames(ranks: Sequence[xr.DataArray]) -> Figure:
    """Draw the frames of a zoom, each with the part that the next one shows.

    Parameters
    ----------
    ranks : (y, x) of each frame, of `analysis.equalised`
    """
    columns = min(COLUMNS, len(ranks))
    rows = -(-len(ranks) // columns)
    side, room = (WIDTH - SPACE * (COLUMNS - 1)) / COLUMNS, 2.2 * SPACE
    width, height = columns * (side + SPACE) - SPACE, rows * (side + room)
    with style():
        figure = Figure(figsize=(width, height))
        for place, frame in enumerate(ranks):
            row, column = divmod(place, columns)
            left, bottom = column * (side + SPACE), height - (row + 1) * (side + room)
            ax = figure.add_axes((left / width, bottom / height, side / width, side / height))
            _image(frame, ax)
            if place + 1 < len(ranks):
                (x0, x1), (y0, y1) = (ends(ranks[place + 1][dim]) for dim in ("x", "y"))
                ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, **NEXT))
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            first, here = (np.diff(ends(one["x"]))[0] for one in (ranks[0], frame))
            ax.set_title(f"× {first / here:,.0f}", fontsize=6.5, pad=2, color=SOFT, fontweight="normal")
    return figure
