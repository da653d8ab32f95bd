"""A run as a film: what was learned, error, norm, angle, path, weights and sharpness move together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lrscope.figures._style import ALARM, INK, SOFT, axis_label, new_figure, style
from lrscope.papers.stability.figures._events import Onsets, mark_onset
from lrscope.papers.stability.figures._frames import functions_of, path_of, place_of
from lrscope.papers.stability.figures._network import FUNCTION, Weight, hidden_weights, output_weights
from lrscope.papers.stability.figures._run import (
    COLOURS,
    ERRORS,
    divergence,
    draw_line,
    log_axis,
    readable_end,
    step_axis,
    wrapped,
)
from lrscope.papers.stability.figures._sharpness import sharpness_top
from lrscope.papers.stability.figures._training import ANGLES, LEGEND, run_legend
from lrscope.records import step_dimension

SIZE, DPI = (8.4, 5.4), 150
"""Inches and dots an inch: 1260 by 810 pixels."""
SAMPLES = 300
"""Points of the learned function."""
Mover = Callable[[int], list[Artist]]
"""Moves artists to a step and returns them."""


@dataclass(frozen=True)
class Film:
    """A figure whose artists move from step to step.

    Attributes
    ----------
    figure : with everything that stands still
    steps : of the frames, ascending
    movers : each moves some artists to a step and returns them
    """

    figure: Figure
    steps: np.ndarray
    movers: Sequence[Mover] = field(repr=False)

    def draw(self, frame: int) -> list[Artist]:
        """Move everything to the step of a frame; return the artists that moved."""
        return [artist for mover in self.movers for artist in mover(int(self.steps[frame]))]

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the picture of each frame, (height, width, 3) bytes; what stands still is drawn once."""
        canvas: Any = FigureCanvasAgg(self.figure)
        for artist in self.draw(0):
            artist.set_animated(True)
        canvas.draw()
        self.figure.set_layout_engine("none")
        background = canvas.copy_from_bbox(self.figure.bbox)
        for frame in range(len(self.steps)):
            canvas.restore_region(background)
            for artist in self.draw(frame):
                artist.draw(canvas.get_renderer())
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def run_film(run: xr.Dataset, steps: np.ndarray, onsets: Onsets) -> Film:
    """Return a run as a film with a frame for each step, such as those of `frame_steps`.

    Faint lines show the whole run, strong ones what has been so far; the close-up follows the last arrows of the
    gradient path. A variable that was not recorded at a step shows its last value before.
    """
    with style():
        figure = new_figure(*SIZE)
        figure.set_dpi(DPI)
        grid = figure.subplots(3, 3, width_ratios=[1, 1.15, 1.15])
        function, whole, near = grid[:, 0]
        movers = [_function(run, function), _whole_path(run, whole), _last_arrows(run, near)]
        for ax, (criterion, draw) in zip(grid[:, 1], SERIES.items(), strict=True):
            movers.append(draw(run, ax))
            step_axis(ax, run)
            mark_onset(ax, onsets, criterion)
        movers += [_sharpness(run, grid[0, 2])]
        movers += [_weights("weights U of the hidden layer", hidden_weights(run), run, grid[1, 2])]
        movers += [_weights("weights V of the output", output_weights(run), run, grid[2, 2])]
        for ax in grid[:, 2]:
            step_axis(ax, run)
        mark_onset(grid[0, 2], onsets, "sharpness")
        for ax in grid[:2, 1:].flat:
            ax.set_xlabel("")
        figure.legend(handles=run_legend(run, weights=True, function=True), loc="outside lower right", **LEGEND)
        movers.append(_clock(run, figure))
    return Film(figure, steps, movers)


def _function(run: xr.Dataset, ax: Axes) -> Mover:
    function = functions_of(run, SAMPLES)
    inputs, targets = function.inputs, function.targets
    ax.plot(inputs, targets, **FUNCTION["target"])
    (line,) = ax.plot(inputs, targets, **FUNCTION["learned"])
    ax.set(xlabel=axis_label(run["inputs"]), ylabel=axis_label(run["outputs"]), xlim=(inputs[0], inputs[-1]))
    room = 0.25 * (targets.max() - targets.min()) or 1.0
    ax.set_ylim(targets.min() - room, targets.max() + room)

    def move(step: int) -> list[Artist]:
        line.set_ydata(function.at(step))
        return [line]

    return move


def _whole_path(run: xr.Dataset, ax: Axes) -> Mover:
    path = path_of(run)
    ax.plot(*path.ends.T, color=SOFT, linewidth=0.5, alpha=0.35)
    line, head = _line_and_head(ax, linewidth=1.0)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(ylabel=wrapped(axis_label(run["gradient_path"])))

    def move(step: int) -> list[Artist]:
        so_far = path.until(step)
        line.set_data(*so_far.T)
        head.set_data(*so_far[-1:].T)
        return [line, head]

    return move


def _last_arrows(run: xr.Dataset, ax: Axes) -> Mover:
    path = path_of(run)
    line, head = _line_and_head(ax, linewidth=1.0, marker=".", markersize=2.5)
    size = ax.text(0.98, 0.02, "", transform=ax.transAxes, ha="right", va="bottom", color=SOFT)
    ax.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[], yticks=[], ylabel="its last arrows", box_aspect=1)

    def move(step: int) -> list[Artist]:
        points, side = path.closeup(step)
        line.set_data(*points.T)
        head.set_data(*points[-1:].T)
        size.set_text(f"width {side:.2g}")
        return [line, head, size]

    return move


def _line_and_head(ax: Axes, **look: Any) -> tuple[Any, Any]:
    (line,), (head,) = ax.plot([], [], color=COLOURS["gradient norm"], **look), ax.plot([], [], "o", color=ALARM)
    head.set_markersize(3.5)
    return line, head


def _errors(run: xr.Dataset, ax: Axes) -> Mover:
    movers = [_growing(run[name], ax, color=colour) for name, colour in ERRORS.items()]
    log_axis(ax)
    ax.set_ylabel("error")
    return _together(movers)


def _norm(run: xr.Dataset, ax: Axes) -> Mover:
    mover = _growing(run["gradient_norm"], ax, color=COLOURS["gradient norm"])
    log_axis(ax)
    ax.set_ylabel(axis_label(run["gradient_norm"]))
    return mover


def _angle(run: xr.Dataset, ax: Axes) -> Mover:
    mover = _growing(run["gradient_angle"], ax, color=COLOURS["angle"])
    ax.set(ylabel=wrapped(axis_label(run["gradient_angle"])), yticks=ANGLES, ylim=(-5, 185))
    return mover


SERIES = {"error": _errors, "gradient norm": _norm, "angle": _angle}
"""By the criterion whose onset each marks."""


def _sharpness(run: xr.Dataset, ax: Axes) -> Mover:
    mover = _growing(run["sharpness"], ax, readable_end(run), color=COLOURS["sharpness"])
    limit = run["stability_limit"]
    draw_line(ax, limit, color=INK, linewidth=0.8, linestyle=(0, (5, 2)))
    ax.set_ylabel(f"{axis_label(run['sharpness'])}\ndashed: {axis_label(limit)}")
    ax.set_ylim(0, sharpness_top(run))
    return mover


def _weights(name: str, weights: Iterator[Weight], run: xr.Dataset, ax: Axes) -> Mover:
    ax.set_ylabel(wrapped(name))
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    end = readable_end(run)
    return _together([_growing(weight.values, ax, end, head=False, **weight.look) for weight in weights])


def _growing(array: xr.DataArray, ax: Axes, end: float = np.inf, head: bool = True, **look: Any) -> Mover:
    """Draw a line faintly as a whole, and strongly up to the step shown, with a dot at its head."""
    whole = draw_line(ax, array, end=end, **look | {"linewidth": 0.8, "alpha": 0.22})
    steps, values = (np.asarray(part, dtype=float) for part in whole.get_data())
    known, all_values = array[step_dimension(array)].values, array.values
    (line,) = ax.plot([], [], **{"linewidth": 1.1} | look)
    dots = ax.plot([], [], "o", color=look["color"], markersize=3.5) if head else []

    def move(step: int) -> list[Artist]:
        place = place_of(known, step)
        so_far = steps <= known[place]
        x, y = np.r_[steps[so_far], known[place]], np.r_[values[so_far], all_values[place]]
        line.set_data(x, y)
        for dot in dots:
            dot.set_data(x[-1:], y[-1:])
        return [line, *dots]

    return move


def _together(movers: Sequence[Mover]) -> Mover:
    return lambda step: [artist for mover in movers for artist in mover(step)]


def _clock(run: xr.Dataset, figure: Figure) -> Mover:
    text = figure.suptitle("step", x=0.012, ha="left", fontsize=11, fontweight="bold")
    diverged = divergence(run)

    def move(step: int) -> list[Artist]:
        gone = diverged is not None and step >= diverged
        text.set(text=f"step {step}" + (f", diverged at {diverged}" if gone else ""), color=ALARM if gone else INK)
        return [text]

    return move
