"""From a replication to its records: trained piece by piece, summed, and returned as one block."""

import dataclasses
import math
import pickle
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import cloudpickle
import numpy as np
import xarray as xr

from lrscope import records
from lrscope.engines import Engine, completed
from lrscope.papers.linearity._replication import Replication, cut
from lrscope.papers.linearity._sums import Sums, block_of, measured, merged, summed
from lrscope.studies._pieces import Pieces, PieceTraining
from lrscope.training import Estimate, Trainer, worth_starting
from lrscope.training import estimate as estimate_of_experiment

Task = tuple[bytes, str, int]
"""What a worker needs for any piece: the replication, pickled; its device; the number of workers."""
TRAINED = "trained"
"""Beside the sums: which replicates are in them (replicate), bool."""
WRITING = 0.1
"""Share of the time that writing the sums takes, at most."""
_FILE = "sums"


def replicate(replication: Replication, **where: Any) -> xr.Dataset:
    """Train a replication, and return the sums over its replicates, batch by batch.

    Parameters
    ----------
    where : keyword arguments of `Replicating`

    Returns
    -------
    records : Dataset (lr, batch, step, ...), see docs/file-format.md; it does not grow with the replicates

    Raises
    ------
    InputError : something in the replication does not fit together, or the folder holds pieces of another one.
    """
    return records.on_grid(records.concatenate(Replicating(replication, **where)))


class Replicating(PieceTraining):
    """The training of a replication, as an iterator of one block (member, step, ...), like a `Stream`.

    A piece is as many replicates as a worker trains at the same time.

    Parameters
    ----------
    folder : keeps the sums so far, so that a run that was killed continues after them
    where : ``engine``, ``progress`` and ``device``, as `lrscope.training.stream` has them
    """

    def __init__(self, replication: Replication, *, folder: Path | None = None, **where: Any) -> None:
        super().__init__(len(replication), **where)
        self.replication = replication
        self._pieces = Pieces(folder, replication.to_json(), replication.experiment)

    @cached_property
    def _sums(self) -> Sums:
        """The sums of what is done; read when the training begins, because a new run empties the folder before."""
        return self._pieces.read(_FILE) or {TRAINED: np.zeros(self.replication.replicates, dtype=bool)}

    @property
    def done(self) -> int:
        """Trainings that are done; of ``total``."""
        return int(self._sums[TRAINED].sum()) * len(self.replication.lrs)

    def _seconds(self) -> float:
        experiments = self.replication.experiments(range(1))
        each = sum(Trainer(experiments[0], "cpu").seconds(one) for one in experiments)
        return each * self.replication.replicates

    def _train(self) -> Iterator[xr.Dataset]:
        if self.done < self.total:
            self._train_missing()
        if self.done == self.total:
            yield block_of(self.replication, self._sums)
            self.finished = True

    def _train_missing(self) -> None:
        engine = self._engine
        task = (cloudpickle.dumps(self.replication), engine.device or self._device, engine.workers)
        most = engine.submit(_at_once, *task).result()
        gaps = np.flatnonzero(np.diff(self._sums[TRAINED], prepend=True, append=True)).reshape(-1, 2).tolist()
        calls = ((piece, (task, piece)) for gap in gaps for piece in cut(range(*gap), most))
        due = 0.0
        try:
            for piece, sums in completed(engine, _trained, calls, lambda: self._stopping):
                trained = np.isin(np.arange(self.replication.replicates), piece)
                self._sums = merged(self._sums, sums, {TRAINED: trained})  # at once, whatever interrupts it
                began = monotonic()
                if began >= due:
                    self._pieces.write(_FILE, self._sums)
                    due = began + (monotonic() - began) / WRITING
                self._progress(self.done, self.total)
        finally:
            if 0 < self.done < self.total:
                self._pieces.write(_FILE, self._sums)


def at_once(replication: Replication, trainer: Trainer) -> int:
    """Return how many replicates are trained at the same time."""
    members = len(replication.lrs) if replication.pairing == "common" else 1
    return max(1, trainer.at_once // members)


def _at_once(*task: Any) -> int:
    return at_once(*_loaded(*task))


def _trained(task: Task, replicates: range) -> Sums:
    return summed(_loaded(*task)[0], replicates, _loaded(*task)[1])


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
