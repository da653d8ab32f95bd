"""Is the effect of the learning rate linear? The change of every mean output at one rate against that at another."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lrscope.figures._style import INK, axis_label, new_axes, require, style
from lrscope.papers.linearity.figures._density import density, density_bar, limits_of

LEAST: dict[str, Any] = {"color": "#d1005d", "linewidth": 0.8, "zorder": 3}
"""The line of least squares."""
EXPECTED: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": (0, (5, 3)), "zorder": 4}
"""The line of the slope b / a."""
SIDE = 3.9
"""Inches: side of the picture."""
BOX = {"facecolor": "white", "edgecolor": "none", "alpha": 0.92, "boxstyle": "square,pad=0.25"}


def law_scatter(deltas: xr.Dataset, law: xr.Dataset, ax: Axes | None = None) -> Axes:
    """Draw the change of each mean output at one rate against that at another, shaded by density.

    Parameters
    ----------
    deltas : Dataset (sample, output) of `analysis.deltas` at one number of replicates: ``x`` and ``y``, mean
        outputs at eta + a and at eta + b less those at eta; their labels are those of the axes
    law : Dataset of scalars of `analysis.law`: ``r2``, ``slope``, ``expected_slope``, ``replicates``,
        ``r2_corrected`` and ``slope_corrected`` with the ends of their intervals
    ax : to draw into; a new one by default

    Returns
    -------
    Axes : an image of the points, every single one visible; dashed the line of the law through zero, solid that of
        least squares; what was found is written in the emptier corner

    Raises
    ------
    InputError : other dimensions, such as several numbers of replicates.

    References
    ----------
    K. Jordan, "The learning rate's effect on average behavior" (2024), figure 1.
    """
    require("deltas", deltas, "sample", "output")
    x, y = flat(deltas["x"]), flat(deltas["y"])
    with style():
        ax = ax or new_axes(SIDE + 0.6, SIDE)
        image = density(ax, x, y, limits_of(x, y))
        density_bar(ax, image)
        expected_line(ax, law)
        fitted_line(ax, x, y, float(law["slope"]))
        ax.set(xlabel=axis_label(deltas["x"]), ylabel=axis_label(deltas["y"]))
        say(ax, law, law_text(law))
        ax.legend(handles=law_marks(law), loc="lower right" if rises(law) else "lower left", handlelength=2.4)
    return ax


def flat(values: xr.DataArray) -> np.ndarray:
    """Return the change of every output of every sample, one after the other."""
    return values.transpose("sample", "output").values.ravel()


def rises(law: xr.Dataset) -> bool:
    """Tell whether both changes are expected to have the same sign."""
    return float(law["expected_slope"]) > 0


def expected_line(ax: Axes, law: xr.Dataset) -> Line2D:
    """Draw the line that the law expects."""
    return ax.axline((0, 0), slope=float(law["expected_slope"]), gid="expected", **EXPECTED)


def fitted_line(ax: Axes, x: np.ndarray, y: np.ndarray, slope: float) -> Line2D:
    """Draw the line of least squares: of a slope, through the mean of the points."""
    (line,) = ax.plot(*fitted_ends(x, y, slope, ax.get_xlim()), gid="fitted", **LEAST)
    return line


def fitted_ends(
    x: np.ndarray, y: np.ndarray, slope: float, across: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the line of a slope through the mean of the points."""
    ends = np.array(across)
    return ends, np.nanmean(y) + slope * (ends - np.nanmean(x))


def law_text(law: xr.Dataset) -> str:
    """Return what was found, a line each; intervals and corrected values where they are known."""
    lines = [f"R² {float(law['r2']):.4f}", _corrected(law, "r2", 4), f"slope {float(law['slope']):.3f}"]
    lines += [_corrected(law, "slope", 3), f"{int(law['replicates'])} trainings at each rate"]
    return minus("\n".join(line for line in lines if line))


def minus(text: str) -> str:
    """Return a text with the sign for negative numbers that the axes have.

    Examples
    --------
    >>> minus("-2")
    '−2'
    """
    return text.replace("-", "−")


def _corrected(law: xr.Dataset, name: str, digits: int) -> str:
    """Return a value without its noise, with its interval where there is one."""
    low, high = ("r2_corrected_low", "r2_corrected_high") if name == "r2" else ("slope_low", "slope_high")
    value, below, above = (float(law[part]) for part in (f"{name}_corrected", low, high))
    if not np.isfinite(value):
        return ""
    return f"    corrected for noise {value:.{digits}f}{interval(below, above, digits)}"


def interval(low: float, high: float, digits: int) -> str:
    """Return an interval in brackets; nothing where neither end is known."""
    if np.isfinite([low, high]).all():
        return f" ({low:.{digits}f} to {high:.{digits}f})"
    if np.isfinite(low) and high == np.inf:
        return f" ({low:.{digits}f} or more)"
    return f" ({high:.{digits}f} or less)" if np.isfinite(high) and low == -np.inf else ""


def say(ax: Axes, law: xr.Dataset, text: str, **look: Any) -> Any:
    """Write into the upper corner that the points leave empty."""
    side: dict[str, Any] = {"x": 0.02, "ha": "left"} if rises(law) else {"x": 0.98, "ha": "right"}
    where: dict[str, Any] = {"y": 0.98, "va": "top", "transform": ax.transAxes, "ma": "left", "zorder": 5}
    return ax.text(s=text, bbox=BOX, linespacing=1.4, **side, **where, **look)


def law_marks(law: xr.Dataset) -> list[Line2D]:
    """Return the legend entries of both lines."""
    expected = minus(f"expected: slope {float(law['expected_slope']):.4g}")
    return [
        Line2D([], [], label=expected, **EXPECTED),
        Line2D([], [], label="least squares", **LEAST),
    ]
