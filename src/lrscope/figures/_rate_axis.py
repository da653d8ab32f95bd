"""What figures over the learning rate share: its axis, the place of each seed, the recommended range, who diverged."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, Formatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from lrscope.analysis._range_test import range_blocks
from lrscope.errors import must_be
from lrscope.figures._style import SOFT, axis_label, rate_text

TAKEN, SHADE = "#1b8a7a", "#e2f0ec"
"""What belongs to the recommended range; the area of the range."""
TOP = 1.035
"""Where members that diverged are marked: just above the panel."""
ROOM = 0.3
"""Decades on each side of a rate at most: what belongs to it stands within."""
FILLED = 0.55
"""Share of its room that the points of a rate fill."""
LETTER = 0.06
"""Inches: width of a letter of a tick."""
UNEVEN = 0.05
"""Share of their mean by which gaps may differ between rates that are evenly spaced."""
LINEAR = ("accuracy", "share", "angle")
"""Words of the names of quantities between two known ends."""
NARROW, MIDDLE, WIDE = 2.0, 12.0, 1e3
"""Factors over which values spread: below the first ticks are evenly spaced, then closer and wider, powers of ten."""
HUGE = 1e200
"""Values beyond it, and those closer to 0 than its inverse, lie outside of axes: ticks must have room in a float64."""
LEAST = 1.03
"""Factor between the outermost values and the ends of their axis, at least."""


def rates_of(array: xr.DataArray | xr.Dataset) -> np.ndarray:
    """Return the learning rates of an array.

    Raises
    ------
    InputError : one of them is not above 0: it has no place on a logarithmic axis.
    """
    rates = np.asarray(array["lr"].values, dtype=float).reshape(-1)
    if not (rates > 0).all():
        raise must_be("lr", "above 0", rates.min().item(), "Select the others with .sel().")
    return rates


def rooms(rates: np.ndarray) -> dict[float, float]:
    """Return for each rate the decades on each side that are its own: up to the middle to its nearest neighbour."""
    ordered = np.sort(rates)
    gaps = np.r_[np.inf, np.diff(np.log10(ordered)), np.inf] / 2
    return {rate: float(min(*gaps[place : place + 2], ROOM)) for place, rate in enumerate(ordered.tolist())}


def rate_axis(ax: Axes, array: xr.DataArray | xr.Dataset, ends: tuple[float, float] | None = None) -> None:
    """Make the horizontal axis one of learning rates, with a tick at each; labels where they have room.

    Parameters
    ----------
    array : with the coordinate ``lr``, whose label is read
    ends : first and last rate of the axis; by default those of the array. Ticks are powers of ten if it is given
    """
    rates = np.sort(rates_of(array))
    own = rooms(rates)
    first, last = ends or (rates[0] / 10 ** (own[rates[0]] * 1.3), rates[-1] * 10 ** (own[rates[-1]] * 1.3))
    ax.set_xscale("log")
    ax.set_xlim(first, last)
    ax.set_xlabel(axis_label(array["lr"]))
    ax.xaxis.set(minor_locator=NullLocator(), minor_formatter=NullFormatter())
    if ends:
        ax.xaxis.set(major_locator=LogLocator(numticks=14), major_formatter=lambda lr, _: rate_text(lr))
        return
    ax.xaxis.set(major_locator=FixedLocator(rates.tolist()), major_formatter=_RateTicks())


class _RateTicks(Formatter):
    """Texts of learning rates, those that have room; how much there is, is known only when the figure is drawn."""

    def __call__(self, x: float, pos: int | None = None) -> str:  # noqa: ARG002
        return rate_text(x)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        ax: Axes = self.axis.axes  # type: ignore[union-attr]
        full = [rate_text(rate) for rate in values]
        at = ax.transData.transform(np.c_[values, np.ones(len(full))])[:, 0] / ax.figure.dpi
        short = [min(text, _with_exponent(rate), key=len) for text, rate in zip(full, values, strict=True)]
        for texts in (full, short):
            if _fit(at, texts, list(range(len(texts)))):
                return texts
        kept = _even(at, full) or _with_room(at, full)
        return [text if place in kept else "" for place, text in enumerate(full)]


def _with_exponent(rate: float) -> str:
    """Return a learning rate with three digits and a power of ten: ``1.23e-4``."""
    mantissa, exponent = f"{rate:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _fit(at: np.ndarray, texts: Sequence[str], kept: Sequence[int]) -> bool:
    """Tell whether texts in the middle of places (inches) do not touch."""
    half = np.array([(len(texts[place]) + 1) * LETTER / 2 for place in kept])
    return bool((np.diff(at[list(kept)]) >= half[1:] + half[:-1]).all())


def _even(at: np.ndarray, texts: Sequence[str]) -> list[int]:
    """Return every second, third, ... place such that the texts do not touch; none if the places are not even."""
    gaps = np.diff(at)
    if np.ptp(gaps) > UNEVEN * gaps.mean():
        return []
    ways = [list(range(0, len(texts), stride)) for stride in range(2, len(texts))]
    ways = [kept for kept in ways if _fit(at, texts, kept)]
    # of ways that name about as many, the one with the shortest texts: powers of ten, if there are some
    many = [kept for kept in ways if len(kept) >= 0.75 * len(ways[0])]
    return min(many, key=lambda kept: sum(len(texts[place]) for place in kept) / len(kept), default=[])


def _with_room(at: np.ndarray, texts: Sequence[str]) -> list[int]:
    """Return the places whose texts do not touch, the shorter ones first."""
    kept: list[int] = []
    for place in sorted(range(len(texts)), key=lambda place: (len(texts[place]), place)):
        if _fit(at, texts, sorted([*kept, place])):
            kept.append(place)
    return kept


def nothing_known(ax: Axes, values: np.ndarray, why: str = "no finite outcome") -> bool:
    """Say `why` in the middle of an Axes if no value is finite; return whether that is so."""
    if np.isfinite(values).any():
        return False
    ax.set_yticks([])
    look: dict[str, Any] = {"color": SOFT, "ha": "center", "va": "center", "backgroundcolor": "white"}
    ax.text(0.5, 0.5, why, transform=ax.transAxes, gid="nothing", **look)
    return True


def set_ends(ax: Axes, low: float, high: float) -> None:
    """Set the ends of a vertical axis, which then adapts to no value any more."""
    ax.set_autoscaley_on(False)
    ax.set_ylim(max(low, -HUGE), min(high, HUGE))


def value_axis(ax: Axes, values: np.ndarray) -> None:
    """Make the vertical axis logarithmic where all known values are positive."""
    ax.grid(axis="y")
    if nothing_known(ax, values):
        return
    known = values[np.isfinite(values)]
    if known.min() <= 0:
        if np.abs(known).max() > HUGE:
            set_ends(ax, known.min(), known.max())
        return
    low, high = np.clip([known.min(), known.max()], 1 / HUGE, HUGE).tolist()
    spread = high / low
    room = max(spread**0.07, LEAST)
    set_ends(ax, low / room, high * room)
    ax.set_yscale("log")
    ax.yaxis.set(minor_locator=NullLocator(), minor_formatter=NullFormatter())
    if spread > WIDE:
        ax.yaxis.set(major_locator=LogLocator(numticks=7))
    elif spread < NARROW:
        ax.yaxis.set(major_locator=MaxNLocator(5), major_formatter="{x:.3g}")
    else:
        subs = (1, 2, 5) if spread > MIDDLE else (1, 1.5, 2, 3, 5, 7)
        ax.yaxis.set(major_locator=LogLocator(subs=subs, numticks=15), major_formatter="{x:g}")


def spreads(array: xr.DataArray) -> bool:
    """Tell whether values are easier to distinguish on a logarithmic axis.

    Its attribute ``scale`` decides (``log`` or ``linear``); without it shares, accuracies and angles are linear, and
    positive values that spread over more than a factor of 5 are logarithmic.
    """
    if "scale" in array.attrs:
        return bool(array.attrs["scale"] == "log")
    if any(word in f"{array.attrs.get('long_name', '')} {array.name}" for word in LINEAR):
        return False
    known = array.values[np.isfinite(array.values)]
    return len(known) > 0 and bool(known.min() > 0) and bool(known.max() > 5 * known.min())


def shade_range(ax: Axes, recommended: xr.Dataset) -> None:
    """Shade the rates that may be as good as the best, and nothing between them that was ruled out."""
    rates_of(recommended)  # refuses those that have no place on the axis
    for ends in range_blocks(recommended):
        ax.axvspan(*ends, color=SHADE, linewidth=0, zorder=0, gid="recommended range")
