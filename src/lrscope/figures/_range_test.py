"""The range test that people know, over what training at each learning rate has shown."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.analysis._range_test import range_blocks
from lrscope.figures._rate_axis import TAKEN, rate_axis, rates_of, shade_range, value_axis
from lrscope.figures._rates import rate_legend, score_panel
from lrscope.figures._style import INK, SOFT, WIDTH, axis_label, beside, new_figure, require, style, wrapped
from lrscope.records import step_dimension

UPPER, ROW, LOWER = 1.5, 0.26, 1.7
"""Inches: height of the curves, of the suggestions of a rule, of the outcome of training."""
STACKED = 0.6
"""Share of its row over which the suggestions of a rule are spread."""
BEYOND = 2.2
"""Factor between the outermost rates and the ends of the axis."""
BELOW = 10
"""Of a test that starts far below everything else, so much is shown."""


def range_test_over_truth(
    tested: xr.Dataset, recommended: xr.Dataset, scores: xr.DataArray, agreement: xr.Dataset | None = None
) -> Figure:
    """Draw range tests, what several rules suggest from them, and what training at each rate has shown.

    Parameters
    ----------
    tested : of `lrscope.analysis.range_test`: ``smoothed`` (seed, step) loss while the rate rises, ``learning_rate``
        (step) or (seed, step), ``suggestion`` (rule, seed), NaN where a rule has none
    recommended : Dataset (lr) of `lrscope.analysis.recommendation`
    scores : (lr, seed) last validation loss of training at each rate; infinite for a member that diverged
    agreement : Dataset (rule) of `lrscope.analysis.range_test_agreement`: ``share`` of the suggestions inside the
        range, written beside the rows

    Returns
    -------
    Figure : three panels over the same learning rates, with the best range in training shaded through all of them

    Raises
    ------
    InputError : other dimensions, or a rate that is not above 0.
    """
    require("scores", scores, "lr", "seed")
    require("recommended", recommended, "lr")
    require("suggestion", tested["suggestion"], "rule", "seed")
    rows = ROW * tested.sizes["rule"]
    with style():
        figure = new_figure(WIDTH, UPPER + rows + LOWER + 0.75)
        upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=[UPPER, rows, LOWER])
        for ax in (upper, middle):
            shade_range(ax, recommended)
        _tests(upper, tested)
        _suggestions(middle, tested["suggestion"], recommended, agreement)
        score_panel(lower, recommended, scores)
        lower.set_title(f"training: {lower.get_title('left')}", pad=12)
        lower.set_ylabel(wrapped(axis_label(recommended["score"]), 24))
        rate_axis(lower, recommended, _ends(tested, recommended))
        rate_legend(figure, scores)
        return figure


def _tests(ax: Axes, tested: xr.Dataset) -> None:
    """Draw the smoothed loss of each seed against the rate."""
    smoothed = tested["smoothed"].transpose("seed", ...)
    rates, losses = np.broadcast_arrays(_rates(tested), smoothed.values)
    for rate, loss in zip(rates, losses, strict=True):
        ax.plot(rate, loss, color=SOFT, linewidth=0.7, alpha=0.7, gid="range test")
    value_axis(ax, losses)
    ax.set_ylabel(wrapped(axis_label(smoothed), 22))
    ax.set_title("range test: one run of a rising rate" + ("" if len(losses) == 1 else " for each seed"))


def _rates(tested: xr.Dataset) -> np.ndarray:
    """Return the learning rates in the order (seed, step), or (step) if they are the same in all seeds."""
    rates, dim = tested["learning_rate"], step_dimension(tested["smoothed"])
    return rates.transpose(*(["seed", dim] if "seed" in rates.dims else [dim])).values


def _suggestions(ax: Axes, suggestion: xr.DataArray, recommended: xr.Dataset, agreement: xr.Dataset | None) -> None:
    """Draw a row for each rule: a mark for each seed, filled green inside the recommended range."""
    rules = suggestion["rule"].values.tolist()
    blocks = range_blocks(recommended)
    look: dict[str, Any] = {"marker": "|", "markersize": 6, "linestyle": "none", "markeredgewidth": 1.1}
    for row, rule in enumerate(rules):
        given = suggestion.sel(rule=rule).values
        height = row + beside(len(given), STACKED)
        inside = sum(((given >= first) & (given <= last) for first, last in blocks), np.zeros(len(given), dtype=bool))
        ax.plot(given[inside], height[inside], color=TAKEN, gid=f"{rule} inside", **look)
        ax.plot(given[~inside], height[~inside], color=INK, gid=f"{rule} outside", **look)
        if agreement is not None:
            share = float(agreement["share"].sel(rule=rule))
            text = f"{share:.0%} inside" if np.isfinite(share) else "–"
            ax.text(1.0, row, text, ha="right", va="center", transform=ax.get_yaxis_transform(), fontsize=6.5)
    ax.set_yticks(range(len(rules)), [str(rule) for rule in rules])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rules) - 0.5, -0.5)
    ax.set_title("what each rule suggests")


def _ends(tested: xr.Dataset, recommended: xr.Dataset) -> tuple[float, float]:
    """Return the ends of an axis: training and suggestions with a decade below them, and all that the tests reached."""
    shown = np.where(tested["smoothed"].transpose("seed", ...).notnull(), _rates(tested), np.nan)
    known = [*(values[np.isfinite(values)] for values in (tested["suggestion"].values, shown)), rates_of(recommended)]
    first = min(np.concatenate([known[0], known[2]])) / BELOW
    return max(float(first), float(min(np.concatenate(known)) / BEYOND)), float(max(np.concatenate(known))) * BEYOND
