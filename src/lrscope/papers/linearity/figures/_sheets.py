"""Which samples of a class a higher learning rate favours, as they look: sheets of images."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.errors import must_be
from lrscope.figures._rate_axis import headline
from lrscope.figures._style import SOFT, WIDTH, axis_label, new_figure, require, style
from lrscope.papers.linearity.figures._scatter import minus

SIDES = {"most": "rises most", "least": "rises least"}
COLUMNS = 6
"""Images beside each other in a block."""
TILE, CAPTION, GAP = 1.0, 0.36, 0.12
"""Side of an image, height of its caption, room between images; in images."""
BETWEEN = 0.06
"""Room between the blocks, in blocks."""
AROUND = 1.0
"""Inches: titles above and words below."""
WORDS = {
    "mean_change": "+.2f",
    "mean_confidence_low": ".2f",
    "mean_confidence_high": ".2f",
    "mean_choosing_change": "+.2f",
}
"""Means that are written below a block, and the format of each."""


def image_sheet(favoured: xr.Dataset, images: Mapping[str, np.ndarray], name: str = "") -> Figure:
    """Draw the images of a class whose confidence rises most with the learning rate, and beside them those of least.

    Parameters
    ----------
    favoured : Dataset (side, rank) of `analysis.favoured`, one class selected: ``position`` (-1 where there is
        none), ``change`` and the means ``mean_change``, ``mean_confidence_low``, ``mean_confidence_high`` (side); what
        there is of these and of ``mean_choosing_change`` is written
    images : side (``most``, ``least``) -> (rank, height, width) grey or (rank, height, width, 3) in colour, 0 to 1, at
        least as many as there are positions
    name : of the class, in the titles

    Returns
    -------
    Figure : two blocks of 6 images a row, the most extreme first, below each its change; under each block its means.
        Where a class has no image the block says so

    Raises
    ------
    InputError : other dimensions, a side without images, or images of another shape.
    """
    require("favoured", favoured, "side", "rank")
    counts = {side: int((favoured["position"].sel(side=side).values >= 0).sum()) for side in SIDES}
    for side, count in counts.items():
        _check(side, images.get(side), count)
    rows = max(1, -(-max(counts.values()) // COLUMNS))
    width = WIDTH / len(SIDES) - 0.15
    height = width * rows * (TILE + CAPTION) / (COLUMNS * (TILE + GAP))
    with style():
        figure = new_figure(WIDTH, height + AROUND)
        blocks = figure.subplots(1, len(SIDES), gridspec_kw={"wspace": BETWEEN})
        for ax, side in zip(blocks, SIDES, strict=True):
            _block(ax, images[side], favoured.sel(side=side), counts[side], rows)
            ax.set_title(f"{headline(name)}: {SIDES[side]}" if name else headline(SIDES[side]))
            ax.set_xlabel(_means(favoured.sel(side=side)), loc="left", linespacing=1.5)
    return figure


def _check(side: str, images: np.ndarray | None, count: int) -> None:
    """Refuse images that are missing or of another shape.

    Raises
    ------
    InputError : which, and what is allowed.
    """
    if images is None:
        raise must_be("images", "an array for each of most and least", f"nothing for {side}")
    grey, colour = images.ndim == 3, images.ndim == 4 and images.shape[-1] == 3
    if not (grey or colour) or len(images) < count:
        allowed = f"{count} or more of shape (height, width) or (height, width, 3)"
        raise must_be(f"images[{side!r}]", allowed, images.shape)


def _block(ax: Axes, images: np.ndarray, favoured: xr.Dataset, count: int, rows: int) -> None:
    """Draw the images of one side in rows, each with its change."""
    changes = favoured["change"].values
    for place in range(count):
        row, column = divmod(place, COLUMNS)
        left, top = column * (TILE + GAP), -row * (TILE + CAPTION)
        ax.imshow(images[place], cmap="gray", vmin=0, vmax=1, extent=(left, left + TILE, top - TILE, top))
        text = minus(f"{changes[place]:+.2f}")
        look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 6, "color": SOFT}
        ax.text(left + TILE / 2, top - TILE - 0.05, text, **look)
    if not count:
        ax.text(0, -0.5, "too few samples of middling confidence", color=SOFT)
    ends = {"xlim": (-0.02, COLUMNS * (TILE + GAP) - GAP + 0.02), "ylim": (-rows * (TILE + CAPTION), 0.02)}
    ax.set(xticks=[], yticks=[], aspect="equal", **ends)
    ax.spines[:].set_visible(False)


def _means(favoured: xr.Dataset) -> str:
    """Return what both groups come to, a line each; nothing where there is no sample."""
    known = {name: float(favoured[name]) for name in WORDS if np.isfinite(favoured.get(name, np.nan))}
    lines = [minus(f"{headline(axis_label(favoured[name]))}: {value:{WORDS[name]}}") for name, value in known.items()]
    return "\n".join(lines)
