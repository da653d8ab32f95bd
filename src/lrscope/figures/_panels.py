"""Small multiples: as many panels as there are labels, with one legend."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.errors import must_be
from lrscope.figures._style import (
    ALARM,
    INK,
    WIDTH,
    axis_label,
    colours,
    new_figure,
    rate_marks,
    rate_text,
    value_label,
)

AROUND = 0.55
"""Inches for legend and labels."""
LEGEND = 6
"""Learning rates with a legend; more have a colour bar."""


def panel_grid(count: int, columns: int, height: float, **shared: Any) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure with `count` panels, at most `columns` beside each other; the panels; the places left over.

    Raises
    ------
    InputError : there is no panel, or no column.
    """
    for name, number in {"panels": count, "columns": columns}.items():
        if number < 1:
            raise must_be(name, "1 or more", number)
    across = min(columns, count)
    down = -(-count // across)
    figure = new_figure(WIDTH, height * down + AROUND)
    axes = list(figure.subplots(down, across, squeeze=False, **shared).flat)
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, axes[:count], axes[count:]


def one_legend(figure: Figure, handles: Sequence[Line2D], left_over: Sequence[Axes]) -> None:
    """Put the legend where a panel is missing, else above the panels."""
    if left_over:
        left_over[-1].legend(handles=handles, loc="center")
    else:
        columns = min(len(handles), int(figure.get_figwidth() / 1.1))
        figure.legend(handles=handles, loc="outside upper right", ncols=columns)


def diverged_marks(crossed: bool) -> list[Line2D]:
    look: dict[str, Any] = {"color": ALARM, "marker": "x", "markersize": 4, "linestyle": "none"}
    return [Line2D([], [], label="diverged", **look)] if crossed else []


def loss_marks(lost: bool) -> list[Line2D]:
    look: dict[str, Any] = {"color": INK, "linestyle": "none", "markersize": 4.5, "markerfacecolor": "white"}
    first = Line2D([], [], marker="o", label="first seed diverged", **look)
    return [first, Line2D([], [], marker="x", label="last seed diverged", **look)] if lost else []


def legend(
    figure: Figure,
    axes: list[Axes],
    left_over: Sequence[Axes],
    array: xr.DataArray,
    hue: str | None,
    marks: Iterable[Line2D],
) -> None:
    """Name the colours: a legend, or a colour bar where there are many learning rates."""
    handles = list(marks)
    if hue is not None:
        palette = colours(array[hue].values)
        if hue == "lr" and len(palette) > LEGEND:
            rate_bar(figure, axes, array["lr"])
        else:
            named = rate_marks(palette) if hue == "lr" else _hue_marks(palette)
            handles = [*named, *handles]
    if len(handles) > 1 or (len(axes) > 1 and handles):
        one_legend(figure, handles, left_over)


def _hue_marks(palette: Mapping[Hashable, str]) -> list[Line2D]:
    return [Line2D([], [], color=colour, label=value_label(label)) for label, colour in palette.items()]


def rate_bar(figure: Figure, axes: list[Axes], rates: xr.DataArray) -> None:
    """Put a colour bar of learning rates beside the panels."""
    palette = colours(rates.values)
    edges = np.arange(len(palette) + 1) - 0.5
    drawn = ScalarMappable(BoundaryNorm(edges, len(palette)), ListedColormap(list(palette.values())))
    bar = figure.colorbar(drawn, ax=axes, pad=0.015, aspect=30, ticks=range(len(palette)))
    bar.ax.set_yticklabels([rate_text(float(str(rate))) for rate in palette])
    bar.ax.tick_params(length=0)
    bar.set_label(axis_label(rates))
    bar.outline.set_visible(False)
