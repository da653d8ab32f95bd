"""From a replication to its records: trained piece by piece, summed, and returned as one block."""

import dataclasses
import math
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from time import perf_counter

import cloudpickle
import numpy as np
import xarray as xr

from lrscope import records
from lrscope.engines import Engine, InProcess, completed
from lrscope.papers.linearity._pieces import Pieces
from lrscope.papers.linearity._replication import Replication, cut
from lrscope.papers.linearity._sums import (
    DIVERGED,
    REPLICATES,
    SECONDS,
    Sums,
    block_of,
    measured,
    merged,
    summed,
    total,
)
from lrscope.training import Estimate, Trainer, worth_starting
from lrscope.training import estimate as estimate_of_experiment

PIECE_SECONDS = 2.0
"""How long a piece should take: what is lost with a worker, and the pause between two signs of progress."""
SHARES = 4
"""Pieces for each worker at least, where there is so much to do, so that none is idle for long in the end."""
Task = tuple[bytes, str, int]
"""What a worker needs for any piece: the replication, pickled; its device; the number of workers."""


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
        self.finished = False
        self.state: dict[str, np.ndarray] = {}  # a resume continues from the pieces
        self._device = device
        self._given_engine = engine
        self._progress = progress or (lambda _done, _total: None)
        self._folder = folder
        self._seconds_each = math.inf
        self._stopping = False
        self._blocks = self._train()

    @cached_property
    def _pieces(self) -> Pieces | None:
        """What is done, in files; read when the training begins, because a new run empties the folder before."""
        return Pieces(self._folder, self.replication) if self._folder else None

    @cached_property
    def _sums(self) -> Sums:
        return self._pieces.sums() if self._pieces else {}

    @property
    def done(self) -> int:
        """Trainings that are done; of ``total``."""
        return int(total(self._sums, REPLICATES, DIVERGED))

    @property
    def workers(self) -> str:
        """What trains, in words."""
        return str(self._engine())

    def stop(self) -> None:
        """Ask the training to end after the pieces in hand; they are kept, if there is a folder."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _train(self) -> Iterator[xr.Dataset]:
        missing = self._pieces.missing if self._pieces else [range(self.replication.replicates)]
        if missing:
            self._train_missing(deque(missing))
        if self.done == self.total:
            yield block_of(self.replication, self._sums)
            self.finished = True

    def _train_missing(self, missing: deque[range]) -> None:
        engine = self._engine()
        task = (cloudpickle.dumps(self.replication), engine.device or self._device, engine.workers)
        unit = engine.submit(_unit, task).result()
        calls = ((piece, (task, piece, unit)) for piece in self._next_pieces(missing, unit, engine.workers))
        for piece, sums in completed(engine, _trained, calls, lambda: self._stopping):
            self._keep(piece, sums)

    def _engine(self) -> Engine:
        """Return what trains: the workers that were given, where there is enough to do for them."""
        if self._given_engine is None or not self._given_engine.startup_seconds:
            return self._given_engine or InProcess()
        experiments = self.replication.experiments(range(1))
        seconds = sum(Trainer(experiments[0], "cpu").seconds(one) for one in experiments)
        worth = worth_starting(self._given_engine, seconds * self.replication.replicates, self.total)
        return self._given_engine if worth else InProcess()

    def _next_pieces(self, missing: deque[range], most: int, workers: int) -> Iterator[range]:
        """Yield what is missing, piece by piece, each as large as the time of those before suggests."""
        while missing:
            replicates = missing.popleft()
            unit = len(next(cut(replicates, most)))
            share = (sum(map(len, missing)) + len(replicates)) // (unit * workers * SHARES)
            units = max(1, min(share, int(PIECE_SECONDS / (self._seconds_each * unit))))
            stop = min(replicates.stop, replicates.start + unit * units)
            if stop < replicates.stop:
                missing.appendleft(range(stop, replicates.stop))
            yield range(replicates.start, stop)

    def _keep(self, piece: range, sums: Sums) -> None:
        self._seconds_each = total(sums, SECONDS) / len(piece)
        self._sums = merged(self._sums, sums)
        if self._pieces:
            self._pieces.keep(piece, sums)
        self._progress(self.done, self.total)


def at_once(replication: Replication, trainer: Trainer) -> int:
    """Return how many replicates are trained at the same time."""
    members = len(replication.lrs) if replication.pairing == "common" else 1
    return max(1, trainer.at_once // members)


def _unit(task: Task) -> int:
    """Return how many replicates a worker trains at the same time."""
    return at_once(*_loaded(*task))


def _trained(task: Task, replicates: range, unit: int) -> Sums:
    """Train some replicates, so many at a time, and return their sums."""
    replication, trainer = _loaded(*task)
    return merged(*(summed(replication, piece, trainer) for piece in cut(replicates, unit)))


@lru_cache(maxsize=1)
def _loaded(pickled: bytes, device: str, workers: int) -> tuple[Replication, Trainer]:
    """Return the replication, and the trainer of this process with everything that it has traced."""
    replication: Replication = pickle.loads(pickled)
    first = replication.experiments(range(1))[0]
    units = replication.replicates / at_once(replication, Trainer(first, device))
    return replication, Trainer(first, device, uses=math.ceil(units / workers))


def estimate(replication: Replication, device: str = "auto", engine: Engine | None = None) -> Estimate:
    """Return what a replication will cost on this machine.

    Counted are making the networks, all steps, and their outputs in the end; tracing, which takes seconds once
    before the first step, is not.

    Parameters
    ----------
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    engine : where it will be trained; in this process by default

    Returns
    -------
    estimate : networks of all rates; the records are the sums, which do not grow with the replicates

    Raises
    ------
    InputError : there is no such device, or something in the replication does not fit together.

    Examples
    --------
    >>> from lrscope.data import Digits
    >>> from lrscope.models import CNN
    >>> from lrscope.sweep import Sweep
    >>> from lrscope.training import Experiment
    >>> learned = {"data": Digits(), "model": CNN(1, 8, 8), "loss": "cross_entropy", "epochs": 1}
    >>> asked = Replication(Experiment(**learned, sweep=Sweep(lr=[0.1, 0.2, 0.3])), replicates=40_000)
    >>> estimate(asked, "cpu").members
    120000
    """
    trainer = Trainer(replication.experiments(range(1))[0], device)
    some = range(min(replication.replicates, at_once(replication, trainer)))
    experiments = replication.experiments(some)
    parts = [estimate_of_experiment(experiment, device=device) for experiment in experiments]
    trainer.trace(experiments[0])
    began = perf_counter()
    one_step = [dataclasses.replace(experiment, epochs=None, steps=1) for experiment in experiments]
    trained = [each for experiment in one_step for each in trainer.outputs(experiment)]
    seconds = perf_counter() - began + sum(part.seconds * (1 - 1 / part.steps) for part in parts)
    seconds *= replication.replicates / len(some)
    if engine and worth_starting(engine, seconds, len(replication)):
        seconds = seconds / engine.workers + engine.startup_seconds
    data = replication.experiment.data
    targets = sum(each.targets.nbytes for each in (data.arrays(), data.validation()))
    each = targets + sum(value[0].nbytes for value in measured(trained[0], trainer).values())
    return Estimate(len(replication), parts[0].steps, each * len(replication.lrs) * replication.batches, seconds)
