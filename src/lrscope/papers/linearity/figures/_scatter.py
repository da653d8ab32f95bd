"""Is the effect of the learning rate linear? The change of every mean output at one rate against that at another."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lrscope.figures._style import INK, axis_label, new_axes, require, style
from lrscope.papers.linearity._text import with_interval
from lrscope.papers.linearity.figures._density import density, density_bar, limits_of

LEAST: dict[str, Any] = {"color": "#d1005d", "linewidth": 0.8, "zorder": 3}
"""The line of least squares."""
EXPECTED: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": (0, (5, 3)), "zorder": 4}
"""The line of the slope b / a."""
SIDE = 3.5
"""Inches: side of the picture."""


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
    Axes : an image of the density of the points; dashed the line of the law through zero, solid that of least squares;
        R² and slope are in the title

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
        ax = ax or new_axes(SIDE + 0.6, SIDE + 0.4)
        image = density(ax, x, y, limits_of(x, y))
        density_bar(ax, image)
        expected_line(ax, law)
        fitted_line(ax, x, y, float(law["slope"]))
        ax.set(xlabel=axis_label(deltas["x"]), ylabel=axis_label(deltas["y"]))
        plain_title(ax, law_text(law))
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
    """Return R² and slope, and their values without noise."""
    r2, slope = (
        with_interval([float(law[name]) for name in names], 4)
        for names in (
            ("r2_corrected", "r2_corrected_low", "r2_corrected_high"),
            ("slope_corrected", "slope_low", "slope_high"),
        )
    )
    return (
        f"{int(law['replicates'])} trainings at each rate\n"
        f"R² {float(law['r2']):.4f}, without noise {r2}\n"
        f"slope {float(law['slope']):.3f}, without noise {slope}"
    )


def plain_title(ax: Axes, text: str) -> None:
    """Write lines above the axes in the weight of the text."""
    ax.set_title(minus(text), fontsize=7.5, fontweight="normal", linespacing=1.4)


def minus(text: str) -> str:
    """Return a text with the sign for negative numbers that the axes have.

    Examples
    --------
    >>> minus("-2")
    '−2'
    """
    return text.replace("-", "−")


def law_marks(law: xr.Dataset) -> list[Line2D]:
    """Return the legend entries of both lines."""
    expected = minus(f"expected: slope {float(law['expected_slope']):.4g}")
    return [
        Line2D([], [], label=expected, **EXPECTED),
        Line2D([], [], label="least squares", **LEAST),
    ]
