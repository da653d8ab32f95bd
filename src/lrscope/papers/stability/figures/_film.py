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
from matplotlib.lines import Line2D

from lrscope.figures._style import ALARM, INK, SOFT, axis_label, new_figure, style, wrapped
from lrscope.papers.stability.figures._axes import COLOURS, Onsets, Range, divergence, mark_onset, readable_end
from lrscope.papers.stability.figures._path import path_of
from lrscope.papers.stability.figures._training import (
    FUNCTION,
    LEGEND,
    PANELS,
    WRAP,
    run_legend,
    sharpness_panel,
    sorted_function,
    weights_panel,
)
from lrscope.records import step_dimension

SIZE, DPI = (8.4, 5.4), 150
"""Inches and dots an inch: 1260 by 810 pixels."""
ARROWS = 24
"""The last arrows of the gradient path that its close-up shows."""
INSIDE = 0.92
"""Share of the close-up that they fill."""
Mover = Callable[[int], list[Artist]]
"""Moves artists to a step and returns them."""


def frame_steps(run: xr.Dataset, zoom: Range | None, count: int) -> np.ndarray:
    """Return at most `count` recorded steps, ascending: half of them spread over the run, half over a zoom.

    Of a run that diverged: until its error became too large to draw, and the step at which it diverged.

    Examples
    --------
    >>> run = xr.Dataset({"loss": ("step", np.ones(1000))}, {"step": np.arange(1000)})
    >>> frame_steps(run, (730, 760), 8)
    array([  0, 333, 666, 730, 740, 750, 760, 999])
    """
    steps, diverged = np.asarray(run["step"].values), divergence(run)
    if diverged is not None:
        steps = np.unique(np.append(steps[steps <= min(1.3 * readable_end(run) + 5, diverged)], diverged))
    if zoom is None:
        return _spread(steps, count)
    near = steps[(steps >= zoom[0]) & (steps <= zoom[1])]
    return np.union1d(_spread(steps, count // 2), _spread(near, count - count // 2))


def _spread(steps: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(steps[np.unique(np.linspace(0, len(steps) - 1, min(count, len(steps))).astype(int))])


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

    def __iter__(self) -> Iterator[np.ndarray]:
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
        for ax, (criterion, panel) in zip(grid[:, 1], PANELS.items(), strict=True):
            panel(run, ax)
            mark_onset(ax, onsets, criterion)
        sharpness_panel(run, grid[0, 2])
        mark_onset(grid[0, 2], onsets, "sharpness")
        weights_panel(run, grid[1, 2], hidden=True)
        weights_panel(run, grid[2, 2], hidden=False)
        for ax in grid[:2, 1:].flat:
            ax.set_xlabel("")
        movers = [_function(run, grid[0, 0]), _whole_path(run, grid[1, 0]), _last_arrows(run, grid[2, 0])]
        movers += [_growing(ax) for ax in grid[:, 1:].flat]
        figure.legend(handles=run_legend(run), loc="outside lower right", **LEGEND)
        movers.append(_clock(run, figure))
    return Film(figure, steps, movers)


def _growing(ax: Axes) -> Mover:
    """Make all lines of a panel faint, and draw them again up to the step shown, with a dot at their heads."""
    pairs: list[tuple[Line2D, np.ndarray, np.ndarray]] = []
    for whole in [line for line in ax.lines if line.get_gid() is None]:
        (line,) = ax.plot([], [])
        line.update_from(whole)
        line.set(marker="o", markersize=2.5, markevery=[-1], gid="so far")
        whole.set_alpha(0.22)
        pairs.append((line, np.asarray(whole.get_xdata()), np.asarray(whole.get_ydata())))

    def move(step: int) -> list[Artist]:
        for line, steps, values in pairs:
            place = max(int(np.searchsorted(steps, step, side="right")), 1)
            line.set_data(steps[:place], values[:place])
        return [line for line, _, _ in pairs]

    return move


def _function(run: xr.Dataset, ax: Axes) -> Mover:
    inputs, outputs, targets = sorted_function(run)
    recorded = run[step_dimension(run["outputs"])].values
    ax.plot(inputs, targets, **FUNCTION["target"])
    (line,) = ax.plot(inputs, targets, **FUNCTION["learned"])
    ax.set(xlabel=axis_label(run["inputs"]), ylabel=axis_label(run["outputs"]), xlim=(inputs[0], inputs[-1]))
    room = 0.25 * (targets.max() - targets.min()) or 1.0
    ax.set_ylim(targets.min() - room, targets.max() + room)

    def move(step: int) -> list[Artist]:
        line.set_ydata(outputs[max(int(np.searchsorted(recorded, step, side="right")) - 1, 0)])
        return [line]

    return move


def _whole_path(run: xr.Dataset, ax: Axes) -> Mover:
    steps, ends = path_of(run)
    ax.plot(*ends.T, color=SOFT, linewidth=0.5, alpha=0.35)
    line, head = _line_and_head(ax)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(ylabel=wrapped(axis_label(run["gradient_path"]), WRAP))

    def move(step: int) -> list[Artist]:
        so_far = ends[: int(np.searchsorted(steps, step, side="right"))]
        line.set_data(*so_far.T)
        head.set_data(*so_far[-1:].T)
        return [line, head]

    return move


def _last_arrows(run: xr.Dataset, ax: Axes) -> Mover:
    steps, ends = path_of(run)
    line, head = _line_and_head(ax)
    line.set(marker=".", markersize=2.5)
    size = ax.text(0.98, 0.02, "", transform=ax.transAxes, ha="right", va="bottom", color=SOFT)
    ax.set(xlim=(-1, 1), ylim=(-1, 1), xticks=[], yticks=[], ylabel="its last arrows", box_aspect=1)

    def move(step: int) -> list[Artist]:
        last = ends[: int(np.searchsorted(steps, step, side="right"))][-ARROWS - 1 :]
        low, high = last.min(0), last.max(0)
        side = float((high - low).max()) or 1.0
        stretched = 2 * INSIDE * (last - (low + high) / 2) / side
        line.set_data(*stretched.T)
        head.set_data(*stretched[-1:].T)
        size.set_text(f"width {side:.2g}")
        return [line, head, size]

    return move


def _line_and_head(ax: Axes) -> tuple[Any, Any]:
    (line,) = ax.plot([], [], color=COLOURS["gradient norm"], linewidth=1.0)
    (head,) = ax.plot([], [], "o", color=ALARM, markersize=3.5)
    return line, head


def _clock(run: xr.Dataset, figure: Figure) -> Mover:
    text = figure.suptitle("step", x=0.012, ha="left", fontsize=11, fontweight="bold")
    diverged = divergence(run)

    def move(step: int) -> list[Artist]:
        gone = diverged is not None and step >= diverged
        text.set(text=f"step {step}" + (f", diverged at {diverged}" if gone else ""), color=ALARM if gone else INK)
        return [text]

    return move
