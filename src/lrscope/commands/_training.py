"""One training by command from its start to its result, in a thread of this process or in a worker of an engine."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lrscope.commands._process import FINISHED, GRACE, Place, Process
from lrscope.commands._trainings import Trainings
from lrscope.engines import WorkerError, asked_to_end

ATTEMPTS = 2
"""How often a training is begun that fails."""
PAUSE = 0.01
"""Seconds between two looks at a training that runs."""
CLOCK = 1.0
"""Seconds by which the time of a file may lie before that of the process which wrote it."""


def trained(
    trainings: Trainings,
    labels: Mapping[str, Any],
    place: Place,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run the command for one training, once more if it fails, and return how it ended, as it stands in its folder.

    A training that has finished is not begun again: the worker of its first call died, or could not reply. The command
    ends with this process, however that ends.

    Parameters
    ----------
    labels : value of each axis
    folder : where the command is started
    environment : of the command; by default that of this process
    stopping : whether to end it now

    Raises
    ------
    InputError : the command cannot be run, or a training of an earlier run goes on in its folder.
    WorkerError : it was ended by `stopping`, or with the worker.
    """
    place.check_free(2 * GRACE)  # that of a worker or run which was killed is about to end
    known = place.result()
    if known and known["ended"] == FINISHED:
        return known
    arguments = trainings.arguments(labels, place.out.resolve())
    own = os.environ if environment is None else environment
    for attempt in range(1, ATTEMPTS + 1):
        with Process(arguments, own, place, folder, attempt) as process, _ends_with_this_process(process):
            status = _status(process, trainings.timeout, stopping)
            if status and asked_to_end():  # so was the command: Slurm sends its signals to all processes of a job
                raise WorkerError("The worker was asked to end, and the training has ended with it.")
            ended, final = _ended(trainings, labels, process, status)
            result = {
                "arguments": arguments,
                "labels": dict(labels),
                "ended": ended,
                "exit_status": status,
                "seconds": round(process.seconds, 3),
                "began": process.began,
                "attempts": attempt,
            }
            if ended != FINISHED:
                result["last_lines"] = place.last_lines()
            place.finish(result)
        if final:
            break
    return result


def _status(process: Process, timeout: float | None, stopping: Callable[[], bool]) -> int | None:
    """Wait for a process, and return its exit status; None if it took too long, and was ended."""
    try:
        while (status := process.status()) is None:
            if stopping():
                raise WorkerError("The training was ended before it was done.")
            if timeout is not None and process.seconds > timeout:
                return None
            time.sleep(PAUSE)
        return status
    finally:
        process.end()


def _ended(trainings: Trainings, labels: Mapping[str, Any], process: Process, status: int | None) -> tuple[str, bool]:
    """Return how a training ended, in words, and whether it would end so again."""
    if status is None:
        return f"took longer than {trainings.timeout:g} s", True
    if status:
        return f"exit status {status}" if status > 0 else f"signal {-status}", False
    place = process.place
    known = trainings.curves(labels, place, process.folder, process.began - CLOCK)
    return trainings.missing(known) or FINISHED, True


@contextmanager
def _ends_with_this_process(process: Process) -> Iterator[None]:
    """End the group of a process when this process ends, even by SIGKILL: ask it to, and kill it after a while.

    A shell waits for a line in a pipe whose other end only this process has. It is no child of this process: Ray ends
    those one by one, and would leave what they have started.
    """
    ends = f'kill -TERM "-$0"; for _ in {"1 " * int(GRACE)}; do sleep 1; kill -0 "-$0" || exit; done; kill -KILL "-$0"'
    code = f"exec 3<&0; {{ read -r done <&3 || {{ {ends}; }}; }} >/dev/null 2>&1 &"
    words = ["sh", "-c", code, str(process.group)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, bufsize=0, start_new_session=True) as shell:
        assert shell.stdin is not None
        try:
            yield
        finally:
            with suppress(OSError):
                shell.stdin.write(b"done\n")
