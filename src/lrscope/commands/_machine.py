"""What a training may use of this machine: its own GPU, its share of the cores."""

import itertools
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lrscope.engines import Engine

VISIBLE, THREADS = "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"


def gpus() -> list[str]:
    """Return the GPUs of this machine, or those that the environment leaves; found without PyTorch."""
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False).stdout
    return [str(number) for number, line in enumerate(listed.splitlines()) if line.startswith("GPU ")]


def environment(place: int, jobs: int, devices: list[str]) -> dict[str, str]:
    """Return the environment of the training in one of the places of those that run at the same time."""
    own = dict(os.environ)
    if devices:
        own[VISIBLE] = devices[place % len(devices)]
    if jobs > 1:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        own.setdefault(THREADS, str(max(1, cores // jobs)))
    return own


class Here(Engine):
    """Runs trainings by command on this machine: each is watched by a thread, and has a GPU and cores of its own.

    Parameters
    ----------
    jobs : trainings at a time
    devices : GPUs
    """

    def __init__(self, jobs: int, devices: list[str]) -> None:
        self.workers = jobs
        self._devices = devices
        self._ending = threading.Event()
        self._thread, places = threading.local(), itertools.count()

        def begin() -> None:
            self._thread.place = next(places)

        self._threads = ThreadPoolExecutor(jobs, "lrscope-training", begin)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function, which is also given the environment of a command and what says when to end it."""
        return self._threads.submit(self._called, function, *args, **kwargs)

    def _called(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        own = environment(self._thread.place, self.workers, self._devices)
        return function(*args, **kwargs, environment=own, stopping=self._ending.is_set)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads: after what was submitted, or, with `cancel_futures`, with the trainings that run."""
        if cancel_futures:
            self._ending.set()
        self._threads.shutdown(wait, cancel_futures=cancel_futures)

    def __str__(self) -> str:
        on = f", on {len(self._devices)} GPUs" if self._devices else ""
        return f"{self.workers} trainings at a time{on}" if self.workers > 1 else f"one training at a time{on}"
