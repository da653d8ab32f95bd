"""Curves over the steps, one line a learning rate: loss, share of dead neurons, whatever was averaged over seeds."""

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from lrscope.figures._rate_axis import MIDDLE, NARROW, WIDE
from lrscope.figures._style import (
    ALARM,
    axis_label,
    colours,
    new_axes,
    rate_marks,
    rate_name,
    require,
    style,
    value_label,
)
from lrscope.records import step_dimension

PANEL = 1.45
"""Inches: height of a panel."""
TOP = 1.02
"""Where diverged members are marked: just above the panel."""


class LogTicks(LogLocator):
    """Ticks of a logarithmic axis: powers of ten, with values between them where the axis has few powers.

    What is seen decides when the figure is drawn, since panels with a common axis have common ticks.

    Examples
    --------
    >>> LogTicks().tick_values(0.03, 0.6)
    [0.05, 0.1, 0.2, 0.5]
    """

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Return the ticks between two values above 0."""
        spread = vmax / vmin if vmin > 0 else np.inf
        if spread > WIDE:
            ticks = np.asarray(LogLocator(numticks=8).tick_values(vmin, vmax))
        elif spread < 2 * NARROW:
            ticks = np.asarray(MaxNLocator(5).tick_values(vmin, vmax))
        else:
            between = (1, 2, 5) if spread > MIDDLE else (1, 1.5, 2, 3, 5, 7)
            decades = 10.0 ** np.arange(np.floor(np.log10(vmin)), np.ceil(np.log10(vmax)) + 1)
            ticks = np.outer(decades, between).ravel()
        return [tick for tick in ticks.tolist() if vmin <= tick <= vmax]


def curves(
    summary: xr.Dataset,
    diverged_at: xr.DataArray | None = None,
    log: bool = True,
    legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a line for each learning rate, with a band for the interval over the seeds.

    Parameters
    ----------
    summary : Dataset (lr, step) with ``mean``, ``low`` and ``high``, of `lrscope.analysis.over_seeds`; no band where
        the ends are NaN
    diverged_at : (lr, seed) or (lr), of `lrscope.records.outcomes` on the grid: a cross above the panel at the step at
        which a member diverged; -1 where none did
    log : logarithmic vertical axis, if anything is positive
    legend : name the learning rates
    ax : to draw into; a new one by default

    Returns
    -------
    Axes

    Raises
    ------
    InputError : other dimensions.

    Examples
    --------
    >>> steps = {"lr": [0.01, 0.1], "step": [0, 1, 2]}
    >>> loss = xr.DataArray([[3.0, 2.0, 1.0], [3.0, 1.0, 0.5]], coords=steps, attrs={"long_name": "loss"})
    >>> ax = curves(xr.Dataset({"mean": loss, "low": loss, "high": loss}))
    >>> ax.get_ylabel(), ax.get_yscale(), len(ax.lines)
    ('loss', 'log', 2)
    """
    dim = step_dimension(summary)
    require("summary", summary, "lr", dim)
    palette = colours(summary["lr"].values)
    with style():
        ax = ax or new_axes()
        steps = summary[dim].values
        for lr, colour in palette.items():
            of_lr = summary.sel(lr=lr)
            ax.plot(steps, of_lr["mean"].values, color=colour, label=rate_name(lr), zorder=3)
            ax.fill_between(steps, of_lr["low"].values, of_lr["high"].values, color=colour, alpha=0.2, linewidth=0)
        if log and bool((np.isfinite(summary["mean"]) & (summary["mean"] > 0)).any()):
            ax.set_yscale("log")
            ax.yaxis.set(major_locator=LogTicks(), major_formatter=lambda value, _: value_label(float(value)))
            ax.yaxis.set_minor_formatter(NullFormatter())
        elif not bool((summary["mean"] != 0).any()):
            ax.set_ylim(-0.03, 1.03)
        ax.set_xlabel(axis_label(summary[dim]))
        ax.set_ylabel(axis_label(summary["mean"]))
        ax.grid(axis="y")
        ax.set_xlim(steps[0], steps[-1] if len(steps) > 1 else steps[0] + 1)
        _mark_diverged(ax, diverged_at, palette)
        if legend:
            ax.legend(handles=[*rate_marks(palette), *diverged_marks(diverged_at)])
    return ax


def diverged_marks(diverged_at: xr.DataArray | None) -> list[Line2D]:
    """Return the legend's entry for members that diverged, if one did."""
    if diverged_at is None or not bool((diverged_at >= 0).any()):
        return []
    return [Line2D([], [], color=ALARM, label="diverged", marker="x", markersize=4, linestyle="none")]


def _mark_diverged(ax: Axes, diverged_at: xr.DataArray | None, palette: dict[Hashable, str]) -> None:
    if diverged_at is None:
        return
    above = ax.get_xaxis_transform()
    for lr, colour in palette.items():
        steps = diverged_at.sel(lr=lr).values.reshape(-1)
        steps = steps[steps >= 0]
        if len(steps):
            (marks,) = ax.plot(steps, np.full(len(steps), TOP), "x", color=colour, markersize=4, transform=above)
            marks.set(label="diverged", clip_on=False, zorder=4)
