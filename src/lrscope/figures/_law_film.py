"""The law as a film: the points draw together, and R² grows, while more and more trainings are averaged."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from lrscope.errors import must_be
from lrscope.figures._density import Limits, counted, density, limits_of
from lrscope.figures._film import DPI, Film, Mover
from lrscope.figures._frames import place_of
from lrscope.figures._law import expected_line, fitted_ends, fitted_line, law_marks, rises, say
from lrscope.figures._law_noise import COLOURS, PREDICTED, r2_axis, replicate_axis
from lrscope.figures._style import SOFT, axis_label, new_figure, require, style

SIZE = (8.4, 4.4)
"""Inches: 1260 by 660 pixels."""
DIMS = ("replicates", "sample", "output")


def law_film(deltas: xr.Dataset, course: xr.Dataset, law: xr.Dataset, hold: int = 6) -> Film:
    """Return the scatter of the law over the number of trainings as a film, with R² beside it.

    Parameters
    ----------
    deltas : Dataset (replicates, sample, output) of `lrscope.analysis.deltas`: ``x`` and ``y``, over the first
        trainings up to each number
    course : Dataset (replicates) of `lrscope.analysis.law_by_replicates`: ``r2``, ``r2_expected`` and ``slope``, at
        the same numbers
    law : Dataset of scalars of `lrscope.analysis.law`, of which ``expected_slope`` is read
    hold : frames that each number stays

    Returns
    -------
    Film : `lrscope.report.write_film` writes it; its steps are numbers of trainings. The axes hold the points of all
        frames and stay the same, as do the colours

    Raises
    ------
    InputError : other dimensions, other numbers of trainings, or `hold` below 1.
    """
    if hold < 1:
        raise must_be("hold", "1 frame or more", hold)
    numbers = same_numbers(deltas, course)
    with style():
        figure = new_figure(*SIZE)
        figure.set_dpi(DPI)
        scatter, curve = figure.subplots(1, 2, width_ratios=[1.15, 1])
        movers = [_cloud(scatter, deltas, course, law), _curve(curve, course)]
    return Film(figure, np.repeat(numbers, hold), movers)


def same_numbers(deltas: xr.Dataset, course: xr.Dataset) -> np.ndarray:
    """Return the numbers of trainings of both.

    Raises
    ------
    InputError : other dimensions, or they are not those of both.
    """
    require("deltas", deltas, *DIMS)
    require("course", course, "replicates")
    numbers = deltas["replicates"].values
    if not np.array_equal(numbers, course["replicates"].values):
        raise must_be("course", "at the replicates of deltas", course["replicates"].values.tolist())
    return numbers


def frame_limits(deltas: xr.Dataset) -> Limits:
    """Return ends of the axes that hold the points of all frames."""
    return limits_of(deltas["x"].values.ravel(), deltas["y"].values.ravel())


def _cloud(ax: Axes, deltas: xr.Dataset, course: xr.Dataset, law: xr.Dataset) -> Mover:
    numbers, limits = deltas["replicates"].values, frame_limits(deltas)
    x, y = (deltas[name].transpose(*DIMS).values.reshape(len(numbers), -1) for name in ("x", "y"))
    image = density(ax, x[-1], y[-1], limits)
    expected, fitted = expected_line(ax, law), fitted_line(ax, x[-1], y[-1], float(course["slope"][-1]))
    text = say(ax, law, "", fontsize=9)
    ax.set(xlabel=axis_label(deltas["x"]), ylabel=axis_label(deltas["y"]))
    ax.legend(handles=law_marks(law), loc="lower right" if rises(law) else "lower left", handlelength=2.4)

    def move(step: int) -> list[Artist]:
        place = place_of(numbers, step)
        image.set_data(counted(x[place], y[place], limits))
        fitted.set_data(*fitted_ends(x[place], y[place], float(course["slope"][place]), limits[:2]))
        text.set_text(f"{int(numbers[place]):,} trainings at each rate\nR² {float(course['r2'][place]):.4f}")
        return [image, expected, fitted, text]

    return move


def _curve(ax: Axes, course: xr.Dataset) -> Mover:
    numbers, found = course["replicates"].values, course["r2"].values
    ax.plot(numbers, course["r2_expected"], color=SOFT, label="expected from signal and noise", **PREDICTED)
    look: dict[str, Any] = {"color": COLOURS[0], "marker": "o", "linestyle": "none", "markeredgewidth": 0}
    ax.plot(numbers, found, markersize=2.8, alpha=0.2, **look)
    (so_far,), (head,) = ax.plot([], [], markersize=2.8, label="found", **look), ax.plot([], [], markersize=6, **look)
    r2_axis(ax, np.r_[found, course["r2_expected"].values])
    replicate_axis(ax, [numbers])
    ax.legend(loc="lower right")

    def move(step: int) -> list[Artist]:
        place = place_of(numbers, step)
        so_far.set_data(numbers[: place + 1], found[: place + 1])
        head.set_data(numbers[place : place + 1], found[place : place + 1])
        return [so_far, head]

    return move
