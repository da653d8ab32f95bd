"""Figures over the learning rate: what a rate costs, how soon it reaches a target, what range tests suggest."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import SymmetricalLogLocator

from lrscope.analysis._range_test import range_blocks
from lrscope.figures._marks import Panel, centres, crosses_above, points
from lrscope.figures._rate_axis import (
    HUGE,
    TAKEN,
    nothing_known,
    rate_axis,
    rates_of,
    set_ends,
    shade_range,
    value_axis,
)
from lrscope.figures._rates import interval, rate_legend, score_panel
from lrscope.figures._style import (
    ALARM,
    INK,
    SOFT,
    WIDTH,
    axis_label,
    beside,
    colours,
    new_figure,
    style,
    wrapped,
)

UPPER, ROW, LOWER = 1.5, 0.26, 1.7
"""Inches: height of the curves, of the suggestions of a rule, of the outcome of training."""
STACKED = 0.6
"""Share of its row over which the suggestions of a rule are spread."""
BEYOND = 2.2
"""Factor between the outermost rates and the ends of the axis."""
BELOW = 10
"""Of a test that starts far below everything else, so much is shown."""
BEND = 10
"""Differences beyond this multiple of those of the recommended range bend the axis."""
ONE = (0.6 * WIDTH, 2.4)
"""Inches: width and height of a figure of one panel."""


def differences_by_rate(recommended: xr.Dataset) -> Figure:
    """Draw how much worse than the best each rate is: green if it may be as good, a cross where networks diverged.

    Parameters
    ----------
    recommended : Dataset (lr) of `lrscope.analysis.recommendation`
    """
    with style():
        figure = new_figure(*ONE)
        ax = figure.subplots()
        shade_range(ax, recommended)
        ax.axhline(0, color=INK, linewidth=0.7, zorder=1)
        plausible = recommended["plausible"].values.astype(bool)
        for chosen, colour in ((~plausible, SOFT), (plausible, TAKEN)):
            here = recommended.isel(lr=chosen)
            centres(ax, interval(here, "difference"), rates_of(here), colour)
        rate_axis(ax, recommended)
        ax.set_ylabel(wrapped(axis_label(recommended["difference"]), 34))
        ax.grid(axis="y")
        _near_zero(ax, recommended)
        lost = recommended["lr"].values[(recommended["diverged"] > 0).values]
        crosses_above(ax, lost, np.full(len(lost), ALARM))
        ax.set_title("crosses: some diverged" if len(lost) else "", pad=12)
    return figure


def _near_zero(ax: Axes, recommended: xr.Dataset) -> None:
    """Make the vertical axis linear around the recommended range and logarithmic beyond, where others lie far off."""
    signed = np.stack(
        [recommended[name].values.astype(float) for name in ("difference", "difference_low", "difference_high")]
    )
    values, below = np.abs(signed), float(signed[np.isfinite(signed)].min(initial=0.0))
    known = values[np.isfinite(values)]
    near = values[:, recommended["plausible"].values.astype(bool)]
    inner = near[np.isfinite(near)].max(initial=0.0) or known[known > 0].min(initial=np.inf)
    if nothing_known(ax, values, "no rate to compare with"):
        return
    if known.max() / BEND < inner:
        if known.max() > HUGE:
            set_ends(ax, below, known.max())
        return
    set_ends(ax, 1.2 * max(below, -HUGE) - 0.2 * min(inner, HUGE), 1.3 * min(known.max(), HUGE))
    ax.set_yscale("symlog", linthresh=2 * inner)
    ax.yaxis.set(major_locator=SymmetricalLogLocator(base=10, linthresh=2 * inner), major_formatter="{x:g}")


def steps_to_target_by_rate(reached: xr.Dataset, trained: xr.DataArray) -> Figure:
    """Draw how many steps each seed took to a target, with a cross above the panel where it did not reach it.

    Parameters
    ----------
    reached : Dataset of `lrscope.analysis.steps_to_target`
    trained : (lr, seed) booleans, which combinations were trained at all
    """
    steps = reached["steps"].astype(float).where(trained)
    taken = steps.where(~(steps < 0), np.inf)
    summary = interval(reached.drop_dims("seed"), "mean")
    with style():
        figure = new_figure(*ONE)
        ax = figure.subplots()
        points(Panel(ax, summary, taken, "lr", None, colours(taken["lr"].values)))
        known = np.r_[taken.values.ravel(), *(array.values.astype(float) for array in summary.values())]
        if not nothing_known(ax, taken.values, "no seed reached it"):
            value_axis(ax, np.where(known > 0, known, np.nan))
        rate_axis(ax, reached)
        ax.set_ylabel(axis_label(reached["steps"]))
        ax.set_title(f"target {float(reached['target']):.3g}; crosses did not reach it", pad=12)
    return figure


def range_test_over_truth(
    tested: xr.Dataset, recommended: xr.Dataset, scores: xr.DataArray, agreement: xr.Dataset
) -> Figure:
    """Draw range tests, what rules suggest from them, and what training has shown, over the same learning rates.

    Parameters
    ----------
    tested : of `lrscope.analysis.range_test`
    recommended : Dataset (lr) of `lrscope.analysis.recommendation`, whose range is shaded through all panels
    scores : (lr, seed) last validation loss of training at each rate; infinite for a network that diverged
    agreement : Dataset (rule) of `lrscope.analysis.range_test_agreement`
    """
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
    smoothed = tested["smoothed"]
    for seed in smoothed["seed"]:
        rate, loss = (tested[name].sel(seed=seed) for name in ("learning_rate", "smoothed"))
        ax.plot(rate, loss, color=SOFT, linewidth=0.7, alpha=0.7, gid="range test")
    value_axis(ax, smoothed.values)
    ax.set_ylabel(wrapped(axis_label(smoothed), 22))
    ax.set_title("range test: one run of a rising rate" + ("" if smoothed.sizes["seed"] == 1 else " for each seed"))


def _suggestions(ax: Axes, suggestion: xr.DataArray, recommended: xr.Dataset, agreement: xr.Dataset) -> None:
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
        text = f"{float(agreement['share'].sel(rule=rule)):.0%} inside"
        ax.text(1.0, row, text, ha="right", va="center", transform=ax.get_yaxis_transform(), fontsize=6.5)
    ax.set_yticks(range(len(rules)), [str(rule) for rule in rules])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rules) - 0.5, -0.5)
    ax.set_title("what each rule suggests")


def _ends(tested: xr.Dataset, recommended: xr.Dataset) -> tuple[float, float]:
    """Return the ends of an axis: training and suggestions with a decade below them, and all that the tests reached."""
    shown = tested["learning_rate"].where(tested["smoothed"].notnull()).values
    known = [*(values[np.isfinite(values)] for values in (tested["suggestion"].values, shown)), rates_of(recommended)]
    first = min(np.concatenate([known[0], known[2]])) / BELOW
    return max(float(first), float(min(np.concatenate(known)) / BEYOND)), float(max(np.concatenate(known))) * BEYOND
