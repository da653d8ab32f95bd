"""Figures that only this study needs: reconstructions, and the distances of the definitions to the paper's tables."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.figures import colours, panels, style
from lrscope.figures._style import ALARM, INK, SOFT, WIDTH, axis_label, new_figure, rate_name, sentence, value_label

ORIGINAL, CHOSEN = "#c9ced6", "#b5446e"
SIDE = 1.35
"""Inches: side of a reconstruction at most."""
MARGIN = 1.25
"""Half the width of a reconstruction: the shapes lie in the unit circle, failed reconstructions may lie outside."""


def reconstructions(outputs: xr.DataArray, targets: xr.DataArray, error: xr.DataArray) -> Figure:
    """Draw every reconstruction over its original: a row for each learning rate, a column for each shape.

    Parameters
    ----------
    outputs, targets : (shape, lr, sample, output), with two outputs: x and y
    error : (shape, lr), written below each panel
    """
    count = (outputs.sizes["lr"], outputs.sizes["shape"])
    palette = colours(outputs["lr"].values)
    with style():
        side = min(SIDE, WIDTH / (count[1] + 0.4))
        figure = new_figure(side * count[1] + 0.5, (side + 0.12) * count[0] + 0.45)
        grid = figure.subplots(*count, squeeze=False, sharex=True, sharey=True)
        for (i, j), ax in np.ndenumerate(grid):
            here, lr = {"lr": i, "shape": j}, outputs["lr"].values[i].item()
            _reconstruction(ax, outputs.isel(here), targets.isel(here), float(error.isel(here)), palette[lr])
            if i == 0:
                ax.set_title(sentence(value_label(outputs["shape"].values[j].item())), loc="center")
            if j == 0:
                look: dict[str, Any] = {"rotation": 90, "ha": "right", "va": "center", "fontweight": "bold"}
                ax.text(-0.06, 0.5, rate_name(lr), transform=ax.transAxes, color=palette[lr], **look)
        below = f"grey: original; coloured: reconstruction; below each: {axis_label(error)}"
        figure.supxlabel(below, fontsize=7, color=SOFT)
    return figure


def _reconstruction(ax: Axes, outputs: xr.DataArray, targets: xr.DataArray, error: float, colour: str) -> None:
    x, y = targets.transpose("output", "sample").values
    ax.scatter(x, y, s=7, c=ORIGINAL, linewidths=0, rasterized=True)
    x, y = outputs.transpose("output", "sample").values
    if np.isfinite(x).any():
        ax.scatter(x, y, s=2.2, c=colour, linewidths=0, rasterized=True)
    else:
        ax.text(0.5, 0.5, "diverged", color=ALARM, ha="center", va="center", transform=ax.transAxes)
    if np.isfinite(error):
        text = value_label(float(f"{error:.2g}"))
        ax.text(0.5, 0.0, text, color=SOFT, ha="center", va="top", transform=ax.transAxes)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set(xlim=(-MARGIN, MARGIN), ylim=(-MARGIN, MARGIN))


def distances(distance: xr.DataArray, standard: str, validated: xr.DataArray, yardstick: xr.DataArray) -> Figure:
    """Draw how far each definition of fluctuation is from the published tables, for each quantity.

    Parameters
    ----------
    distance : (definition, quantity)
    standard : the definition that everything else is judged with
    validated : (quantity) distance of definitions that were chosen on other shapes
    yardstick : (quantity) distance between the published tables of two shapes
    """
    names = [sentence(name) for name in distance["quantity"].values.tolist()]
    labelled = distance.assign_coords(quantity=names).assign_attrs(scale="log")
    figure = panels(labelled.drop_vars("definition"), x="quantity", mark="points")
    figure.set_figwidth(WIDTH)
    (ax,) = figure.axes
    places = np.arange(len(names))
    with style():
        look: dict[str, Any] = {"linestyle": "none", "zorder": 4, "markersize": 4.5}
        ax.hlines(yardstick.values, places - 0.4, places + 0.4, color=INK, linewidth=1, label="two published shapes")
        chosen = distance.sel(definition=standard).values
        ax.plot(places - 0.36, chosen, "o", color=INK, label="the definition used here", **look)
        label = "definitions chosen on other shapes"
        ax.plot(places + 0.36, validated.values, "D", color=CHOSEN, label=label, **look)
        figure.legend(loc="outside upper right", ncols=3)
    return figure
