"""Changes of mean outputs as densities of points, and how many trainings the law takes to be seen."""

from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from lrscope.figures._rate_axis import nothing_known
from lrscope.figures._style import INK, ORDERED, SOFT, axis_label, new_figure, style, wrapped
from lrscope.studies._words import estimate_text

LEAST: dict[str, Any] = {"color": "#d1005d", "linewidth": 0.8, "zorder": 3}
"""The line of least squares."""
EXPECTED: dict[str, Any] = {"color": INK, "linewidth": 0.8, "linestyle": (0, (5, 3)), "zorder": 4}
"""The line of the slope b / a."""
BINS = "#12a5a5"
"""Means of bins, in another colour than the points."""
CELLS = 160
"""Cells along a side: a single point is about as large as a small marker."""
MARGIN = 0.04
"""Of the span of the points, left free on each side."""
COLOURS = ("#12355b", "#d9652b", "#1b8a7a")
"""Of the networks, in their order."""
PREDICTED: dict[str, Any] = {"linewidth": 0.9, "linestyle": (0, (4, 2)), "alpha": 0.75}
R2_TICKS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999)
"""Values of R² with a number, each time about half as far from 1."""
LOG_ODDS_MARGIN = 0.25
"""Between the outermost values of R² and the ends of the axis."""
FILM_SIZE, FILM_DPI = (8.4, 4.4), 150
"""Inches and dots an inch: 1260 by 660 pixels."""
FRAMES = 6
"""Frames of the film that each number of trainings stays."""

Limits = tuple[float, float]


def law_scatter(deltas: xr.Dataset, law: xr.Dataset, ax: Axes) -> None:
    """Draw the change of each mean output at one rate against that at another, shaded by density.

    Dashed is the line of the law through zero, solid that of least squares; R² and slope are in the title.

    Parameters
    ----------
    deltas : Dataset (sample, output) of `analysis.deltas` at one number of replicates
    law : of `analysis.law`

    References
    ----------
    K. Jordan, "The learning rate's effect on average behavior" (2024), figure 1.
    """
    x, y = _flat(deltas["x"]), _flat(deltas["y"])
    with style():
        _density_bar(ax, _density(ax, x, y, _ends(x), _ends(y)))
        _law_lines(ax, deltas, law, float(law["slope"]))
        text = (
            f"{int(law['replicates'])} trainings at each rate\n"
            f"R² {float(law['r2']):.4f}, without noise {estimate_text(law, 'r2_corrected', 4)}\n"
            f"slope {float(law['slope']):.3f}, without noise {estimate_text(law, 'slope_corrected', 4)}"
        )
        _plain_title(ax, text)


def delta_by_output(relation: xr.Dataset, ax: Axes) -> None:
    """Draw the change of each mean output against the mean output itself: is it a simple function of it?

    The points are shaded by density; beside them the line of least squares, and the mean of each bin with its interval.

    Parameters
    ----------
    relation : of `analysis.delta_against_output`

    References
    ----------
    K. Jordan, "The learning rate's effect on average behavior" (2024), figure 2.
    """
    x, y = _flat(relation["output"]), _flat(relation["delta"])
    with style():
        _density_bar(ax, _density(ax, x, y, _ends(x), _ends(y)))
        across, slope = np.array(ax.get_xlim()), float(relation["slope"])
        ax.plot(across, float(relation["intercept"]) + slope * across, gid="line", label="least squares", **LEAST)
        centre, low, high = (relation[f"bin_{name}"].values for name in ("delta", "low", "high"))
        look: dict[str, Any] = {"color": BINS, "zorder": 5, "gid": "bins"}
        ax.vlines(relation["bin_output"], low, high, linewidth=1.2, **look)
        look |= {"markersize": 3.2, "markeredgewidth": 0.5, "markeredgecolor": "white", "label": "means of bins"}
        ax.plot(relation["bin_output"], centre, "o", **look)
        line, bins = (estimate_text(relation, name) for name in ("r2_corrected", "r2_bins_corrected"))
        text = (
            f"R² of a line {float(relation['r2_line']):.3f}, without noise {line}\n"
            f"R² of bins {float(relation['r2_bins']):.3f}, without noise {bins}"
        )
        _plain_title(ax, text)
        ax.legend(loc="lower right" if slope > 0 else "lower left")
        ax.set(xlabel=axis_label(relation["output"]), ylabel=wrapped(axis_label(relation["delta"]), 40))


def r2_by_replicates(courses: Mapping[str, xr.Dataset]) -> Figure:
    """Draw R² against the number of trainings at each rate, on the scale of log-odds: each half nearer to 1 as wide.

    Points are the measured R², dashed lines what signal and noise let expect.

    Parameters
    ----------
    courses : name -> Dataset (replicates) of `analysis.law_by_replicates`
    """
    with style():
        figure = new_figure(5.2, 2.8)
        ax = figure.subplots()
        handles = []
        for (name, course), colour in zip(courses.items(), cycle(COLOURS), strict=False):
            ax.plot(course["replicates"], course["r2_expected"], color=colour, gid=f"expected {name}", **PREDICTED)
            look: dict[str, Any] = {"color": colour, "marker": "o", "linestyle": "none", "markeredgewidth": 0}
            handles += ax.plot(
                course["replicates"], course["r2"], markersize=2.8, gid=f"measured {name}", label=name, **look
            )
        handles.append(Line2D([], [], color=SOFT, label="expected from signal and noise", **PREDICTED))
        _r2_axes(ax, *courses.values())
        ax.legend(handles=handles, ncols=len(handles), loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
    return figure


def law_film(deltas: xr.Dataset, course: xr.Dataset, law: xr.Dataset) -> Iterator[np.ndarray]:
    """Yield the scatter of the law over the number of trainings, with R² beside it; axes and colours stay the same.

    Parameters
    ----------
    deltas : Dataset (replicates, sample, output) of `analysis.deltas`
    course : Dataset (replicates) of `analysis.law_by_replicates`, at the same numbers
    law : of `analysis.law`
    """
    for place in range(deltas.sizes["replicates"]):
        with style():
            figure = new_figure(*FILM_SIZE)
            figure.set_dpi(FILM_DPI)
            scatter, curve = figure.subplots(1, 2, width_ratios=[1.15, 1])
            _film_points(scatter, deltas, course, law, place)
            _film_course(curve, course, place)
            canvas: Any = FigureCanvasAgg(figure)
            canvas.draw()
        frame = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        yield from (frame for _ in range(FRAMES))


def _film_points(ax: Axes, deltas: xr.Dataset, course: xr.Dataset, law: xr.Dataset, place: int) -> None:
    here = deltas.isel(replicates=place)
    x_limits, y_limits = (_ends(deltas[name].values.ravel()) for name in ("x", "y"))
    _density(ax, _flat(here["x"]), _flat(here["y"]), x_limits, y_limits)
    _law_lines(ax, here, law, float(course["slope"][place]))
    ax.set_title(f"{int(here['replicates']):,} trainings at each rate, R² {float(course['r2'][place]):.4f}")


def _film_course(ax: Axes, course: xr.Dataset, place: int) -> None:
    numbers, r2 = course["replicates"].values, course["r2"].values
    ax.plot(numbers, course["r2_expected"], color=SOFT, label="expected from signal and noise", **PREDICTED)
    look: dict[str, Any] = {"color": COLOURS[0], "marker": "o", "linestyle": "none", "markeredgewidth": 0}
    ax.plot(numbers, r2, markersize=2.8, alpha=0.2, **look)
    ax.plot(numbers[: place + 1], r2[: place + 1], markersize=2.8, label="measured", **look)
    ax.plot(numbers[place], r2[place], markersize=6, **look)
    _r2_axes(ax, course)
    ax.legend(loc="lower right")


def minus(text: str) -> str:
    """Return a text with the sign for negative numbers that the axes have."""
    return text.replace("-", "−")


def _flat(values: xr.DataArray) -> np.ndarray:
    return values.transpose("sample", "output").values.ravel()


def _ends(values: np.ndarray) -> Limits:
    """Return ends of an axis that holds all values and zero."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin


def _density(ax: Axes, x: np.ndarray, y: np.ndarray, x_limits: Limits, y_limits: Limits) -> QuadMesh:
    """Draw points as an image of their density, shaded by the logarithm, a single one still visible; set both axes."""
    look: dict[str, Any] = {"cmap": ORDERED, "norm": LogNorm(), "cmin": 1, "rasterized": True, "zorder": 2}
    counts, _, _, image = ax.hist2d(x, y, bins=CELLS, range=(x_limits, y_limits), **look)
    image.set_clim(1, max(float(np.nanmax(counts)), 2))
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    ax.axvline(0, color=SOFT, linewidth=0.4, zorder=0)
    ax.set(xlim=x_limits, ylim=y_limits)
    return image


def _density_bar(ax: Axes, image: QuadMesh) -> None:
    look: dict[str, Any] = {"pad": 0.02, "aspect": 30, "shrink": 0.6, "anchor": (0, 0), "format": "{x:g}"}
    bar = ax.figure.colorbar(image, ax=ax, label="points", ticks=LogLocator(subs=(1, 2, 5)), **look)
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=SOFT)


def _law_lines(ax: Axes, deltas: xr.Dataset, law: xr.Dataset, slope: float) -> None:
    """Draw the line that the law expects, and that of least squares, whose slope is given; name axes and lines."""
    expected = float(law["expected_slope"])
    ax.axline((0, 0), slope=expected, gid="expected", label=minus(f"expected: slope {expected:.4g}"), **EXPECTED)
    across = np.array(ax.get_xlim())
    y = float(deltas["y"].mean()) + slope * (across - float(deltas["x"].mean()))
    ax.plot(across, y, gid="fitted", label="least squares", **LEAST)
    ax.set(xlabel=axis_label(deltas["x"]), ylabel=axis_label(deltas["y"]))
    ax.legend(loc="lower right" if expected > 0 else "lower left", handlelength=2.4)


def _plain_title(ax: Axes, text: str) -> None:
    """Write lines above the axes in the weight of the text."""
    ax.set_title(minus(text), fontsize=7.5, fontweight="normal", linespacing=1.4)


def _r2_axes(ax: Axes, *courses: xr.Dataset) -> None:
    """Make the horizontal axis one of numbers of trainings, the vertical one of R² in log-odds."""
    ax.set_xscale("log")
    ax.xaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), minor_locator=NullLocator(), major_formatter="{x:,.0f}")
    ax.set(xlabel="trainings at each rate", ylabel="R²")
    values = np.concatenate([course[name].values for course in courses for name in ("r2", "r2_expected")])
    known = values[(values > 0) & (values < 1)]
    if nothing_known(ax, known, "R² is not known"):
        return
    odds = np.log(known / (1 - known))
    low, high = (1 / (1 + np.exp(-end)) for end in (odds.min() - LOG_ODDS_MARGIN, odds.max() + LOG_ODDS_MARGIN))
    ax.set_yscale("logit")
    ax.set_ylim(low, high)
    ticks = [tick for tick in R2_TICKS if low <= tick <= high]
    ax.yaxis.set(major_locator=FixedLocator(ticks), minor_locator=NullLocator())
    ax.yaxis.set(major_formatter="{x:g}", minor_formatter=NullFormatter())
    ax.grid(axis="y")
