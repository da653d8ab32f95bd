"""A study from its options to its records: train, and write while training.

PyTorch is imported for studies that train in this process or its engines, not for those that start commands.
"""

import importlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from lrscope import store
from lrscope.errors import InputError
from lrscope.specification import to_json
from lrscope.studies._folder import Folder, machine, versions
from lrscope.studies._study import Study, study
from lrscope.studies._where import Where

if TYPE_CHECKING:
    from lrscope.engines import Engine
    from lrscope.training import Stream


def run(
    name: str,
    options: Any,
    folder: Folder,
    *,
    command: str,
    where: Where | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> bool:
    """Train a study and write its records; return whether it came to its end (False: Ctrl-C ended it).

    Parameters
    ----------
    name, options : of the study
    folder : where everything goes
    command : the line that repeats the run, for the report
    where : to train; by default processes of this machine if there is enough to do for them, or its GPU
    resume : continue the run in the folder
    overwrite : replace the results of an earlier run of the same study
    progress : called with what is done, and of all: networks times steps, or trainings of replications; about once a
        second or more often

    Raises
    ------
    InputError : something is not allowed; nothing has been written.
    StoreError : the disk is full; what was recorded before is kept, and `resume` continues after it.
    """
    where = where or Where()
    with folder.locked():
        chosen = to_json(options)
        asked = study(name).of(chosen)
        where = asked.where(options, where) if asked.where else where
        experiments = dict(asked.experiments(options))
        forms = {each: experiment.to_json() for each, experiment in experiments.items()}
        if resume:
            folder.check_resumable(name, chosen, forms, asked.resumable)
        else:
            folder.check_new(name, overwrite)
        description = {
            "study": name,
            "options": chosen,
            "experiments": forms,
            "command": command,
            "versions": versions(),
            "machine": {**machine(), **(_here().described(where) if asked.trains_here else {})},
            "finished": False,
        }
        by_engine = asked.trains_here or where.engine != "local"
        with _here().opened(where, folder) if by_engine else nullcontext() as engine:
            # Workers with GPUs were asked for and checked by the engine; this machine need not have one.
            device = "auto" if engine and engine.device == "cuda" else where.device
            running = _Run(asked, folder, description, device, engine, resume, progress)
            trainings = running.started(experiments)
            if not resume:
                folder.begin(description)
            elif asked.stream:
                folder.describe(description)  # it may have been finished but for what failed
            try:
                while trainings:
                    if not running.recorded(trainings):
                        return False
                    trainings = running.started(running.further(options))
            except KeyboardInterrupt:  # between two trainings, or the second of one: what is recorded is kept
                return False
            except InputError:  # that only the first of the trainings could show
                if not resume and not any(folder.records(each) for each in experiments):
                    folder.abandon()
                raise
        folder.finish(description)
        return True


@dataclass
class _Run:
    """A run that trains; its trainings have one progress."""

    study: Study
    folder: Folder
    description: dict[str, Any]
    device: str
    engine: "Engine | None"
    resume: bool
    progress: Callable[[int, int], None] | None
    _done: dict[str, int] = field(default_factory=dict)
    _total: int = 0

    def started(self, experiments: Mapping[str, Any]) -> "dict[str, Stream]":
        """Return the training of each experiment, or of whatever else the study trains, each where it stands."""
        trainings: dict[str, Stream] = {}
        for name, one in experiments.items():
            shared: Any = {"device": self.device, "engine": self.engine, "progress": partial(self._count, name)}
            if self.study.stream is None:
                trainings[name] = _here().started(one, self.folder, name, self.resume, **shared)
            else:
                trainings[name] = self.study.stream(one, folder=self.folder, name=name, **shared)
        return trainings

    def recorded(self, trainings: "Mapping[str, Stream]") -> bool:
        """Train, and write the records; return whether all came to their end."""
        # Only now: a new run empties the folder after its trainings are started, and `done` reads what is there.
        self._done |= {name: training.done for name, training in trainings.items()}
        self._total += sum(training.total for training in trainings.values())
        for name, training in trainings.items():
            files = self.folder.records(name)
            if files and store.summary(files[-1]).complete:  # killed after its last block, or something failed
                if not getattr(training, "repeats", False):
                    continue
                for file in files:
                    file.unlink()
            self.description["machine"]["workers"] = training.workers
            self._record(name, training)
            if not training.finished:
                return False
            self.description["failed"] = self.description.get("failed", 0) + getattr(training, "failed", 0)
        return True

    def further(self, options: Any) -> dict[str, Any]:
        """Return the experiments that follow from the records so far, and describe them in the folder; often none."""
        if self.study.further is None:
            return {}
        experiments = self.description["experiments"]
        records = {name: store.open_records(self.folder.records(name)) for name in experiments}
        more = dict(self.study.further(records, options))
        if more:
            experiments |= {name: experiment.to_json() for name, experiment in more.items()}
            self.folder.describe(self.description)
        return more

    def _record(self, name: str, training: "Stream") -> None:
        """Train, and write each block with the state after it; the file is begun with the first block."""
        with suppress(_StoppedError), _interrupts_stop(training):
            first = next(training, None)
            if first is None and not training.finished:
                return
            with self._writer(name, getattr(training, "notes", {})) as writer:
                if first is not None:
                    writer.extend(first, training.state)
                for block in training:
                    writer.extend(block, training.state)
                if not training.finished:
                    raise _StoppedError

    def _writer(self, name: str, notes: Mapping[str, Any]) -> store.Writer:
        """Return the writer of the next file of an experiment's records."""
        earlier = self.folder.records(name)
        after = store.last_recorded(earlier) if earlier else None
        own = {key: value for key, value in self.description.items() if key != "experiments"}
        own |= {"experiment": self.description["experiments"][name], **notes}
        return store.Writer(self.folder.next_records(name), own, after=after)

    def _count(self, name: str, done: int, _total: int) -> None:
        self._done[name] = done
        if self.progress is not None:
            self.progress(sum(self._done.values()), self._total)


def cost(name: str, options: Any, where: Where | None = None) -> Any:
    """Return what a run will cost, from a few steps of it on this machine; nothing is written."""
    asked, where = study(name).of(to_json(options)), where or Where()
    where = asked.where(options, where) if asked.where else where
    own: dict[str, Any] = {"where": where}
    if asked.trains_here:
        own = {"device": where.device, "engine": _here().processes(where) if where.engine == "local" else None}
    measure = asked.estimate or _here().estimate
    each = [measure(one, **own) for one in asked.experiments(options).values()]
    return sum(each[1:], each[0])


def _here() -> Any:
    """Return the file that needs PyTorch."""
    return importlib.import_module("lrscope.studies._here")


class _StoppedError(Exception):
    """Leaves the file of records as it is, without the sign that it is complete."""


@contextmanager
def _interrupts_stop(training: "Stream") -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the training after the step in hand, its records kept; the second kills."""
    if threading.current_thread() is not threading.main_thread():  # Python lets only that one say what a signal does
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, _frame: FrameType | None) -> None:
        training.stop()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
