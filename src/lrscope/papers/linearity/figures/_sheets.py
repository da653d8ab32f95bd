"""Where the law breaks, a cell for each pair of changes; and the samples that a higher rate favours, as images."""

from collections.abc import Mapping
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

from lrscope.figures._style import FAINT, SOFT, WIDTH, axis_label, headline, new_figure, panel_grid, rate_text, style
from lrscope.papers.linearity.figures._law import LEAST, minus

MAP = "cividis"
LEVELS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1)
"""Of R², between them a colour each: most of what matters lies close to 1."""
NEAR = 0.5 + 1e-9
"""Of |a| / eta and |b| / eta: beyond it the source's law begins to break down."""
FRAME: dict[str, Any] = {"color": LEAST["color"], "linewidth": 1.4, "fill": False, "clip_on": False, "zorder": 4}
LABELS = 9
"""Along a side of a panel, at most."""
SIDES = {"most": "rises most", "least": "rises least"}
COLUMNS = 6
"""Images beside each other in a block."""
TILE, CAPTION, GAP = 1.0, 0.36, 0.12
"""Side of an image, height of its caption, distance between images; in images."""
AROUND = 1.0
"""Inches: titles above the images and text below."""
MEANS = {
    "mean_change": "+.2f",
    "mean_confidence_low": ".2f",
    "mean_confidence_high": ".2f",
    "mean_choosing_change": "+.2f",
}
"""Means that are written below a block, and the format of each."""


def law_grid(laws: xr.Dataset) -> Figure:
    """Draw R² without noise for each pair of changes a, b from each rate eta: a panel a rate, a cell a pair.

    Columns are a / eta, rows b / eta, in their order, not to scale; grey where there is no pair. Framed are the pairs
    with both at most one half in size.

    Parameters
    ----------
    laws : Dataset (law) of `analysis.laws`
    """
    frame = laws[["eta", "a", "b", "r2_corrected"]].to_dataframe()
    frame = frame.assign(**{name: (frame[name] / frame["eta"]).round(9) for name in ("a", "b")})
    by_rate = {
        eta: of_rate.pivot(index="b", columns="a", values="r2_corrected") for eta, of_rate in frame.groupby("eta")
    }
    norm = BoundaryNorm(LEVELS, colormaps[MAP].N, clip=True)
    with style():
        figure, axes, _ = panel_grid(len(by_rate), 3, 2.2)
        for place, (ax, (eta, values)) in enumerate(zip(axes, by_rate.items(), strict=True)):
            ratios = values.columns.to_numpy()
            edges = np.arange(len(ratios) + 1) - 0.5
            ax.pcolormesh(edges, edges, values, cmap=MAP, norm=norm, edgecolors="white", linewidth=0.6)
            near = np.flatnonzero(np.abs(ratios) <= NEAR)
            if len(near) > 1:
                first, size = near[0] - 0.5, near[-1] - near[0] + 1
                ax.add_patch(Rectangle((first, first), size, size, **FRAME))
            shown = np.arange(0, len(ratios), -(-len(ratios) // LABELS))
            texts = [minus(f"{ratio:.2g}") for ratio in ratios[shown]]
            ax.set_xticks(shown, texts, rotation=90)
            ax.set_yticks(shown, texts)
            ax.set(aspect="equal", facecolor=FAINT, xlabel="a / eta", ylabel="" if place % 3 else "b / eta")
            ax.set_title(f"eta {rate_text(float(eta))}")
            ax.tick_params(length=0)
            ax.spines[:].set_visible(False)
        look: dict[str, Any] = {"aspect": 30, "pad": 0.02, "ticks": LEVELS, "format": "{x:g}"}
        bar = figure.colorbar(ScalarMappable(norm, MAP), ax=axes, label="R², corrected for noise", **look)
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=SOFT)
        mark = Line2D([], [], marker="s", linestyle="none", markerfacecolor="none", markersize=7, color=LEAST["color"])
        figure.legend([mark], ["|a| and |b| at most half of eta"], loc="outside upper left")
    return figure


def image_sheet(favoured: xr.Dataset, images: Mapping[str, np.ndarray], name: str = "") -> Figure:
    """Draw the images of a class whose confidence rises most with the learning rate, and beside them those of least.

    Two blocks of 6 images a row, the most extreme first, below each its change; under each block its means. Where a
    class has no image the block says so.

    Parameters
    ----------
    favoured : Dataset (side, rank) of `analysis.favoured`, one class selected
    images : side (``most``, ``least``) -> (rank, height, width) grey or (rank, height, width, 3) in colour, 0 to 1
    name : of the class, in the titles
    """
    counts = {side: int((favoured["position"].sel(side=side).values >= 0).sum()) for side in SIDES}
    rows = max(1, -(-max(counts.values()) // COLUMNS))
    height = (WIDTH / len(SIDES) - 0.15) * rows * (TILE + CAPTION) / (COLUMNS * (TILE + GAP))
    with style():
        figure = new_figure(WIDTH, height + AROUND)
        for ax, side in zip(figure.subplots(1, len(SIDES), gridspec_kw={"wspace": 0.06}), SIDES, strict=True):
            of_side = favoured.sel(side=side)
            _block(ax, images[side][: counts[side]], of_side["change"].values)
            ends = {"xlim": (-0.02, COLUMNS * (TILE + GAP) - GAP + 0.02), "ylim": (-rows * (TILE + CAPTION), 0.02)}
            ax.set(xticks=[], yticks=[], aspect="equal", **ends)
            ax.spines[:].set_visible(False)
            ax.set_title(headline(f"{name}: {SIDES[side]}" if name else SIDES[side]))
            ax.set_xlabel(_means(of_side), loc="left", linespacing=1.5)
    return figure


def _block(ax: Axes, images: np.ndarray, changes: np.ndarray) -> None:
    """Draw the images of one side in rows, each with its change."""
    for place, image in enumerate(images):
        row, column = divmod(place, COLUMNS)
        left, top = column * (TILE + GAP), -row * (TILE + CAPTION)
        ax.imshow(image, cmap="gray", vmin=0, vmax=1, extent=(left, left + TILE, top - TILE, top))
        look: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 6, "color": SOFT}
        ax.text(left + TILE / 2, top - TILE - 0.05, minus(f"{changes[place]:+.2f}"), **look)
    if not len(images):
        ax.text(0, -0.5, "too few samples of middling confidence", color=SOFT)


def _means(favoured: xr.Dataset) -> str:
    """Return what the samples of a side come to, a line each; nothing where there is no sample."""
    known = {name: float(favoured[name]) for name in MEANS if np.isfinite(favoured[name])}
    lines = [f"{headline(axis_label(favoured[name]))}: {value:{MEANS[name]}}" for name, value in known.items()]
    return minus("\n".join(lines))
