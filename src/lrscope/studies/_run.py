"""A study from its options to its records: train, and write while training. The half that needs PyTorch."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import torch

from lrscope import store
from lrscope.errors import InputError
from lrscope.specification import to_json
from lrscope.studies._catalogue import study
from lrscope.studies._folder import Folder, machine, versions
from lrscope.training import Estimate, Stream, estimate, stream


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
    chosen, experiment = to_json(options), study(name).experiment(options)
    form = experiment.to_json()
    if resume:
        folder.check_resumable(name, chosen, form)
    else:
        folder.check_new(name, overwrite)
    training = stream(experiment, device=device, checkpoint=_checkpoint(folder) if resume else None, progress=progress)
    description = {
        "study": name,
        "options": chosen,
        "experiment": form,
        "command": command,
        "versions": versions(),
        "machine": {**machine(), "device": _device_name(device), "threads": str(torch.get_num_threads())},
        "finished": False,
    }
    if not resume:
        folder.begin(description)
    _record(training, folder, description, bool(getattr(options, "standardised", False)))
    if training.finished:
        folder.finish(description)
    return training.finished


def cost(name: str, options: Any, device: str = "auto") -> Estimate:
    """Return what a run will cost, from a few steps of it; nothing is written."""
    return estimate(study(name).experiment(options), device=device)


def _checkpoint(folder: Folder) -> Mapping[str, Any] | None:
    """Return the newest state of an interrupted run; None if it was interrupted before its first block."""
    try:
        return store.load_state(folder.path)
    except InputError:
        if any(folder.path.glob("records*.state.npz")):
            raise
        return None


class _StoppedError(Exception):
    """Leaves the file of records as it is, without the sign that it is complete."""


def _record(training: Stream, folder: Folder, description: Mapping[str, Any], standardised: bool) -> None:
    earlier = list(folder.path.glob("records*.root"))
    after = store.last_recorded(earlier) if earlier else None
    with (
        suppress(_StoppedError),
        store.Writer(folder.next_records(), description, after=after, standardised=standardised) as writer,
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
