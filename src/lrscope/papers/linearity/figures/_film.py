"""The law as a film: the points contract, and R² grows, while more and more trainings are averaged."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg

from lrscope.errors import must_be
from lrscope.figures._style import SOFT, axis_label, new_figure, require, style
from lrscope.papers.linearity.figures._density import density, limits_of
from lrscope.papers.linearity.figures._noise import COLOURS, PREDICTED, r2_axis, replicate_axis
from lrscope.papers.linearity.figures._scatter import expected_line, fitted_line, flat, law_marks, rises

SIZE, DPI = (8.4, 4.4), 150
"""Inches and dots an inch: 1260 by 660 pixels."""


@dataclass(frozen=True)
class LawFilm:
    """The scatter of the law over the number of trainings, with R² beside it.

    Attributes
    ----------
    deltas : Dataset (replicates, sample, output) of `analysis.deltas`
    course : Dataset (replicates) of `analysis.law_by_replicates`, at the same numbers
    law : Dataset of scalars of `analysis.law`, of which ``expected_slope`` is read
    hold : frames that each number stays
    """

    deltas: xr.Dataset = field(repr=False)
    course: xr.Dataset = field(repr=False)
    law: xr.Dataset = field(repr=False)
    hold: int = 6

    def __post_init__(self) -> None:
        require("deltas", self.deltas, "replicates", "sample", "output")
        require("course", self.course, "replicates")
        if not np.array_equal(self.deltas["replicates"], self.course["replicates"]):
            raise must_be("course", "at the replicates of deltas", self.course["replicates"].values.tolist())

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the picture of each frame, (height, width, 3) bytes; axes and colours stay the same."""
        for place in range(self.deltas.sizes["replicates"]):
            with style():
                figure = new_figure(*SIZE)
                figure.set_dpi(DPI)
                scatter, curve = figure.subplots(1, 2, width_ratios=[1.15, 1])
                self._draw_points(scatter, place)
                self._draw_course(curve, place)
                canvas: Any = FigureCanvasAgg(figure)
                canvas.draw()
            frame = np.asarray(canvas.buffer_rgba())[..., :3].copy()
            yield from (frame for _ in range(self.hold))

    def _draw_points(self, ax: Axes, place: int) -> None:
        x, y = (flat(self.deltas[name].isel(replicates=place)) for name in ("x", "y"))
        limits = limits_of(self.deltas["x"].values.ravel(), self.deltas["y"].values.ravel())
        density(ax, x, y, limits)
        expected_line(ax, self.law)
        fitted_line(ax, x, y, float(self.course["slope"][place]))
        ax.set(xlabel=axis_label(self.deltas["x"]), ylabel=axis_label(self.deltas["y"]))
        count, r2 = int(self.deltas["replicates"][place]), float(self.course["r2"][place])
        ax.set_title(f"{count:,} trainings at each rate, R² {r2:.4f}")
        ax.legend(handles=law_marks(self.law), loc="lower right" if rises(self.law) else "lower left", handlelength=2.4)

    def _draw_course(self, ax: Axes, place: int) -> None:
        numbers, r2 = self.course["replicates"].values, self.course["r2"].values
        ax.plot(numbers, self.course["r2_expected"], color=SOFT, label="expected from signal and noise", **PREDICTED)
        look: dict[str, Any] = {"color": COLOURS[0], "marker": "o", "linestyle": "none", "markeredgewidth": 0}
        ax.plot(numbers, r2, markersize=2.8, alpha=0.2, **look)
        ax.plot(numbers[: place + 1], r2[: place + 1], markersize=2.8, label="measured", **look)
        ax.plot(numbers[place], r2[place], markersize=6, **look)
        r2_axis(ax, np.r_[r2, self.course["r2_expected"].values])
        replicate_axis(ax, [numbers])
        ax.legend(loc="lower right")
