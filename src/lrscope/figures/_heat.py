"""The life of every neuron of one member: a row each, over the steps."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from lrscope.figures._style import SOFT, WIDTH, axis_label, figure_of, new_axes, require, style
from lrscope.records import step_dimension

MAP = "cividis"
ABSENT = "#c9c9c9"
"""Behind the image: steps without a value, after a member diverged."""


def heat_map(values: xr.DataArray, log: bool = False, ax: Axes | None = None) -> Axes:
    """Draw a value of each neuron over the steps as an image, the layers one under the other.

    Parameters
    ----------
    values : (step, neuron) with the coordinate ``layer``, e.g. of `lrscope.analysis.by_neuron` or
        `lrscope.analysis.spread`, one member selected
    log : logarithmic colours
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : its figure has a colour bar. Steps after a divergence are grey.

    Raises
    ------
    InputError : other dimensions.
    """
    dim = step_dimension(values)
    require("values", values, dim, "neuron")
    layers = values["layer"].values
    starts = np.flatnonzero(np.r_[True, layers[1:] != layers[:-1]])
    with style():
        ax = ax or new_axes(WIDTH, 3.6)
        ax.set_facecolor(ABSENT)
        norm = LogNorm() if log else None
        steps, neurons = values[dim].values, np.arange(values.sizes["neuron"])
        rows = values.transpose("neuron", dim).values
        image = ax.pcolormesh(steps, neurons, rows, cmap=MAP, norm=norm, shading="nearest", rasterized=True)
        ax.hlines(starts[1:] - 0.5, 0, 1, color="white", linewidth=1.2, transform=ax.get_yaxis_transform())
        middles = (starts + np.r_[starts[1:], len(layers)] - 1) / 2
        ax.set_yticks(middles, [str(layers[start]) for start in starts])
        ax.tick_params(axis="y", length=0)
        ax.invert_yaxis()
        ax.set_xlabel(axis_label(values[dim]))
        ax.spines[:].set_visible(False)
        bar = figure_of(ax).colorbar(image, ax=ax, pad=0.015, aspect=30)
        bar.set_label(axis_label(values))
        bar.outline.set_visible(False)
        bar.ax.tick_params(color=SOFT)
    return ax
