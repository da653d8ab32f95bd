"""From a map to its records: trained piece by piece, round by round, and returned as one block."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from lrscope.engines import Engine, completed
from lrscope.papers.boundary import _members
from lrscope.papers.boundary._map import MAP_ATTRIBUTE, Map
from lrscope.papers.boundary._refinement import wanted
from lrscope.papers.boundary._score import CONVERGED, FINAL_LOSS, STEPS_USED, VALUE, Scores, scores
from lrscope.papers.boundary._training import at_once, losses
from lrscope.records import MEMBER, STEP, Variable, new_block
from lrscope.studies._pieces import Pieces, PieceTraining
from lrscope.training import Estimate, device_of, worth_starting

PIECE = 8
"""Times as many pixels as take a step together are a piece: those that go on take the places of those that do not."""
VARIABLES = (
    Variable(VALUE, VALUE, "score, below 0 if the training converged"),
    Variable(CONVERGED, CONVERGED, "whether the training converged"),
    Variable(STEPS_USED, STEPS_USED, "steps with a finite loss", "updates"),
    Variable(FINAL_LOSS, FINAL_LOSS, "loss before the last update"),
)
MEASURED = 32
"""Pixels that are trained to estimate what a map costs."""
REFINED_SHARE = 0.1
"""Of the pixels of a refined map that are trained, for the estimate: the first frame takes 7% at 256 by 256."""
_PIXELS = "pixels"
SECONDS, OWN_SECONDS = 5e-9, 50e-6
"""That a core takes for a step, for each activation, and for one of your own network; they only decide whether workers
are started."""


class MapTraining(PieceTraining):
    """The training of a map, as an iterator of one block (member, step), like a `lrscope.training.Stream`.

    A refined map is trained in rounds: what the pixels so far leave open is trained next. A round is cut into pieces of
    one size, so that what is trained together, and how it is rounded, depends neither on workers nor on interruptions.

    Parameters
    ----------
    asked : the map; its pixels are counted as they are decided
    folder : keeps each piece, so that a run that was killed continues after the pieces that are done
    where : ``engine``, ``progress`` and ``device``, as `lrscope.training.stream` has them
    """

    def __init__(self, asked: Map, *, folder: Path | None = None, **where: Any) -> None:
        super().__init__(asked.pixels, **where)
        self.asked = asked
        own = _members.experiment_of(asked, np.array([0])) if asked.own else None
        self._pieces = Pieces(folder, asked.to_json(), own)
        self._done = 0
        self._known = np.full((asked.seeds, asked.resolution, asked.resolution), np.nan)

    @property
    def done(self) -> int:
        """Pixels that are decided; of ``total``."""
        return self._done

    def _seconds(self) -> float:
        share = REFINED_SHARE if self.asked.refined else 1.0
        each = OWN_SECONDS if self.asked.own else SECONDS * self.asked.network.units
        return each * self.total * share * self.asked.steps

    def _train(self) -> Iterator[xr.Dataset]:
        device = self._engine.device or device_of(self._device).type
        size = PIECE * (_members.AT_ONCE if self.asked.own else at_once(self.asked, device))
        trained: list[tuple[np.ndarray, Scores]] = []
        for number in itertools.count():
            asked = [wanted(each, self.asked.refined) for each in self._known]
            pixels = np.flatnonzero([some for some, _ in asked])
            self._show(self.total - sum(int(undecided.sum()) for _, undecided in asked))
            if not len(pixels):
                break
            for some, held in self._round(number, np.split(pixels, range(size, len(pixels), size)), device):
                trained.append((some, held))
                self._known.flat[some] = held[VALUE]
                self._show(self._done + len(some))
            if self._stopping:
                return
        yield _block(self.asked, trained)
        self.finished = True

    def _show(self, done: int) -> None:
        self._done = max(self._done, done)
        self._progress(self._done, self.total)

    def _round(self, number: int, parts: list[np.ndarray], device: str) -> Iterator[tuple[np.ndarray, Scores]]:
        """Yield the pixels and scores of each piece of a round, those that are done already first."""
        missing = []
        for place, pixels in enumerate(parts):
            held = self._pieces.read(f"{number:03d}-{place:06d}")
            # other pixels are of a device that takes others together
            if held is None or not np.array_equal(held.pop(_PIXELS), pixels):
                missing.append((place, (self.asked, pixels, device)))
            else:
                yield pixels, held
        for place, trained in completed(self._engine, _trained, missing, lambda: self._stopping):
            self._pieces.write(f"{number:03d}-{place:06d}", {_PIXELS: parts[place], **trained})
            yield parts[place], trained


def _trained(asked: Map, pixels: np.ndarray, device: str) -> Scores:
    with np.errstate(over="ignore", invalid="ignore"):
        return scores(_losses(asked, pixels, device))


def _losses(asked: Map, pixels: np.ndarray, device: str) -> np.ndarray:
    return (_members.losses if asked.own else losses)(asked, pixels, device)


def _block(asked: Map, trained: list[tuple[np.ndarray, Scores]]) -> xr.Dataset:
    """Return everything that was trained as a block of records (member, step)."""
    pixels = np.concatenate([each for each, _ in trained])
    order = np.argsort(pixels)
    names = [variable.name for variable in VARIABLES]
    joined = {name: np.concatenate([each[name] for _, each in trained])[order][:, None] for name in names}
    pixels = pixels[order]
    x, y = asked.axes
    across, along = asked.values(pixels)
    members = {
        MEMBER: pixels,
        "frame": np.full(len(pixels), asked.frame),
        "seed": asked.seeds_of(pixels),
        x.name: across,
        y.name: along,
    }
    attrs = {
        "frame": {"long_name": "factors of two by which the span is narrower", "units": "1", "scale": "linear"},
        "seed": {"long_name": "seed", "units": "1", "scale": "category"},
        x.name: x.attrs(),
        y.name: y.attrs(),
    }
    labels = {variable.name: variable for variable in VARIABLES}
    steps = {STEP: np.array([asked.steps])}
    block = new_block(joined, labels, steps, members, attrs, dict.fromkeys(names, STEP))
    return block.assign_attrs({MAP_ATTRIBUTE: json.dumps(asked.to_json())})


def estimate(asked: Map, device: str = "auto", engine: Engine | None = None) -> Estimate:
    """Return what a map will cost on this machine, from the training of some of its pixels.

    Of a map that is refined a tenth of the pixels is counted: the source's first frame takes 7% at 256 by 256, 3% at
    1024 by 1024, frames with a rough edge more.

    Parameters
    ----------
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    engine : where it will be trained; in this process by default

    Raises
    ------
    InputError : there is no such device.
    """
    there = device_of(device).type
    some = np.linspace(0, asked.pixels - 1, min(asked.pixels, MEASURED)).astype(np.int64)
    began = perf_counter()
    _losses(asked, some, there)
    count = max(1, round(asked.pixels * (REFINED_SHARE if asked.refined else 1.0)))
    seconds = (perf_counter() - began) / len(some) * count
    if engine and worth_starting(engine, seconds, count):
        seconds = seconds / engine.workers + engine.startup_seconds
    return Estimate(count, asked.steps, count * 8 * (len(VARIABLES) + 6), seconds)
