"""Small multiples: as many panels as there are labels, with one legend."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lrscope.errors import must_be
from lrscope.figures._style import WIDTH, new_figure

AROUND = 0.55
"""Inches for legend and labels."""


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
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
