"""A study from its options to its records: train, and write while training. The half that needs PyTorch."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from lrscope import store
from lrscope.specification import to_json
from lrscope.studies._catalogue import study
from lrscope.studies._folder import Folder, machine, versions
from lrscope.studies._study import Study
from lrscope.training import Estimate, Experiment, Stream, estimate, stream

Training = Any
"""A `Stream`, or what the function `stream` of a study returns."""
Asked = Any
"""An `Experiment`, or what the function `stream` of the study trains."""


def run(
    name: str,
    options: Any,
    folder: Folder,
    *,
    command: str,
    device: str = "auto",
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
    device : ``auto``, ``cpu`` or ``cuda``
    resume : go on with the run in the folder
    overwrite : replace the results of an earlier run of the same study
    progress : called with what is done, and of all: networks times steps after every step, or trainings of replications

    Raises
    ------
    InputError : something is not allowed; nothing has been written.
    StoreError : the disk is full; what was recorded before is kept, and `resume` goes on with it.
    """
    asked, chosen = study(name), to_json(options)
    experiments = dict(asked.experiments(options))
    forms = {each: experiment.to_json() for each, experiment in experiments.items()}
    if resume:
        folder.check_resumable(name, chosen, forms, asked.resumable)
    else:
        folder.check_new(name, overwrite)
    start = _Start(folder, device, resume, asked, _engine(asked, options, device), _Together(progress))
    trainings = start.streams(experiments)
    description = {"study": name, "options": chosen, "experiments": forms, "command": command, **_place(device)}
    if not resume:
        folder.begin(description)
    trainings |= start.replications(experiments)
    try:
        while trainings:
            if not _recorded(trainings, folder, description):
                return False
            more = _further(asked, options, folder, description)
            trainings = start.streams(more) | start.replications(more)
    except KeyboardInterrupt:  # between two trainings, or the second of one: what is recorded can be gone on with
        return False
    folder.finish(description)
    return True


def _engine(asked: Study, options: Any, device: str) -> Any:
    """Return what trains what is no experiment, where the study offers a choice."""
    return None if asked.engine is None else asked.engine(options, device)


def _place(device: str) -> dict[str, Any]:
    """Return the part of a run's description that says with what and where it runs; it is not finished yet."""
    own = {"device": _device_name(device), "threads": str(torch.get_num_threads())}
    return {"versions": versions(), "machine": {**machine(), **own}, "finished": False}


def _recorded(trainings: Mapping[str, Training], folder: Folder, description: Mapping[str, Any]) -> bool:
    """Train, and write the records; return whether all came to their end."""
    for each, training in trainings.items():
        if _complete(folder.records(each)) and (training.finished or not isinstance(training, Stream)):
            continue
        if isinstance(training, Stream):
            _record(training, folder, each, description)
        else:
            _record_at_once(training, folder, each, description)
        if not training.finished:
            return False
    return True


def _further(asked: Study, options: Any, folder: Folder, description: dict[str, Any]) -> dict[str, Asked]:
    """Return the experiments that follow from the records so far, and describe them in the folder; often none."""
    if asked.further is None:
        return {}
    records = {each: store.open_records(folder.records(each)) for each in description["experiments"]}
    more = dict(asked.further(records, options))
    if more:
        description["experiments"] |= {each: experiment.to_json() for each, experiment in more.items()}
        folder.describe(description)
    return more


@dataclass(frozen=True)
class _Start:
    """How trainings are started, each where it stands; together they tell one progress.

    Attributes
    ----------
    folder, device, resume : of the run
    asked : the study
    engine : trains what is no experiment
    together : takes the progress of all
    """

    folder: Folder
    device: str
    resume: bool
    asked: Study
    engine: Any
    together: "_Together"

    def streams(self, experiments: Mapping[str, Asked]) -> dict[str, Training]:
        """Return the trainings of the experiments among them."""
        chosen = {name: one for name, one in experiments.items() if isinstance(one, Experiment)}
        return {name: self._counted(name, self._stream(name, one)) for name, one in chosen.items()}

    def replications(self, experiments: Mapping[str, Asked]) -> dict[str, Training]:
        """Return the trainings of the others among them: after the pieces that the folder has."""
        chosen = {name: one for name, one in experiments.items() if not isinstance(one, Experiment)}
        return {name: self._counted(name, self._replicating(name, one)) for name, one in chosen.items()}

    def _stream(self, name: str, experiment: Experiment) -> Stream:
        checkpoint = _checkpoint(self.folder.records(name)) if self.resume else None
        progress = self.together.part(name)
        return stream(experiment, device=self.device, checkpoint=checkpoint, progress=progress)

    def _replicating(self, name: str, replication: Any) -> Training:
        assert self.asked.stream is not None, "a study of replications has a stream"
        return self.asked.stream(replication, self.engine, self.folder.pieces(name), self.together.part(name))

    def _counted(self, name: str, training: Training) -> Training:
        self.together.add(name, training)
        return training


class _Together:
    """The progress of several trainings as one."""

    def __init__(self, progress: Callable[[int, int], None] | None) -> None:
        self._progress = progress or (lambda _done, _total: None)
        self._done: dict[str, int] = {}
        self._total = 0

    def add(self, name: str, training: Training) -> None:
        """Count a training, as far as it is done."""
        self._done[name] = training.done
        self._total += training.total

    def part(self, name: str) -> Callable[[int, int], None]:
        """Return what one training calls after every step."""

        def told(done: int, _total: int) -> None:
            self._done[name] = done
            self._progress(sum(self._done.values()), self._total)

        return told


def cost(name: str, options: Any, device: str = "auto") -> Estimate:
    """Return what a run will cost, from a few steps of it; nothing is written."""
    asked = study(name)
    each = [(asked.estimate or estimate)(one, device=device) for one in asked.experiments(options).values()]
    return sum(each[1:], each[0])


def _checkpoint(files: Sequence[Path]) -> Mapping[str, Any] | None:
    """Return the newest state of an interrupted training; None if it was interrupted before its first block."""
    if not any(file.with_suffix(".state.npz").exists() for file in files):
        return None
    return store.load_state(files)


def _complete(files: Sequence[Path]) -> bool:
    """Return whether records were closed; killed behind their last block, they have everything but the sign of it."""
    return bool(files) and store.summary(files[-1]).complete


class _StoppedError(Exception):
    """Leaves the file of records as it is, without the sign that it is complete."""


def _record(training: Stream, folder: Folder, experiment: str, description: Mapping[str, Any]) -> None:
    with (
        suppress(_StoppedError),
        _writer(folder, experiment, description) as writer,
        _interrupts_stop(training),
    ):
        for block in training:
            writer.extend(block, training.state)
        if not training.finished:
            raise _StoppedError


def _record_at_once(training: Training, folder: Folder, experiment: str, description: Mapping[str, Any]) -> None:
    """Train a replication, and write its records when they are there: until then its pieces hold what is done."""
    with _interrupts_stop(training):
        blocks = list(training)
    if training.finished:
        description["machine"]["workers"] = training.workers
        with _writer(folder, experiment, description) as writer:
            for block in blocks:
                writer.extend(block, training.state)


def _writer(folder: Folder, experiment: str, description: Mapping[str, Any]) -> store.Writer:
    """Return the writer of the next file of an experiment's records."""
    earlier = folder.records(experiment)
    after = store.last_recorded(earlier) if earlier else None
    standardised = bool(description["options"].get("standardised", False))
    own = {name: value for name, value in description.items() if name != "experiments"}
    own |= {"experiment": description["experiments"][experiment]}
    return store.Writer(folder.next_records(experiment), own, after=after, standardised=standardised)


@contextmanager
def _interrupts_stop(training: Training) -> Iterator[None]:
    """Let the first Ctrl-C end the training behind the current step, its records kept; the second kills as usual."""
    before = signal.getsignal(signal.SIGINT)

    def stop(_number: int, _frame: FrameType | None) -> None:
        training.stop()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device != "cpu" and torch.cuda.is_available() else "cpu"
