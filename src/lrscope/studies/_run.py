"""A study from its options to its records: train, and write while training. The half that needs PyTorch."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import torch

from lrscope import store
from lrscope.specification import to_json
from lrscope.studies._catalogue import study
from lrscope.studies._folder import Folder, machine, versions
from lrscope.training import Estimate, Experiment, Stream, estimate, stream


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
    progress : called after every step with the networks times steps that are done, and of all

    Raises
    ------
    InputError : something is not allowed; nothing has been written.
    StoreError : the disk is full; what was recorded before is kept, and `resume` goes on with it.
    """
    asked, chosen = study(name), to_json(options)
    experiments = asked.experiments(options)
    forms = {each: experiment.to_json() for each, experiment in experiments.items()}
    if resume:
        folder.check_resumable(name, chosen, forms)
    else:
        folder.check_new(name, overwrite)
    together = _Together(progress or (lambda _done, _total: None))
    trainings = _trainings(experiments, folder, device, resume, together)
    description = {
        "study": name,
        "options": chosen,
        "experiments": forms,
        "command": command,
        "versions": versions(),
        "machine": {**machine(), "device": _device_name(device), "threads": str(torch.get_num_threads())},
        "finished": False,
    }
    if not resume:
        folder.begin(description)
    try:
        while trainings:
            if not _recorded(trainings, folder, description):
                return False
            more = _further(asked, options, folder, description)
            trainings = _trainings(more, folder, device, resume, together)
    except KeyboardInterrupt:  # between two trainings, or the second of one: what is recorded can be gone on with
        return False
    folder.finish(description)
    return True


def _recorded(trainings: Mapping[str, Stream], folder: Folder, description: Mapping[str, Any]) -> bool:
    """Train, and write the records; return whether all came to their end."""
    for each, training in trainings.items():
        if not (training.finished and _complete(folder.records(each))):
            _record(training, folder, each, description)
        if not training.finished:
            return False
    return True


def _further(asked: ModuleType, options: Any, folder: Folder, description: dict[str, Any]) -> dict[str, Experiment]:
    """Return the experiments that follow from the records so far, and describe them in the folder; often none."""
    if not hasattr(asked, "further"):
        return {}
    records = {each: store.open_records(folder.records(each)) for each in description["experiments"]}
    more: dict[str, Experiment] = asked.further(records, options)
    if more:
        description["experiments"] |= {each: experiment.to_json() for each, experiment in more.items()}
        folder.describe(description)
    return more


def _trainings(
    experiments: Mapping[str, Experiment],
    folder: Folder,
    device: str,
    resume: bool,
    together: "_Together",
) -> dict[str, Stream]:
    """Return the trainings of all experiments, each where it stands; together they tell one progress."""
    trainings = {}
    for name, experiment in experiments.items():
        checkpoint = _checkpoint(folder.records(name)) if resume else None
        trainings[name] = stream(experiment, device=device, checkpoint=checkpoint, progress=together.part(name))
        together.add(name, trainings[name])
    return trainings


class _Together:
    """The progress of several trainings as one."""

    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress
        self._done: dict[str, int] = {}
        self._total = 0

    def add(self, name: str, training: Stream) -> None:
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
    each = [estimate(experiment, device=device) for experiment in study(name).experiments(options).values()]
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
    earlier = folder.records(experiment)
    after = store.last_recorded(earlier) if earlier else None
    standardised = bool(description["options"].get("standardised", False))
    own = {name: value for name, value in description.items() if name != "experiments"}
    own |= {"experiment": description["experiments"][experiment]}
    with (
        suppress(_StoppedError),
        store.Writer(folder.next_records(experiment), own, after=after, standardised=standardised) as writer,
        _interrupts_stop(training),
    ):
        for block in training:
            writer.extend(block, training.state)
        if not training.finished:
            raise _StoppedError


@contextmanager
def _interrupts_stop(training: Stream) -> Iterator[None]:
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
