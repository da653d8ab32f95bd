"""How soon training at each learning rate gets there, and what happens inside the network on the way."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.errors import must_be
from lrscope.figures._panels import panel_grid
from lrscope.figures._rate_axis import (
    headline,
    intervals,
    mark_lost,
    nothing_known,
    rate_axis,
    rates_of,
    seed_points,
    spreads,
    value_axis,
    wrapped,
)
from lrscope.figures._style import INK, SOFT, WIDTH, axis_label, new_axes, require, style

PANEL = 1.6
"""Inches: height of a panel."""
TITLE = 30
"""Letters of a line above a panel."""
CENTRE = "_centre"
"""End of the name of a variable (lr) that is the centre of another one."""
MEAN = ("mean", "low", "high")


def steps_to_target_by_rate(found: xr.Dataset, trained: xr.DataArray | None = None, ax: Axes | None = None) -> Axes:
    """Draw how many steps each seed took to a target at each learning rate, and how many of them reached it.

    Parameters
    ----------
    found : Dataset of `lrscope.analysis.steps_to_target`: ``steps`` (lr, seed), -1 where the target was not reached;
        ``reached`` (lr) share of the seeds; ``mean``, ``low``, ``high`` (lr); the scalar ``target``
    trained : (lr, seed) booleans, which combinations were trained at all; by default all of them
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : a cross above the panel for each seed that did not reach the target; the title names the target

    Raises
    ------
    InputError : other dimensions, or a rate that is not above 0.
    """
    require("steps", found["steps"], "lr", "seed")
    steps = found["steps"].transpose("lr", "seed").astype(float)
    trained = steps.notnull() & (xr.ones_like(steps, dtype=bool) if trained is None else trained)
    with style():
        ax = ax or new_axes(WIDTH * 0.6, 2.4)
        reached = steps.where(steps >= 0).assign_attrs(found["steps"].attrs)
        seed_points(ax, reached, trained)
        intervals(ax, found.drop_dims("seed"), MEAN)
        known = np.r_[reached.values.ravel(), *(found[name].values.astype(float) for name in MEAN)]
        if not nothing_known(ax, reached.values, "no seed reached it"):
            value_axis(ax, np.where(known > 0, known, np.nan))
        rate_axis(ax, found)
        ax.set_ylabel(axis_label(found["steps"]))
        mark_lost(ax, (steps < 0) & trained, trained, gid="not reached")
        ax.set_title(f"target {float(found['target']):.3g}; crosses did not reach it", pad=12)
    return ax


def insides_by_rate(insides: xr.Dataset, columns: int = 3) -> Figure:
    """Draw what was measured inside the networks against the learning rate, a panel for each quantity.

    Parameters
    ----------
    insides : Dataset with variables (lr, seed), such as gradient angle, share of dead neurons, gradient norm, sharpness
        over its limit; where there is a variable (lr) of the same name with ``_centre`` behind it, it becomes a line.
        ``attrs["reference"]``: a value to compare with, a dashed line
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions, no variable, or a rate that is not above 0.
    """
    names = [str(name) for name in insides if not str(name).endswith(CENTRE)]
    if not names:
        raise must_be("insides", "a Dataset with variables (lr, seed)", list(map(str, insides)))
    with style():
        across = 2 if len(names) == 4 else columns
        figure, axes, _ = panel_grid(len(names), across, PANEL, sharex=True)
        for ax, name in zip(axes, names, strict=True):
            require(name, insides[name], "lr", "seed")
            _inside(ax, insides[name].transpose("lr", "seed"), insides.get(name + CENTRE))
        for place, ax in enumerate(axes):
            rate_axis(ax, insides)
            below = place + across >= len(axes)
            ax.set_xlabel(ax.get_xlabel() if below else "")
            ax.tick_params(labelbottom=below)
    return figure


def _inside(ax: Axes, values: xr.DataArray, centre: xr.DataArray | None) -> None:
    """Draw one quantity: a point a seed, a line through the centres."""
    if centre is not None:
        ax.plot(rates_of(centre), centre.values, color=INK, linewidth=0.9, zorder=1.5, gid="centre")
    seed_points(ax, values)
    if "reference" in values.attrs:
        ax.axhline(float(values.attrs["reference"]), color=SOFT, linewidth=0.9, linestyle=(0, (4, 2)), gid="reference")
    if spreads(values):
        value_axis(ax, np.r_[values.values.ravel(), values.attrs.get("reference", np.nan)])
    else:
        nothing_known(ax, values.values, "not measured")
        ax.grid(axis="y")
    ax.set_title(wrapped(headline(axis_label(values)), TITLE))
