"""A run moment by moment: which steps a film or a slider shows, and what each variable was then."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.figures._functions import sorted_function
from lrscope.figures._run import Range, escaped, last_known, variable
from lrscope.records import step_dimension

ARROWS = 24
"""The last arrows of the gradient path that its close-up shows."""
INSIDE = 0.92
"""Share of the close-up that they fill."""
PIXELS = 600
"""Across a path: ends that fall on the same one look the same."""


def frame_steps(run: xr.Dataset, zoom: Range | None = None, count: int = 120) -> np.ndarray:
    """Return the steps of the frames of a film: half of them spread over the run, half over a zoom.

    Parameters
    ----------
    run : records of one member
    zoom : first and last step of what deserves more frames, such as the onset; without it all are spread evenly
    count : frames at most, 2 or more

    Returns
    -------
    ndarray of int, ascending, each a recorded step, with the first and the last; of a run that diverged, until its
        error escaped, and the step at which it diverged

    Raises
    ------
    InputError : fewer than 2 frames, or no step of the run in `zoom`.

    Examples
    --------
    >>> run = xr.Dataset({"loss": ("step", np.ones(1000))}, {"step": np.arange(1000)})
    >>> frame_steps(run, (730, 760), 8)
    array([  0, 333, 666, 730, 740, 750, 760, 999])
    """
    if count < 2:
        raise must_be("count", "2 frames or more", count)
    steps = _until(run)
    near = steps if zoom is None else steps[(steps >= zoom[0]) & (steps <= zoom[1])]
    if not len(near):
        raise must_be("zoom", f"within the steps of the run, {steps[0]} to {steps[-1]}", zoom)
    halves = (
        [_spread(steps, count)] if zoom is None else [_spread(steps, count // 2), _spread(near, count - count // 2)]
    )
    return np.unique(np.concatenate(halves))


def place_of(known: np.ndarray, step: int) -> int:
    """Return the place of the last of the ascending steps `known` that is not behind `step`."""
    return max(int(np.searchsorted(known, step, side="right")) - 1, 0)


@dataclass(frozen=True)
class Closeup:
    """The last arrows of a gradient path, stretched to a square: points from -1 to 1 (arrow, 2), and its side."""

    points: np.ndarray
    side: float


@dataclass(frozen=True)
class Path:
    """A gradient path: steps, and where their arrows end (step, 2)."""

    steps: np.ndarray
    ends: np.ndarray

    def at(self, step: int) -> np.ndarray:
        """Return where the path has come at a step."""
        return np.asarray(self.ends[place_of(self.steps, step)])

    def until(self, step: int) -> np.ndarray:
        """Return the path up to a step."""
        return self.ends[: place_of(self.steps, step) + 1]

    def closeup(self, step: int) -> Closeup:
        """Return the last arrows up to a step, cut to the square around them."""
        last = self.until(step)[-ARROWS - 1 :]
        low, high = last.min(0), last.max(0)
        side = float((high - low).max()) or 1.0
        return Closeup(2 * INSIDE * (last - (low + high) / 2) / side, side)

    def thinned(self, points: int) -> np.ndarray:
        """Return at most about `points` ends: none that lies where the one before lies, as far as one can see.

        Where these are still too many, every third, fifth, ... is kept: an odd number, so that both sides of a zigzag
        are among them.
        """
        seen = np.floor((self.ends - self.ends.min(0)) / (float(np.ptp(self.ends, 0).max()) or 1.0) * PIXELS)
        moved = np.r_[True, (np.diff(seen, axis=0) != 0).any(1)]
        places = np.flatnonzero(moved)
        stride = -(-len(places) // points)
        places = places[:: stride + (stride + 1) % 2]
        return np.asarray(self.ends[np.unique(np.append(places, len(self.ends) - 1))])


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
    """Return the gradient path of a run until its error escaped."""
    path = variable(run, "gradient_path")
    dim = step_dimension(path)
    steps, ends = path[dim].values, path.transpose(dim, "path_axis").values
    shown = (steps < escaped(run)) & np.isfinite(ends).all(1)
    return Path(steps[shown], ends[shown])


def functions_of(run: xr.Dataset, points: int) -> Functions:
    """Return the learned functions of a run at `points` of its samples at most."""
    inputs, outputs, targets = sorted_function(run)
    kept = np.unique(np.linspace(0, len(inputs) - 1, min(points, len(inputs))).astype(int))
    steps = outputs[step_dimension(outputs)].values
    return Functions(steps, inputs[kept], targets.values[0, kept, 0], outputs.values[:, kept, 0])


def _until(run: xr.Dataset) -> np.ndarray:
    """Return the steps of a run; of one that diverged, until its error escaped, and the one at which it diverged."""
    steps = np.asarray(run["step"].values)
    diverged = last_known(run)
    if diverged is None:
        return steps
    return np.unique(np.append(steps[steps <= min(1.3 * escaped(run) + 5, diverged)], diverged))


def _spread(steps: np.ndarray, count: int) -> np.ndarray:
    return np.asarray(steps[np.unique(np.linspace(0, len(steps) - 1, min(count, len(steps))).astype(int))])
