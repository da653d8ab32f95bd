"""A run step by step: which steps a film shows, and where each variable was then."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope.papers.stability.figures._network import sorted_function
from lrscope.papers.stability.figures._run import Range, divergence, readable_end
from lrscope.records import step_dimension

ARROWS = 24
"""The last arrows of the gradient path that its close-up shows."""
INSIDE = 0.92
"""Share of the close-up that they fill."""


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


def place_of(known: np.ndarray, step: int) -> int:
    """Return the place of the last of the ascending steps `known` up to `step`."""
    return max(int(np.searchsorted(known, step, side="right")) - 1, 0)


@dataclass(frozen=True)
class Path:
    """A gradient path: steps, and where their arrows end (step, 2)."""

    steps: np.ndarray
    ends: np.ndarray

    def until(self, step: int) -> np.ndarray:
        """Return the path up to a step."""
        return self.ends[: place_of(self.steps, step) + 1]

    def closeup(self, step: int) -> tuple[np.ndarray, float]:
        """Return the last arrows up to a step (arrow, 2), stretched to a square from -1 to 1, and its side."""
        last = self.until(step)[-ARROWS - 1 :]
        low, high = last.min(0), last.max(0)
        side = float((high - low).max()) or 1.0
        return 2 * INSIDE * (last - (low + high) / 2) / side, side


@dataclass(frozen=True)
class Functions:
    """What was learned, step by step: inputs in ascending order and targets (sample), outputs (step, sample)."""

    steps: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    outputs: np.ndarray

    def at(self, step: int) -> np.ndarray:
        """Return the outputs at a step."""
        return np.asarray(self.outputs[place_of(self.steps, step)])


def path_of(run: xr.Dataset) -> Path:
    """Return the gradient path of a run until its error became too large to draw."""
    path = run["gradient_path"]
    steps, ends = path["step"].values, path.transpose("step", "path_axis").values
    shown = (steps < readable_end(run)) & np.isfinite(ends).all(1)
    return Path(steps[shown], ends[shown])


def functions_of(run: xr.Dataset, points: int) -> Functions:
    """Return the learned functions of a run at `points` of its samples at most."""
    inputs, outputs, targets = sorted_function(run)
    kept = np.unique(np.linspace(0, len(inputs) - 1, min(points, len(inputs))).astype(int))
    steps = outputs[step_dimension(outputs)].values
    return Functions(steps, inputs[kept], targets.values[0, kept, 0], outputs.values[:, kept, 0])
