"""From a map to its records: trained piece by piece, round by round, and returned as one block."""

import json
import pickle
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from time import perf_counter

import cloudpickle
import numpy as np
import xarray as xr

from lrscope.engines import Engine, InProcess, completed
from lrscope.papers.boundary import _own_training
from lrscope.papers.boundary._map import MAP_ATTRIBUTE, Map
from lrscope.papers.boundary._pieces import Pieces
from lrscope.papers.boundary._refinement import wanted
from lrscope.papers.boundary._score import CONVERGED, FINAL_LOSS, STEPS_USED, VALUE, Scores, scores
from lrscope.papers.boundary._training import at_once, losses, values
from lrscope.records import MEMBER, STEP, Variable, new_block
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
"""Of the pixels of a refined map that are trained, for the estimate: the first frame takes 7 % at 256 by 256."""
SECONDS, OWN_SECONDS = 5e-9, 50e-6
"""That a core takes for a step, for each activation, and for one of your own network; they only decide whether workers
are started."""


class MapTraining(Iterator[xr.Dataset]):
    """The training of a map, as an iterator of one block (member, step), like a `lrscope.training.Stream`.

    A refined map is trained in rounds: what the pixels so far leave open is trained next. A round is cut into pieces of
    one size, so that what is trained together, and how it is rounded, depends neither on workers nor on interruptions.

    Parameters
    ----------
    asked : the map
    engine : where to train; in this process by default
    folder : keeps each piece, so that a run that was killed continues after the pieces that are done
    progress : called with the pixels that are decided, and of all
    device : in this process: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    """

    def __init__(
        self,
        asked: Map,
        *,
        engine: Engine | None = None,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        device: str = "auto",
    ) -> None:
        self.asked = asked
        self.total = asked.pixels
        self.done = 0
        self.finished = False
        self.state: dict[str, np.ndarray] = {}  # a resume continues from the pieces
        self._engine = _chosen(asked, engine)
        self._device = self._engine.device or device_of(device).type
        self._progress = progress or (lambda _done, _total: None)
        self._pieces = Pieces(folder, asked)
        self._known = np.full((asked.seeds, asked.resolution, asked.resolution), np.nan)
        self._stopping = False
        self._blocks = self._train()

    @property
    def workers(self) -> str:
        """What trains, in words."""
        return str(self._engine)

    def stop(self) -> None:
        """Ask the training to end after the pieces in hand; they are kept, if there is a folder."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _train(self) -> Iterator[xr.Dataset]:
        size = PIECE * (_own_training.AT_ONCE if self.asked.own else at_once(self.asked, self._device))
        trained: list[tuple[np.ndarray, Scores]] = []
        number = 0
        while True:
            asked = [wanted(each, self.asked.refined) for each in self._known]
            pixels = np.flatnonzero([some for some, _ in asked])
            self._show(self.total - sum(int(undecided.sum()) for _, undecided in asked))
            if not len(pixels):
                break
            parts = np.split(pixels, range(size, len(pixels), size))
            for place, held in self._round(number, parts):
                trained.append((parts[place], held))
                self._known.flat[parts[place]] = held[VALUE]
                self._show(self.done + len(parts[place]))
            if self._stopping:
                return
            number += 1
        yield _block(self.asked, trained)
        self.finished = True

    def _show(self, done: int) -> None:
        self.done = max(self.done, done)
        self._progress(self.done, self.total)

    def _round(self, number: int, parts: list[np.ndarray]) -> Iterator[tuple[int, Scores]]:
        """Yield place and scores of each piece of a round, those that are done already first."""
        missing = []
        for place, pixels in enumerate(parts):
            held = self._pieces.read((number, place), pixels)
            if held is None:
                missing.append(place)
            else:
                yield place, held
        task = (cloudpickle.dumps(self.asked), self._device)
        calls = ((place, (*task, parts[place])) for place in missing)
        for place, trained in completed(self._engine, _trained, calls, lambda: self._stopping):
            self._pieces.keep((number, place), parts[place], trained)
            yield place, trained


def _trained(pickled: bytes, device: str, pixels: np.ndarray) -> Scores:
    with np.errstate(over="ignore", invalid="ignore"):
        return scores(_losses(_loaded(pickled), pixels, device))


def _losses(asked: Map, pixels: np.ndarray, device: str) -> np.ndarray:
    return (_own_training.losses if asked.own else losses)(asked, pixels, device)


@lru_cache(maxsize=4)
def _loaded(pickled: bytes) -> Map:
    asked: Map = pickle.loads(pickled)
    return asked


def _chosen(asked: Map, engine: Engine | None) -> Engine:
    """Return what trains: the workers that were given, where there is enough to do for them."""
    share = REFINED_SHARE if asked.refined else 1.0
    each = OWN_SECONDS if asked.own else SECONDS * asked.network.units
    seconds = each * asked.pixels * share * asked.steps
    return engine if engine and worth_starting(engine, seconds, asked.pixels) else InProcess()


def _block(asked: Map, trained: list[tuple[np.ndarray, Scores]]) -> xr.Dataset:
    """Return everything that was trained as a block of records (member, step)."""
    pixels = np.concatenate([each for each, _ in trained])
    order = np.argsort(pixels)
    names = [variable.name for variable in VARIABLES]
    joined = {name: np.concatenate([each[name] for _, each in trained])[order][:, None] for name in names}
    pixels = pixels[order]
    x, y = asked.axes
    across, along = values(asked, pixels)
    members = {
        MEMBER: pixels,
        "frame": np.full(len(pixels), asked.frame),
        "seed": pixels + 1 if asked.noise else pixels // asked.resolution**2,
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

    Of a map that is refined a tenth of the pixels is counted: the source's first frame takes 7 % at 256 by 256, 3 % at
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
