"""The lives of neurons: how many survive at each learning rate, and the history of every one in a network."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lrscope.figures._activity import SILENT, neuron_image, patches_above
from lrscope.figures._bands import name_rates
from lrscope.figures._heat import ABSENT
from lrscope.figures._panels import step_panels
from lrscope.figures._style import (
    WIDTH,
    axis_label,
    colours,
    figure_of,
    new_axes,
    rate_name,
    require,
    style,
)
from lrscope.records import step_dimension

PANEL = 1.75
"""Inches: height of a panel."""
STATES = {"not born": "#f6e3b4", "alive": "#7ea6c8", "dead": SILENT}
"""By the number of the state: what it is called, and its colour."""


def survival_curves(summary: xr.Dataset, legend: bool = True, ax: Axes | None = None) -> Axes:
    """Draw the share of the neurons that survive, a falling staircase for each learning rate, with its band.

    Parameters
    ----------
    summary : Dataset (lr, step) with ``mean``, ``low`` and ``high``, of `lrscope.analysis.survival`; no band where the
        ends are NaN
    legend : name the learning rates above, or with a colour bar if there are many
    ax : to draw into; a new one by default

    Returns
    -------
    Axes

    Raises
    ------
    InputError : other dimensions.
    """
    dim = step_dimension(summary)
    require("summary", summary, "lr", dim)
    palette = colours(summary["lr"].values)
    with style():
        ax = ax or new_axes()
        steps = summary[dim].values
        for lr, colour in palette.items():
            of_lr = summary.sel(lr=lr)
            ax.step(steps, of_lr["mean"].values, where="post", color=colour, label=rate_name(lr), zorder=3)
            low, high = of_lr["low"].values, of_lr["high"].values
            ax.fill_between(steps, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
        ax.set(ylim=(-0.03, 1.03), xlabel=axis_label(summary[dim]), ylabel=axis_label(summary["mean"]))
        ax.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
        ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ax.grid(axis="y")
        if legend:
            name_rates(figure_of(ax), [ax], summary["mean"], lost=False)
    return ax


def survival_panels(summary: xr.Dataset, panels: str = "layer", columns: int = 3) -> Figure:
    """Draw `survival_curves` for each layer or part.

    Parameters
    ----------
    summary : Dataset (panels, lr, step) with ``mean``, ``low`` and ``high``, of `lrscope.analysis.survival` by layer
    panels : the dimension that becomes panels
    columns : panels beside each other at most

    Returns
    -------
    Figure

    Raises
    ------
    InputError : other dimensions, or `columns` below 1.
    """

    def draw(of_panel: xr.Dataset, _: int, ax: Axes) -> None:
        survival_curves(of_panel, legend=False, ax=ax)

    return step_panels(summary, panels, draw, columns, PANEL)


def life_histories(lives: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the life of every neuron of one network: not born yet, alive, dead, step by step.

    Parameters
    ----------
    lives : Dataset of `lrscope.analysis.lives` with ``state`` (step, neuron), one member selected, e.g. in the order
        of `lrscope.analysis.by_life`
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : a row a neuron, the layers one under the other; grey after a divergence

    Raises
    ------
    InputError : other dimensions.
    """
    state = lives["state"]
    dim = step_dimension(state)
    require("lives", state, dim, "neuron")
    with style():
        ax = ax or new_axes(WIDTH, 3.4)
        neuron_image(ax, state, cmap=ListedColormap(list(STATES.values())), vmin=-0.5, vmax=len(STATES) - 0.5)
        ax.set_xlabel(axis_label(state[dim]))
        named = STATES | ({"after a divergence": ABSENT} if bool(state.isnull().any()) else {})
        patches_above(figure_of(ax), named)
    return ax
