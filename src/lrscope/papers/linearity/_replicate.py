"""From a replication to its records: trained piece by piece, summed, and handed out as one block."""

import math
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from operator import add
from pathlib import Path

import cloudpickle
import numpy as np
import xarray as xr

from lrscope import records
from lrscope.engines import Engine, InProcess
from lrscope.papers.linearity._block import block_of
from lrscope.papers.linearity._estimate import at_once
from lrscope.papers.linearity._pieces import Pieces
from lrscope.papers.linearity._replication import Replication, cut
from lrscope.papers.linearity._sums import NOTHING, SECONDS, Sums, summed
from lrscope.training import Trainer, worth_starting

PIECE_SECONDS = 2.0
"""How long a piece should take: what is lost with a worker, and the pause between two signs of progress."""
SHARES = 4
"""Pieces for each worker at least, where there is so much to do, so that none is idle for long in the end."""


def replicate(
    replication: Replication,
    *,
    engine: Engine | None = None,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    device: str = "auto",
) -> xr.Dataset:
    """Train a replication, and return the sums over its replicates, batch by batch.

    Parameters
    ----------
    engine : where to train, see `lrscope.engines`; in this process by default
    folder : keeps the sums of each piece, so that a run that was killed continues after the pieces that are done
    progress : called with the trainings that are done, and of all
    device : in this process: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``

    Returns
    -------
    records : Dataset (lr, batch, step, ...), see docs/file-format.md; it does not grow with the replicates

    Raises
    ------
    InputError : something in the replication does not fit together, or the folder holds pieces of another one.
    """
    training = Replicating(replication, engine=engine, folder=folder, progress=progress, device=device)
    return records.on_grid(records.concatenate(training))


class Replicating(Iterator[xr.Dataset]):
    """The training of a replication, as an iterator of one block (member, step, ...), like a `Stream`.

    Workers are given units: as many replicates as a worker trains at the same time. A piece is some units; how many is
    learned from the time that the pieces before took.

    Parameters
    ----------
    replication, engine, folder, progress, device : as `replicate`
    """

    def __init__(
        self,
        replication: Replication,
        *,
        engine: Engine | None = None,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        device: str = "auto",
    ) -> None:
        self.replication = replication
        self.total = len(replication)
        self._device = device
        self._given = engine
        self._progress = progress or (lambda _done, _total: None)
        self._folder = folder
        self._seconds_each = math.inf
        self._stopping = False
        self._blocks = self._all_blocks()
        self.finished = False

    @cached_property
    def _pieces(self) -> Pieces | None:
        """What is done, in files; it is looked at when the training is, not when this is made."""
        return Pieces(self._folder, self.replication) if self._folder else None

    @cached_property
    def _sums(self) -> Sums:
        return self._pieces.sums() if self._pieces else NOTHING

    @property
    def done(self) -> int:
        """Trainings that are done; of ``total``."""
        return len(self.replication.lrs) * self._sums.replicates

    @property
    def workers(self) -> str:
        """What trains, in words."""
        return str(self._engine())

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Nothing: a resume continues from the pieces."""
        return {}

    def stop(self) -> None:
        """Ask the training to end after the pieces in hand; they are kept, if there is a folder."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _all_blocks(self) -> Iterator[xr.Dataset]:
        missing = self._pieces.missing if self._pieces else [range(self.replication.replicates)]
        if missing:
            self._train(missing)
        if self.done == self.total:
            yield block_of(self.replication, self._sums)
            self.finished = True

    def _train(self, missing: list[range]) -> None:
        engine = self._engine()
        task = _Task(cloudpickle.dumps(self.replication), engine.device or self._device, engine.workers)
        unit = engine.submit(_unit, task).result()
        left, running = deque(missing), dict[Future[Sums], range]()
        # One more piece than workers, so that none waits for the driver; in this process none is begun in advance.
        most = engine.workers + (engine.workers > 1)
        try:
            while running or (left and not self._stopping):
                while left and len(running) < most and not self._stopping:
                    piece = self._next(left, unit, engine.workers)
                    running[engine.submit(_trained, task, piece, unit)] = piece
                if self._stopping:
                    running = {future: piece for future, piece in running.items() if not future.cancel()}
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    self._take(running.pop(future), future.result())
        finally:
            for future in running:
                future.cancel()

    def _engine(self) -> Engine:
        """Return what trains: the workers that were given, where there is enough to do for them."""
        if self._given is None or not self._given.startup_seconds:
            return self._given or InProcess()
        experiments = self.replication.experiments(range(1))
        seconds = sum(Trainer(experiments[0], "cpu").seconds(one) for one in experiments)
        worth = worth_starting(self._given, seconds * self.replication.replicates, self.total)
        return self._given if worth else InProcess()

    def _next(self, left: deque[range], most: int, workers: int) -> range:
        """Take the next piece off what is left."""
        replicates = left.popleft()
        unit = len(next(cut(replicates, most)))
        share = (sum(map(len, left)) + len(replicates)) // (unit * workers * SHARES)
        units = max(1, min(share, int(PIECE_SECONDS / (self._seconds_each * unit))))
        stop = min(replicates.stop, replicates.start + unit * units)
        if stop < replicates.stop:
            left.appendleft(range(stop, replicates.stop))
        return range(replicates.start, stop)

    def _take(self, piece: range, sums: Sums) -> None:
        self._seconds_each = sum(float(values[SECONDS].sum()) for values in sums.batches.values()) / len(piece)
        self._sums += sums
        if self._pieces:
            self._pieces.keep(piece, sums)
        self._progress(self.done, self.total)


@dataclass(frozen=True)
class _Task:
    """What a worker needs for any piece of a replication."""

    replication: bytes
    device: str
    workers: int


def _unit(task: _Task) -> int:
    """Return how many replicates a worker trains at the same time."""
    return at_once(*_loaded(task))


def _trained(task: _Task, replicates: range, unit: int) -> Sums:
    """Train some replicates, so many at a time, and return their sums."""
    replication, trainer = _loaded(task)
    return reduce(add, (summed(replication, piece, trainer) for piece in cut(replicates, unit)), NOTHING)


@lru_cache(maxsize=1)
def _loaded(task: _Task) -> tuple[Replication, Trainer]:
    """Return the replication, and the trainer of this process with everything that it has traced."""
    replication: Replication = pickle.loads(task.replication)
    first = replication.experiments(range(1))[0]
    trainer = Trainer(first, task.device)
    units = replication.replicates / at_once(replication, trainer)
    return replication, Trainer(first, task.device, uses=math.ceil(units / task.workers))
