"""How the values of one panel are drawn: as lines, staircases, points or an image."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lrscope.figures._rate_axis import FILLED, TOP, rooms
from lrscope.figures._style import INK, SOFT, axis_label, beside, layer_name

VERTICES = 1200
"""Of a line; of longer records evenly spaced ones are drawn."""
DODGE = 0.6
"""Share of the distance between two labels of an axis over which the colours of one label are spread."""
ABSENT = "#c9c9c9"
"""Steps without a value, after a network diverged."""
ZERO = "#d95f4c"
"""Cells that are exactly 0, where the array says what that means."""
SHADES = LinearSegmentedColormap.from_list("shades", ["#e3ecf4", "#8fb3d0", "#3c76a8", "#12355b"])
SMALLEST_LAYER = 0.12
"""Share of the height that a layer gets at least, however few neurons it has."""


@dataclass(frozen=True)
class Panel:
    """What one panel shows, and where.

    Attributes
    ----------
    ax : to draw into
    summary : Dataset with ``centre`` and perhaps ``low``, ``high`` and ``count``
    cases : the values that `summary` is of, if they are drawn as well; with the same dimensions and further ones
    x, hue : dimensions of the horizontal axis and of the colours
    palette : label of `hue` -> colour
    """

    ax: Axes
    summary: xr.Dataset
    cases: xr.DataArray | None
    x: str
    hue: str | None
    palette: Mapping[Hashable, str]

    def each(self) -> list[tuple[float, str, dict[str, Hashable]]]:
        """Return for each colour its offset between -1/2 and 1/2, the colour, and what to select."""
        offsets = beside(max(len(self.palette), 1), 1.0)
        if self.hue is None:
            return [(0.0, INK, {})]
        items = zip(offsets.tolist(), self.palette.items(), strict=True)
        return [(offset, colour, {self.hue: label}) for offset, (label, colour) in items]


def positions(coordinate: xr.DataArray, offset: float = 0.0) -> np.ndarray:
    """Return where the labels of a coordinate stand, moved by a share of the room that each has."""
    values = coordinate.values
    if values.dtype.kind in "OUSTb":
        return np.arange(len(values)) + DODGE * offset
    if coordinate.name == "lr":
        own = rooms(values.astype(float))
        return np.array([rate * 10 ** (2 * FILLED * own[rate] * offset) for rate in values.tolist()])
    gap = float(np.diff(np.sort(values)).min()) if len(values) > 1 else 1.0
    return np.asarray(values + DODGE * gap * offset if offset else values)


def lines(panel: Panel, steps: bool = False) -> None:
    """Draw a line for each colour and a band for its interval; a value holds until the next one for `steps`."""
    size = panel.summary.sizes[panel.x]
    kept = np.unique(np.linspace(0, size - 1, min(size, VERTICES)).round().astype(int))
    summary = panel.summary.isel({panel.x: kept})
    x = positions(summary[panel.x])
    step = "post" if steps else None
    for _, colour, selected in panel.each():
        chosen = summary.sel(selected)
        look: dict[str, Any] = {"drawstyle": "steps-post"} if steps else {}
        panel.ax.plot(x, chosen["centre"].values, color=colour, zorder=3, **look)
        if "low" in chosen:
            low, high = chosen["low"].values, chosen["high"].values
            panel.ax.fill_between(x, low, high, step=step, color=colour, alpha=0.2, linewidth=0)  # type: ignore[arg-type]


def points(panel: Panel) -> None:
    """Draw a point for each value, the cases of one label beside each other, and the centre with its interval."""
    for offset, colour, selected in panel.each():
        if panel.cases is not None:
            _cases(panel, panel.cases.sel(selected), offset, colour)
        if "low" in panel.summary or panel.cases is None:
            summary = panel.summary.sel(selected)
            centres(panel.ax, summary, positions(summary[panel.x], offset), colour)


def _cases(panel: Panel, cases: xr.DataArray, offset: float, colour: str) -> None:
    """Draw every case as a small point, in the colour of its rate if nothing else is coloured."""
    values = cases.transpose(panel.x, ...).values.reshape(cases.sizes[panel.x], -1)
    shifts = offset + beside(values.shape[1], 1 / max(len(panel.palette), 1) if panel.hue else 1.0)
    across = np.stack([positions(cases[panel.x], float(shift)) for shift in shifts], 1)
    by_rate = (
        [panel.palette[label] for label in cases[panel.x].values.tolist()]
        if panel.hue is None and panel.palette
        else []
    )
    colours = np.repeat(by_rate, values.shape[1]) if by_rate else np.full(values.size, colour)
    known = np.isfinite(values).ravel()
    look: dict[str, Any] = {"s": 9, "alpha": 0.6, "linewidths": 0, "zorder": 2}
    panel.ax.scatter(across.ravel()[known], values.ravel()[known], c=colours[known], gid="cases", **look)
    lost = np.isposinf(values).ravel()
    crosses_above(panel.ax, across.ravel()[lost], colours[lost])


def centres(ax: Axes, summary: xr.Dataset, x: np.ndarray, colour: str = INK) -> None:
    """Draw each ``centre`` at its place, with the interval from ``low`` to ``high`` where there is one."""
    centre = summary["centre"].values.astype(float)
    if "low" in summary:
        known = (np.isfinite(summary["low"]) & np.isfinite(summary["high"]) & np.isfinite(centre)).values
        low, high = summary["low"].values[known], summary["high"].values[known]
        ax.vlines(x[known], low, high, color=colour, linewidth=1.2, zorder=3)
    known = np.isfinite(centre)
    ax.plot(x[known], centre[known], "o", color=colour, markersize=3.6, zorder=4, gid="centre")
    crosses_above(ax, x[np.isposinf(centre)], np.full(int(np.isposinf(centre).sum()), colour))


def crosses_above(ax: Axes, x: np.ndarray, colours: np.ndarray) -> None:
    """Mark networks that diverged: crosses just above the panel."""
    if len(x):
        look: dict[str, Any] = {"marker": "x", "s": 14, "linewidths": 1.1, "clip_on": False, "zorder": 4}
        ax.scatter(x, np.full(len(x), TOP), c=colours, transform=ax.get_xaxis_transform(), gid="diverged", **look)


def images(figure: Figure, axes: list[Axes], arrays: list[xr.DataArray], x: list[str], y: str) -> None:
    """Draw images in common colours, explained by a colour bar or by a legend of categories."""
    norm = normalisation(arrays)
    for ax, array, dim in zip(axes, arrays, x, strict=True):
        image = heat(ax, array, dim, y, norm)
        if dim == "lr":
            ax.set_xscale("log")
    bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=30, fraction=0.05)
    bar.set_label(axis_label(arrays[0]))
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=SOFT)
    named = {str(arrays[0].attrs["zero"]): ZERO} if "zero" in arrays[0].attrs else {}
    if any(bool(array.isnull().any()) for array in arrays):
        named["after a divergence"] = ABSENT
    if named:
        handles = [Patch(color=colour, label=name) for name, colour in named.items()]
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), handlelength=1, handleheight=1)


def heat(ax: Axes, values: xr.DataArray, x: str, y: str, norm: Normalize) -> QuadMesh:
    """Draw values as an image with one row for each label of `y`; neurons of one layer belong together.

    Parameters
    ----------
    values : (x, y). Its attribute ``zero`` says what an exact 0 means
    norm : of the colours, common to all panels
    """
    shown = values.transpose(y, x)
    if "zero" in values.attrs:
        shown = shown.where((shown > 0) | shown.isnull(), -1)  # lies below the scale, where a colour map has its own
    rows = _rows(values[y])
    look: dict[str, Any] = {"cmap": SHADES.with_extremes(under=ZERO, bad=ABSENT), "norm": norm, "rasterized": True}
    ax.set_facecolor(ABSENT)
    image = ax.pcolormesh(edges(positions(values[x])), rows, np.ma.masked_invalid(shown.values), **look)
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(rows[-1], rows[0])
    if "layer" not in values[y].coords:
        ax.set_yticks((rows[1:] + rows[:-1]) / 2, [str(label) for label in values[y].values.tolist()])
        return image
    starts = layer_starts(values[y])
    ax.hlines(rows[starts[1:]], 0, 1, color="white", linewidth=1.6, transform=ax.get_yaxis_transform())
    ends = rows[np.r_[starts[1:], len(rows) - 1]]
    layers = values[y]["layer"].values
    ax.set_yticks((rows[starts] + ends) / 2, [layer_name(layers[start]) for start in starts])
    return image


def normalisation(arrays: list[xr.DataArray]) -> Normalize:
    """Return the scale of colours that holds all values: logarithmic where `attrs` say so."""
    first = arrays[0]
    known = np.concatenate([array.values[np.isfinite(array.values)] for array in arrays])
    if first.attrs.get("scale") == "log" and (known > 0).any():
        return LogNorm(known[known > 0].min(), known.max())
    return Normalize(min(0.0, known.min(initial=0.0)), known.max(initial=0.0) or 1.0)


def layer_starts(neurons: xr.DataArray) -> np.ndarray:
    """Return where each layer begins along neurons that have the coordinate ``layer``."""
    layers = neurons["layer"].values
    return np.flatnonzero(np.r_[True, layers[1:] != layers[:-1]])


def edges(centres: np.ndarray) -> np.ndarray:
    """Return where the columns around some centres begin and end: halfway between them."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middles = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middles[0]], middles, [2 * centres[-1] - middles[-1]]])


def _rows(labels: xr.DataArray) -> np.ndarray:
    """Return where the rows of an image begin and end, from 0 to 1, no layer lower than `SMALLEST_LAYER`."""
    if "layer" not in labels.coords:
        return np.linspace(0, 1, labels.size + 1)
    starts = layer_starts(labels)
    counts = np.diff(np.r_[starts, labels.size])
    heights = np.maximum(counts / counts.sum(), SMALLEST_LAYER)
    return np.concatenate([[0.0], np.cumsum(np.repeat(heights / counts, counts)) / heights.sum()])
