"""The trainings of a grid, some at a time, each in a folder of its own; afterwards their metrics as one block."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lrscope.commands._machine import Here, gpus
from lrscope.commands._process import FINISHED, Place
from lrscope.commands._records import block_of, no_such_step
from lrscope.commands._training import CLOCK, trained
from lrscope.commands._trainings import NO, SEED, Trainings, check_program, name_of
from lrscope.engines import Engine, completed
from lrscope.errors import InputError, LrscopeError, unknown
from lrscope.logs import Curves
from lrscope.sweep import Sweep

HOPELESS = 3
"""After so many trainings that failed, and none that did not, the command itself is taken for wrong."""
LOOK = 0.1
"""Seconds between two looks at whether to stop."""


class CommandError(LrscopeError):
    """The command fails whatever its placeholders are."""


@dataclass
class _Training:
    """One training of the grid: its place in it, its labels and its folder."""

    number: int
    labels: dict[str, Any]
    place: Place


class Running(Iterator[xr.Dataset]):
    """The trainings of a grid, as an iterator of one block (member, step, ...), like a `lrscope.training.Stream`.

    Each training has the folder ``lr=...,seed=...`` (see `Place`); one that has finished there is not repeated. One
    that fails is begun once more. A training that was begun ends when this iterator does, whatever the reason.

    Parameters
    ----------
    trainings : what is run
    folder : where the folders of the trainings go
    progress : called with the trainings that are done, and of all
    engine : whose workers run the commands; by default this machine, with a GPU each

    Attributes
    ----------
    done, total : trainings
    finished : whether all have ended

    Raises
    ------
    InputError : there is no such program here; or, when the first training is done, no such metric.
    CommandError : all of the first trainings fail, and none in the folder has ever finished.
    WorkerError : the workers of one training died at every attempt.
    """

    def __init__(
        self,
        trainings: Trainings,
        folder: Path,
        progress: Callable[[int, int], None] | None = None,
        engine: Engine | None = None,
    ) -> None:
        check_program(trainings.command)
        self.trainings = trainings
        self.total = len(trainings)
        self.finished = False
        self.state: dict[str, np.ndarray] = {}  # a resume continues from the folders
        self._folder = folder.absolute()
        self._here = Path.cwd()
        self._given_engine = engine
        self._progress = progress or (lambda _done, _total: None)
        self._stopping = False
        self._blocks = self._run()

    @cached_property
    def _each(self) -> list[_Training]:
        labels = self.trainings.labels()
        return [_Training(number, own, Place(self._folder / name_of(own))) for number, own in enumerate(labels)]

    @cached_property
    def _results(self) -> dict[int, dict[str, Any]]:
        """How trainings ended; those that failed in an earlier run are run again."""
        known = {one.number: one.place.result() for one in self._each}
        return {number: result for number, result in known.items() if result and result["ended"] == FINISHED}

    @property
    def done(self) -> int:
        """Trainings that have ended; of ``total``."""
        return len(self._results)

    @property
    def failed(self) -> int:
        """Trainings that failed twice, or took too long."""
        return sum(result["ended"] != FINISHED for result in self._results.values())

    @property
    def repeats(self) -> bool:
        """Whether trainings are missing."""
        return self.done < self.total

    @cached_property
    def _engine(self) -> Engine:
        if self._given_engine is not None:
            return self._given_engine
        devices = gpus()
        return Here(self.trainings.jobs or max(1, len(devices)), devices)

    @property
    def workers(self) -> str:
        """What trains, in words."""
        return str(self._engine)

    def stop(self) -> None:
        """Ask the trainings that run to end; they are repeated by a resume."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _run(self) -> Iterator[xr.Dataset]:
        missing = [one for one in self._each if one.number not in self._results]
        missing.sort(key=lambda one: one.labels.get(SEED, 0))  # all rates early, not all seeds
        calls = ((one, (self.trainings, one.labels, one.place, self._here)) for one in missing)
        done = False
        try:
            for one, result in completed(self._engine, trained, calls, lambda: self._stopping, LOOK):
                self._keep(one, result)
            done = not self._stopping
        finally:
            if not done:
                self._engine.shutdown(cancel_futures=True)
            elif self._given_engine is None:
                self._engine.shutdown()
        if done:
            sweep = self.trainings.sweep
            results = [(one, self._results[one.number]) for one in self._each]
            curves = [self._read(one, own["began"]) if own["ended"] == FINISHED else None for one, own in results]
            yield block_of(self.trainings.metric, curves, sweep.members(), sweep.attrs())
            self.finished = True

    @property
    def notes(self) -> dict[str, Any]:
        """How the trainings have ended, for the records: folder, seconds, and what is known of those that failed."""
        kept = ("ended", "seconds", "attempts", "last_lines")
        ended = [(one.place.path.name, self._results[one.number]) for one in self._each if one.number in self._results]
        return {"trainings": {name: {key: own[key] for key in kept if key in own} for name, own in ended}}

    @cached_property
    def _finished_before(self) -> bool:
        """Whether a training has finished in this folder: one of an earlier run, or of another grid."""
        known = (Place(path).result() for path in self._folder.glob("*/"))
        return any(result and result["ended"] == FINISHED for result in known)

    @property
    def _finished(self) -> bool:
        return self._finished_before or any(result["ended"] == FINISHED for result in self._results.values())

    def _keep(self, one: _Training, result: dict[str, Any]) -> None:
        ended = result["ended"]
        if ended.startswith(f"{NO} ") and not self._finished:
            self._refuse_metric(one, result)
        self._results[one.number] = result
        self._progress(self.done, self.total)
        if not self._finished and self.done >= min(HOPELESS, self.total):
            raise CommandError(
                f"The command failed in {'each of the first' if self.done < self.total else 'all'} {self.done} "
                f"trainings; the last one, {name_of(one.labels)}: {ended}. It printed:\n{one.place.last_lines()}\n"
                f"All of it stands in {one.place.output}."
            )

    def _refuse_metric(self, one: _Training, result: dict[str, Any]) -> None:
        """Raise an `InputError` if the first training has not the metric, or not at the step that counts."""
        known = self._read(one, result["began"])
        if self.trainings.metric in known and self.trainings.step is not None:
            raise no_such_step(self.trainings.metric, self.trainings.step, known[self.trainings.metric].index)
        if known:
            raise unknown("metric", self.trainings.metric, known)
        raise InputError(
            f"the command must leave metrics in files in {{out}}, or --read must say where; "
            f"{name_of(one.labels)} left none. It printed: {one.place.last_lines() or 'nothing'}"
        )

    def _read(self, one: _Training, began: float) -> Curves:
        return self.trainings.curves(one.labels, one.place, self._here, began - CLOCK)


@dataclass(frozen=True)
class Tried:
    """What one training of a grid has shown.

    Attributes
    ----------
    trainings : of the grid
    jobs : at a time; None if that is not known
    elsewhere : whether workers of an engine will train, of which this machine knows nothing
    seconds : of one training, here
    metrics : what it has left
    """

    trainings: int
    jobs: int | None
    elsewhere: bool
    seconds: float
    metrics: tuple[str, ...]

    def __str__(self) -> str:
        seconds = self.seconds * -(-self.trainings // (self.jobs or 1))
        at_once = f", {self.jobs} at a time" if self.jobs and self.jobs > 1 else ""
        divided = "" if self.jobs else ", divided by the number of workers"
        first = "first did on this machine, and without the wait for workers" if self.elsewhere else "first"
        return (
            f"{self.trainings} trainings{at_once}: about {seconds:.0f} s{divided}, if each takes {self.seconds:.1f} s "
            f"as the {first}. Its metrics: {', '.join(self.metrics)}"
        )


def tried(trainings: Trainings, workers: int | None = None, *, elsewhere: bool = False) -> Tried:
    """Return what a grid will cost, from its first training, in a folder that is removed afterwards.

    Parameters
    ----------
    workers : of the engine, if it is known how many
    elsewhere : whether an engine will train

    Raises
    ------
    InputError, CommandError : as `Running`; also if the one training fails.
    """
    one = {name: values[:1] for name, values in trainings.sweep.axes.items()}
    first = replace(trainings, sweep=Sweep(**one), jobs=1)
    with tempfile.TemporaryDirectory(prefix="lrscope-") as folder:
        running = Running(first, Path(folder))
        with suppress(StopIteration):
            next(running)
        (each,) = running._each
        metrics = tuple(running._read(each, 0.0))
        jobs = workers if elsewhere else Running(trainings, Path(folder))._engine.workers
        return Tried(len(trainings), jobs, elsewhere, running._results[0]["seconds"], metrics)
