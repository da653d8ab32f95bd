"""What every neuron does over the steps, one panel a learning rate; silent neurons have their own colour."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lrscope.errors import must_be
from lrscope.figures._heat import ABSENT
from lrscope.figures._panels import panel_grid
from lrscope.figures._style import SOFT, axis_label, layer_name, require, style
from lrscope.records import step_dimension

PANEL = 2.7
"""Inches: height of a panel."""
SILENT = "#d95f4c"
"""A neuron that no sample activates; dead for good or for now."""
ACTIVE = LinearSegmentedColormap.from_list("activity", ["#e3ecf4", "#8fb3d0", "#3c76a8", "#12355b"])
"""From few samples to all of them."""
LEAST = 0.12
"""Share of the height that a layer gets at least, however few neurons it has."""


def activity_maps(activities: Mapping[str, xr.DataArray], columns: int = 4) -> Figure:
    """Draw which share of the samples activates each neuron over the steps, a panel each, in common colours.

    Parameters
    ----------
    activities : title of a panel, e.g. ``lr 0.01`` -> (step, neuron) with the coordinate ``layer``: the active share of
        one network, of `lrscope.analysis.by_neuron`, in the order of `lrscope.analysis.arranged`. The panels need not
        have the same order of neurons.
    columns : panels beside each other at most

    Returns
    -------
    Figure : a row a neuron, the layers one under the other (a small layer is drawn taller, so that it can be seen).
        Where no sample activates a neuron it is red, after a divergence grey.

    Raises
    ------
    InputError : other dimensions, no panel, or `columns` below 1.
    """
    if not activities:
        raise must_be("activities", "one array or more, by title", dict(activities))
    for title, values in activities.items():
        require(f"activities of {title}", values, step_dimension(values), "neuron")
    scale = Normalize(0, max(float(values.max().fillna(0)) for values in activities.values()) or 1)
    with style():
        figure, axes, left_over = panel_grid(len(activities), columns, PANEL, sharex=True)
        for place, (ax, (title, values)) in enumerate(zip(axes, activities.items(), strict=True)):
            shown = values.where((values > 0) | values.isnull(), -1)  # below the scale: `under`
            image = neuron_image(ax, shown, names=place % columns == 0, cmap=_with_silent(), norm=scale)
            ax.set_title(title)
        figure.supxlabel(axis_label(values[step_dimension(values)]), fontsize=7.5)
        bar = figure.colorbar(image, ax=axes + left_over, pad=0.015, aspect=30, fraction=0.05)
        bar.set_label(axis_label(values))
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=SOFT)
        gone = any(bool(values.isnull().any()) for values in activities.values())
        patches_above(figure, {"no sample activates it": SILENT} | ({"after a divergence": ABSENT} if gone else {}))
    return figure


def neuron_image(ax: Axes, values: xr.DataArray, names: bool = True, **look: Any) -> QuadMesh:
    """Draw values (step, neuron) as an image with a row a neuron, the layers apart; `names`: write those of layers."""
    dim = step_dimension(values)
    layers = values["layer"].values
    starts = np.flatnonzero(np.r_[True, layers[1:] != layers[:-1]])
    rows = row_edges(np.diff(np.r_[starts, len(layers)]))
    ax.set_facecolor(ABSENT)
    cells = np.ma.masked_invalid(values.transpose("neuron", dim).values)
    image = ax.pcolormesh(step_edges(values[dim].values), rows, cells, rasterized=True, **look)
    ax.hlines(rows[starts[1:]], 0, 1, color="white", linewidth=1.6, transform=ax.get_yaxis_transform())
    ends = rows[np.r_[starts[1:], len(layers)]]
    ax.set_yticks((rows[starts] + ends) / 2, [layer_name(layers[start]) if names else "" for start in starts])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(rows[-1], rows[0])
    ax.spines[:].set_visible(False)
    return image


def row_edges(counts: np.ndarray) -> np.ndarray:
    """Return where the rows of neurons begin and end: from 0 to 1, no layer lower than `LEAST`.

    Examples
    --------
    >>> row_edges(np.array([2, 2])).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> row_edges(np.array([98, 2]))[[98, 100]].round(2).tolist()
    [0.89, 1.0]
    """
    heights = np.maximum(counts / counts.sum(), LEAST)
    return np.concatenate([[0.0], np.cumsum(np.repeat(heights / counts, counts)) / heights.sum()])


def step_edges(steps: np.ndarray) -> np.ndarray:
    """Return where the columns of recorded steps begin and end: halfway between them.

    Examples
    --------
    >>> step_edges(np.array([0, 10, 30])).tolist()
    [-5.0, 5.0, 20.0, 40.0]
    """
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middles = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[2 * steps[0] - middles[0]], middles, [2 * steps[-1] - middles[-1]]])


def patches_above(figure: Figure, named: Mapping[str, str]) -> None:
    """Put a legend of coloured areas above the panels."""
    handles = [Patch(color=colour, label=name) for name, colour in named.items()]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), handlelength=1, handleheight=1)


def _with_silent() -> Colormap:
    return ACTIVE.with_extremes(under=SILENT, bad=ABSENT)
