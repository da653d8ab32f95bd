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

from lrscope.errors import must_be
from lrscope.figures._events import Onsets, mark_onset
from lrscope.figures._frames import functions_of, path_of, place_of
from lrscope.figures._functions import LOOKS
from lrscope.figures._run import COLOURS, ERRORS, draw_line, escaped, last_known, log_axis, step_axis, variable, wrapped
from lrscope.figures._sharpness import sharpness_top
from lrscope.figures._style import ALARM, INK, SOFT, axis_label, new_figure, style
from lrscope.figures._training import ANGLES, LEGEND, run_legend
from lrscope.figures._weights import Weight, hidden_weights, output_weights
from lrscope.records import step_dimension

SIZE, DPI = (8.4, 5.4), 150
"""Inches and dots an inch: 1260 by 810 pixels."""
POINTS = 800
"""Of a line that grows; with more, drawing a frame takes longer and shows the same."""
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
        step = int(self.steps[frame])
        return [artist for mover in self.movers for artist in mover(step)]

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the picture of each frame, (height, width, 3) bytes; what stands still is drawn once."""
        canvas: Any = FigureCanvasAgg(self.figure)
        for artist in self.draw(0):
            artist.set_animated(True)
        canvas.draw()
        self.figure.set_layout_engine("none")
        still = canvas.copy_from_bbox(self.figure.bbox)
        for frame in range(len(self.steps)):
            canvas.restore_region(still)
            for artist in self.draw(frame):
                artist.draw(canvas.get_renderer())
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def run_film(run: xr.Dataset, steps: Sequence[int] | np.ndarray, onsets: Onsets | None = None) -> Film:
    """Return a run as a film.

    Parameters
    ----------
    run : records of one member: ``loss``, ``val_loss``, ``gradient_norm``, ``gradient_angle`` (step),
        ``gradient_path`` (step, path_axis), ``outputs``, ``targets``, ``inputs``, the weights and biases of both
        layers, ``sharpness`` and ``stability_limit``, each at steps of its own
    steps : of the frames, such as those of `frame_steps`; a variable that was not recorded at one shows the last before
    onsets : criterion -> step, marked where they belong

    Returns
    -------
    Film : `lrscope.report.write_film` writes it. Faint lines show the whole run, strong ones what has been so far; the
        close-up follows the last arrows of the gradient path

    Raises
    ------
    InputError : no frames, or a variable was not recorded.
    """
    chosen = np.asarray(steps)
    if not len(chosen):
        raise must_be("steps", "one frame or more", list(chosen))
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
        for ax, draw in zip(grid[:, 2], (_sharpness, _hidden, _output), strict=True):
            movers.append(draw(run, ax))
            step_axis(ax, run)
        mark_onset(grid[0, 2], onsets, "sharpness")
        for ax in grid[:2, 1:].flat:
            ax.set_xlabel("")
        figure.legend(handles=run_legend(run, function=True), loc="outside lower right", ncols=12, **LEGEND)
        movers.append(_clock(run, figure))
    return Film(figure, chosen, movers)


def _function(run: xr.Dataset, ax: Axes) -> Mover:
    function = functions_of(run, SAMPLES)
    inputs, targets = function.inputs, function.targets
    ax.plot(inputs, targets, **LOOKS["target"])
    (line,) = ax.plot(inputs, targets, **LOOKS["learned"])
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
    look: dict[str, Any] = {"color": COLOURS["gradient norm"], "linewidth": 1.0}
    (line,), (head,) = ax.plot([], [], **look), ax.plot([], [], "o", color=ALARM, markersize=3.5)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(ylabel=wrapped(axis_label(variable(run, "gradient_path"))))

    def move(step: int) -> list[Artist]:
        so_far = path.until(step)
        line.set_data(*so_far.T)
        head.set_data(*so_far[-1:].T)
        return [line, head]

    return move


def _last_arrows(run: xr.Dataset, ax: Axes) -> Mover:
    path = path_of(run)
    look: dict[str, Any] = {"color": COLOURS["gradient norm"], "linewidth": 1.0, "marker": ".", "markersize": 2.5}
    (line,), (head,) = ax.plot([], [], **look), ax.plot([], [], "o", color=ALARM, markersize=3.5)
    size = ax.text(0.98, 0.02, "", transform=ax.transAxes, ha="right", va="bottom", color=SOFT)
    ax.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[], yticks=[], ylabel="its last arrows", box_aspect=1)

    def move(step: int) -> list[Artist]:
        near = path.closeup(step)
        line.set_data(*near.points.T)
        head.set_data(*near.points[-1:].T)
        size.set_text(f"width {near.side:.2g}")
        return [line, head, size]

    return move


def _errors(run: xr.Dataset, ax: Axes) -> Mover:
    movers = [_growing(run[name], ax, color=ERRORS[name]) for name in ERRORS if name in run]
    log_axis(ax)
    ax.set_ylabel("error")
    return _together(movers)


def _norm(run: xr.Dataset, ax: Axes) -> Mover:
    mover = _growing(variable(run, "gradient_norm"), ax, color=COLOURS["gradient norm"])
    log_axis(ax)
    ax.set_ylabel(axis_label(run["gradient_norm"]))
    return mover


def _angle(run: xr.Dataset, ax: Axes) -> Mover:
    mover = _growing(variable(run, "gradient_angle"), ax, color=COLOURS["angle"])
    ax.set(ylabel=wrapped(axis_label(run["gradient_angle"])), yticks=ANGLES, ylim=(-5, 185))
    return mover


def _sharpness(run: xr.Dataset, ax: Axes) -> Mover:
    mover = _growing(variable(run, "sharpness"), ax, escaped(run), color=COLOURS["sharpness"])
    limit = variable(run, "stability_limit")
    draw_line(ax, limit, color=INK, linewidth=0.8, linestyle=(0, (5, 2)))
    ax.set_ylabel(f"{axis_label(run['sharpness'])}\ndashed: {axis_label(limit)}")
    ax.set_ylim(0, sharpness_top(run))
    return mover


def _hidden(run: xr.Dataset, ax: Axes) -> Mover:
    ax.set_ylabel(wrapped("weights U of the hidden layer"))
    return _weights(hidden_weights(run), run, ax)


def _output(run: xr.Dataset, ax: Axes) -> Mover:
    ax.set_ylabel(wrapped("weights V of the output"))
    return _weights(output_weights(run), run, ax)


SERIES = {"error": _errors, "gradient norm": _norm, "angle": _angle}
"""By the sign of instability that each shows."""


def _weights(weights: Iterator[Weight], run: xr.Dataset, ax: Axes) -> Mover:
    ax.axhline(0, color=SOFT, linewidth=0.4, zorder=0)
    end = escaped(run)
    return _together([_growing(weight.values, ax, end, head=False, **weight.look) for weight in weights])


def _growing(array: xr.DataArray, ax: Axes, end: float = np.inf, head: bool = True, **look: Any) -> Mover:
    """Draw a line faintly as a whole, and strongly up to the step shown, with a dot at its head."""
    whole = draw_line(ax, array, end=end, points=POINTS, **look | {"linewidth": 0.8, "alpha": 0.22})
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
    diverged = last_known(run)

    def move(step: int) -> list[Artist]:
        gone = diverged is not None and step >= diverged
        text.set(text=f"step {step}" + (f", diverged at {diverged}" if gone else ""), color=ALARM if gone else INK)
        return [text]

    return move
