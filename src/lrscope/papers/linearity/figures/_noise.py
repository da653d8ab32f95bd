"""How many trainings the law takes to be seen: R² against their number, with the curve that noise predicts."""

from collections.abc import Mapping
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator
from matplotlib.transforms import blended_transform_factory

from lrscope.errors import must_be
from lrscope.figures._rate_axis import nothing_known
from lrscope.figures._style import SOFT, new_axes, require, style

COLOURS = ("#12355b", "#d9652b", "#1b8a7a")
"""Of the courses, in their order."""
PREDICTED: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "alpha": 0.75}
TICKS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999)
"""Places of R² with a number, each time about half as far from 1."""
ROOM = 0.25
"""Between the outermost values and the ends of the axis, in log-odds."""
NAMED_UP_TO = 300
"""Factor between the ends of the axis up to which 2 and 5 of each power of ten are named as well."""
MARGIN = 1.25
"""Factor between the outermost numbers of trainings and the ends of the axis."""


def r2_by_replicates(
    courses: Mapping[str, xr.Dataset],
    wanted: float | None = None,
    needed: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw R² against the number of trainings at each rate, on the scale of log-odds: each half nearer to 1 as wide.

    Parameters
    ----------
    courses : name -> Dataset (replicates) of `analysis.law_by_replicates`: ``r2`` over the first trainings, and
        ``r2_expected`` from signal and noise
    wanted : an R², above 0 and below 1, drawn as a line
    needed : name -> trainings for it, of `analysis.replicates_for`, marked; infinite: no number is enough
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : points for the measured R², dashed lines for the expected one; the number of trainings is logarithmic

    Raises
    ------
    InputError : other dimensions, no course, or `wanted` out of range.
    """
    if not courses:
        raise must_be("courses", "one Dataset or more, by name", dict(courses))
    if wanted is not None and not 0 < wanted < 1:
        raise must_be("wanted", "above 0 and below 1", wanted)
    palette = dict(zip(courses, cycle(COLOURS), strict=False))
    with style():
        ax = ax or new_axes(5.2, 2.8)
        for name, course in courses.items():
            draw_course(ax, name, course, palette[name])
        numbers = {name: count for name, count in (needed or {}).items() if name in palette}
        values = np.concatenate([course[part].values for course in courses.values() for part in ("r2", "r2_expected")])
        r2_axis(ax, np.r_[values, [] if wanted is None else wanted])
        replicate_axis(ax, [*(c["replicates"].values for c in courses.values()), np.array([*numbers.values()])])
        if wanted is not None:
            _mark(ax, wanted, numbers, palette)
        _legend(ax, palette)
    return ax


def draw_course(ax: Axes, name: str, course: xr.Dataset, colour: str) -> None:
    """Draw the measured R² at each number of trainings as points, and the expected one as a dashed line."""
    require(name, course, "replicates")
    numbers = course["replicates"].values
    ax.plot(numbers, course["r2_expected"], color=colour, gid=f"expected {name}", **PREDICTED)
    ax.plot(numbers, course["r2"], "o", color=colour, markersize=2.8, markeredgewidth=0, gid=f"measured {name}")


def r2_axis(ax: Axes, values: np.ndarray) -> None:
    """Make the vertical axis one of R² in log-odds that holds all values above 0 and below 1."""
    known = values[(values > 0) & (values < 1)]
    ax.set_ylabel("R²")
    if nothing_known(ax, known, "R² is not known"):
        return
    ax.set_yscale("logit")
    odds = np.log(known / (1 - known))
    low, high = (1 / (1 + np.exp(-end)) for end in (odds.min() - ROOM, odds.max() + ROOM))
    ax.set_ylim(low, high)
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ax.yaxis.set(major_locator=FixedLocator(ticks), minor_locator=NullLocator())
    ax.yaxis.set(major_formatter="{x:g}", minor_formatter=NullFormatter())
    ax.grid(axis="y")


def replicate_axis(ax: Axes, numbers: list[np.ndarray]) -> None:
    """Make the horizontal axis one of numbers of trainings, logarithmic."""
    known = np.concatenate(numbers)
    known = known[np.isfinite(known) & (known > 0)]
    ax.set_xscale("log")
    ax.set_xlim(known.min() / MARGIN, known.max() * MARGIN)
    subs = (1, 2, 5) if known.max() < NAMED_UP_TO * known.min() else (1,)
    ax.xaxis.set(major_locator=LogLocator(subs=subs), minor_locator=NullLocator(), major_formatter="{x:,.0f}")
    ax.set_xlabel("trainings at each rate")


def _mark(ax: Axes, wanted: float, needed: Mapping[str, float], palette: Mapping[str, str]) -> None:
    """Draw the R² that is wanted, and where it is reached."""
    ax.axhline(wanted, color=SOFT, linewidth=0.7, linestyle=":", zorder=1, gid="wanted")
    below = blended_transform_factory(ax.transData, ax.transAxes)
    for place, (name, count) in enumerate(needed.items()):
        if not np.isfinite(count):
            never = f"no number is enough for {wanted:g}"
            ax.text(0.99, 0.04 + 0.08 * place, never, color=palette[name], ha="right", transform=ax.transAxes)
            continue
        ax.vlines(count, ax.get_ylim()[0], wanted, color=palette[name], linewidth=0.7, gid=f"needed {name}")
        ax.plot(count, wanted, "D", color=palette[name], markersize=4, gid=f"needed {name}")
        text = f"{count:,.0f} for {wanted:g} "
        ax.text(count, 0.04 + 0.08 * place, text, color=palette[name], ha="right", transform=below)


def _legend(ax: Axes, palette: Mapping[str, str]) -> None:
    point: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 3}
    entries = [Line2D([], [], color=colour, label=name, **point) for name, colour in palette.items()]
    entries.append(Line2D([], [], color=SOFT, label="expected from signal and noise", **PREDICTED))
    figure_wide: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2}
    ax.legend(handles=entries, ncols=len(entries), columnspacing=1.2, handletextpad=0.5, **figure_wide)
