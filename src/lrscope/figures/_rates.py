"""What each learning rate led to: the outcome of every seed, who diverged, and which rates cannot be distinguished."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lrscope.analysis._range_test import range_blocks
from lrscope.figures._marks import Panel, points
from lrscope.figures._rate_axis import SHADE, TAKEN, nothing_known, rate_axis, rates_of, rooms, shade_range, value_axis
from lrscope.figures._style import (
    ALARM,
    INK,
    SOFT,
    WIDTH,
    axis_label,
    colours,
    new_figure,
    rate_text,
    require,
    style,
    wrapped,
)

NONE_DIVERGED = "none diverged"
"""Stands in the panel of those that did where it would be empty."""


def outcome_by_rate(
    recommended: xr.Dataset,
    scores: xr.DataArray,
    accuracy: xr.DataArray | None = None,
    smooth: xr.Dataset | None = None,
) -> Figure:
    """Draw the outcome of every seed at each learning rate, and the recommended range.

    Parameters
    ----------
    recommended : Dataset (lr) of `lrscope.analysis.recommendation`: ``score`` and ``diverged_share`` with the ends of
        their intervals, the scalars ``best``, ``low``, ``high``
    scores : (lr, seed) last validation loss; infinite for a member that diverged, NaN for one that was not trained
    accuracy : (lr, seed) last validation accuracy; a panel more
    smooth : Dataset (lr) of `lrscope.analysis.optimum`, drawn as a curve with its interval

    Returns
    -------
    Figure : panels over the same learning rates: loss, accuracy if given, share of members that diverged with
        its interval where some did

    Raises
    ------
    InputError : other dimensions, or a rate that is not above 0.
    """
    require("recommended", recommended, "lr")
    require("scores", scores, "lr", "seed")
    with style():
        heights = [2.2, *([] if accuracy is None else [1.1]), 0.65]
        figure = new_figure(WIDTH, sum(heights) + 0.75)
        upper, *middle, lower = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        score_panel(upper, recommended, scores)
        if smooth is not None:
            look: dict[str, Any] = {"color": TAKEN, "linewidth": 0, "alpha": 0.15, "zorder": 1, "gid": "smooth band"}
            upper.fill_between(smooth["lr"], smooth["score_low"], smooth["score_high"], **look)
            upper.plot(smooth["lr"], smooth["score"], color=TAKEN, linewidth=1.1, zorder=3, gid="smooth")
        upper.set_ylabel(wrapped(axis_label(recommended["score"]), 34))
        for ax in middle:
            _accuracy_panel(ax, recommended, accuracy)
        _diverged_panel(lower, recommended)
        rate_axis(lower, recommended)
        rate_legend(figure, scores)
        figure.align_ylabels()
    return figure


def score_panel(ax: Axes, recommended: xr.Dataset, scores: xr.DataArray) -> None:
    """Draw the scores of all seeds, the centre and interval of each rate, the best rate and the recommended range."""
    shade_range(ax, recommended)
    summary = interval(recommended, "score")
    points(Panel(ax, summary, scores, "lr", None, colours(scores["lr"].values)))
    value_axis(ax, np.r_[scores.values.ravel(), *(array.values for array in summary.values())])
    best = float(recommended["best"])
    if np.isfinite(best):
        height = float(recommended["score"].sel(lr=best))
        ax.plot([best], [height], "D", color=TAKEN, markersize=5.5, zorder=5, gid="best")
    ax.set_title(verdict(recommended), pad=12)


def interval(table: xr.Dataset, name: str) -> xr.Dataset:
    """Return a variable and the ends of its interval as ``centre``, ``low`` and ``high``."""
    prefix = "" if name == "mean" else f"{name.removesuffix('_share')}_"
    return xr.Dataset({"centre": table[name], "low": table[f"{prefix}low"], "high": table[f"{prefix}high"]})


def rate_legend(figure: Figure, scores: xr.DataArray) -> None:
    """Name the marks above a figure."""
    dot: dict[str, Any] = {"linestyle": "none", "marker": "o"}
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=SOFT, markersize=3.2, markeredgewidth=0, label="a seed", **dot),
        Line2D([], [], color=INK, marker="o", markersize=4, linewidth=1.1, label="mean with its interval"),
        Line2D([], [], color=TAKEN, markersize=4.5, label="best", **dot | {"marker": "D"}),
        Patch(color=SHADE, label="recommended range"),
    ]
    if bool((scores == np.inf).any()):
        handles.append(Line2D([], [], color=ALARM, markersize=3.5, label="diverged", **dot | {"marker": "x"}))
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))


def verdict(recommended: xr.Dataset) -> str:
    """Return in a few words what is recommended.

    Parameters
    ----------
    recommended : Dataset (lr) with ``plausible``, the scalars ``best``, ``low``, ``high``, ``decided``, ``at_edge``

    Examples
    --------
    >>> table = xr.Dataset({"plausible": ("lr", [False, True, True])}, {"lr": [0.001, 0.003, 0.01]})
    >>> verdict(table.assign(best=0.01, low=0.003, high=0.01, decided=False, at_edge="upper"))
    'best 0.01; 0.003 and 0.01 cannot be distinguished; at the upper end of the grid'
    """
    best = float(recommended["best"])
    if not np.isfinite(best):
        return "no rate is recommended"
    rivals = ", better than all others" if bool(recommended["decided"]) else _rivals(recommended)
    edge = {"": "", "both": "; at both ends of the grid"}
    end = str(recommended["at_edge"].item())
    return f"best {rate_text(best)}{rivals}{edge.get(end, f'; at the {end} end of the grid')}"


def _rivals(recommended: xr.Dataset) -> str:
    """Return which rates may be as good as the best: how many, where others between them were ruled out."""
    low, high = (float(recommended[name]) for name in ("low", "high"))
    if low == high:
        return ""
    ends, count = (rate_text(low), rate_text(high)), int(recommended["plausible"].sum())
    if len(range_blocks(recommended)) == 1:
        return f"; {' to '.join(ends) if count > 2 else ' and '.join(ends)} cannot be distinguished"
    return f"; {count} rates from {' to '.join(ends)} cannot be distinguished"


def _accuracy_panel(ax: Axes, recommended: xr.Dataset, accuracy: xr.DataArray | None) -> None:
    if accuracy is None:
        return
    require("accuracy", accuracy, "lr", "seed")
    shade_range(ax, recommended)
    points(
        Panel(ax, accuracy.mean("seed").to_dataset(name="centre"), accuracy, "lr", None, colours(accuracy["lr"].values))
    )
    nothing_known(ax, accuracy.values)
    ax.set_ylabel(wrapped(axis_label(accuracy), 18))
    ax.grid(axis="y")


def _diverged_panel(ax: Axes, recommended: xr.Dataset) -> None:
    """Draw the share of diverged members as bars; with intervals where there are some, or they would look like some."""
    rates, own = rates_of(recommended), rooms(rates_of(recommended))
    half = np.array([own[rate] * 0.55 for rate in rates.tolist()])
    left, right = rates / 10**half, rates * 10**half
    share, low, high = (array.values.astype(float) for array in interval(recommended, "diverged_share").values())
    look: dict[str, Any] = {"color": ALARM, "alpha": 0.35, "linewidth": 0}
    ax.bar(left, np.nan_to_num(share), width=right - left, align="edge", gid="diverged", **look)
    some = share > 0
    ax.vlines(rates[some], low[some], high[some], color=ALARM, linewidth=1.1)
    if not some.any():
        ax.text(0.5, 0.5, NONE_DIVERGED, transform=ax.transAxes, ha="center", va="center", color=SOFT)
    ax.set_ylim(0, 1)
    ax.set_yticks([0, 0.5, 1], ["0", "", "1"])
    ax.set_ylabel(wrapped(axis_label(recommended["diverged_share"]), 14))
