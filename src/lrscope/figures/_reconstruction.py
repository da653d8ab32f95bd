"""What an autoencoder makes of its data, against the data."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.figures._style import (
    ALARM,
    INK,
    SOFT,
    WIDTH,
    axis_label,
    colours,
    new_axes,
    new_figure,
    rate_name,
    require,
    sentence,
    style,
    value_label,
)

ORIGINAL = "#c9ced6"
LARGEST, HEIGHT = 1.35, 8.5
"""Inches: side of a panel, height of all together."""
MARGIN = 1.25
"""Half the width of a panel: the shapes lie in the unit circle, failed reconstructions may lie outside."""


def reconstruction(
    outputs: xr.DataArray,
    targets: xr.DataArray,
    error: xr.DataArray | None = None,
    colour: str = INK,
    ax: Axes | None = None,
) -> Axes:
    """Draw one reconstruction over its original.

    Parameters
    ----------
    outputs, targets : (sample, output), with two outputs: x and y
    error : scalar, printed below
    colour : of the reconstruction
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : the original in grey, the reconstruction as points; "diverged" where the outputs are not finite

    Raises
    ------
    InputError : other dimensions.
    """
    require("outputs", outputs, "sample", "output")
    require("targets", targets, "sample", "output")
    with style():
        ax = ax or new_axes(WIDTH / 3, WIDTH / 3)
        x, y = targets.transpose("output", "sample").values
        ax.scatter(x, y, s=7, c=ORIGINAL, linewidths=0, label="original", rasterized=len(x) > 5000)
        x, y = outputs.transpose("output", "sample").values
        if np.isfinite(x).any():
            ax.scatter(x, y, s=2.2, c=colour, linewidths=0, label="reconstruction", rasterized=len(x) > 5000)
        else:
            ax.text(0.5, 0.5, "diverged", color=ALARM, ha="center", va="center", transform=ax.transAxes)
        if error is not None and np.isfinite(error):
            ax.text(
                0.5,
                0.0,
                value_label(float(f"{float(error):.2g}")),
                color=SOFT,
                ha="center",
                va="top",
                transform=ax.transAxes,
            )
        ax.set_aspect("equal")
        ax.set_axis_off()
    return ax


def reconstructions(
    outputs: xr.DataArray,
    targets: xr.DataArray,
    error: xr.DataArray | None = None,
    rows: str = "shape",
    columns: str = "lr",
) -> Figure:
    """Draw the reconstructions of a grid of members as small multiples.

    Parameters
    ----------
    outputs, targets : (rows, columns, sample, output), with two outputs: x and y
    error : (rows, columns), printed under each panel, named below the figure
    rows, columns : axes of the sweep

    Returns
    -------
    Figure : one panel a member; all panels have the same scale

    Raises
    ------
    InputError : other dimensions.
    """
    require("outputs", outputs, rows, columns, "sample", "output")
    require("targets", targets, rows, columns, "sample", "output")
    count = (outputs.sizes[rows], outputs.sizes[columns])
    with style():
        side = min(LARGEST, WIDTH / (count[1] + 0.4), HEIGHT / count[0])
        figure = new_figure(side * count[1] + 0.5, (side + 0.12) * count[0] + 0.45)
        panels = figure.subplots(*count, squeeze=False, sharex=True, sharey=True)
        palette = colours(outputs[columns].values)
        for (i, j), panel in np.ndenumerate(panels):
            here = {rows: i, columns: j}
            label = outputs[columns].values[j].item()
            of_member = None if error is None else error.isel(here)
            ax = reconstruction(outputs.isel(here), targets.isel(here), of_member, palette[label], panel)
            ax.set(xlim=(-MARGIN, MARGIN), ylim=(-MARGIN, MARGIN))
            if i == 0:
                title = rate_name(label) if columns == "lr" else f"{columns} {value_label(label)}"
                ax.set_title(title, loc="center", color=palette[label])
            if j == 0:
                _name_row(ax, sentence(value_label(outputs[rows].values[i].item())))
        _explain(figure, error)
    return figure


def _explain(figure: Figure, error: xr.DataArray | None) -> None:
    printed = "" if error is None else f"; below each: {axis_label(error)}"
    figure.supxlabel(f"grey: original; coloured: reconstruction{printed}", fontsize=7, color=SOFT)


def _name_row(ax: Axes, name: str) -> None:
    ax.text(
        -0.06, 0.5, name, rotation=90, ha="right", va="center", fontweight="bold", transform=ax.transAxes
    )  # fmt: skip
