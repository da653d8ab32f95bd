"""Processes of this machine, each with its share of the cores."""

import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from pathlib import Path

import loky

from lrscope.engines._calls import packed, reply_to, result_of
from lrscope.engines._engine import ATTEMPTS, Engine, P, T, WorkerError, positive_workers

STARTUP_SECONDS = 5.0
"""A process imports PyTorch and lrscope (2 to 3 s), and gets the traced steps."""

_KEEP_MEMORY = {
    # loky takes the traced steps and records that a worker keeps for a leak, and would start the worker anew.
    "LOKY_MAX_MEMORY_LEAK_SIZE": "1e15",
    # glibc would return the memory of each step to the system, and fault it in again at the next (docs/limits.md).
    "MALLOC_MMAP_THRESHOLD_": str(16 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 2**20),
    "MALLOC_TOP_PAD_": str(64 * 2**20),
}


class Processes(Engine):
    """Processes of this machine. They start with the first piece, and end with this process, however it ends.

    Each worker is an executor of loky with one process, so that a process that dies takes no other piece with it. A
    piece goes to a worker that is idle: if each result is followed by the next piece of the same training, that piece
    finds its traced step where it was left. A piece and its result travel in files of the system's temporary folder: a
    process that is killed while it writes to a pipe of loky would leave part of a message there, for whose end loky
    waits forever.

    Parameters
    ----------
    workers : processes; by default one a core. The cores are divided among them: a worker's libraries use
        ``cores // workers`` threads
    startup_seconds : work that takes less is done without them, until they have started

    Raises
    ------
    InputError : `workers` is no positive integer.

    Examples
    --------
    >>> with Processes(workers=1) as engine:
    ...     engine.submit(lambda number: number + 1, 41).result()
    42
    """

    device = "cpu"

    def __init__(self, workers: int | None = None, *, startup_seconds: float = STARTUP_SECONDS) -> None:
        cores = loky.cpu_count(only_physical_cores=True)
        self.workers = cores if workers is None else positive_workers(workers)
        self.startup_seconds = startup_seconds
        threads = str(max(1, cores // self.workers))
        self._environment = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        self._environment |= _KEEP_MEMORY
        # The pipe's other end is in this process only. When this process ends, even by SIGKILL, it is closed.
        self._alive, self._lifeline = multiprocessing.Pipe(duplex=False)
        self._folder = Path(tempfile.mkdtemp(prefix="lrscope-"))
        self._remove_folder = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._threads = ThreadPoolExecutor(self.workers, "lrscope-worker")
        self._lane = threading.local()
        self._lanes: set[loky.ProcessPoolExecutor] = set()
        self._ended = False

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``function(*args, **kwargs)`` in a process."""
        self.startup_seconds = 0.0  # the next training finds them started
        return self._threads.submit(self._called, function, *args, **kwargs)

    def _called(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what the function returns in the process that belongs to this thread."""
        file = self._folder / str(threading.get_ident())
        file.write_bytes(packed(function, args, kwargs))
        for _ in range(ATTEMPTS):
            lane = self._running()
            try:
                lane.submit(_work, file).result()
            except BrokenProcessPool as error:
                self._lanes.discard(lane)
                self._lane.executor = None
                reason = error
            except loky.process_executor.ShutdownExecutorError:
                break
            else:
                result: T = result_of(_reply_of(file).read_bytes())
                return result
            if self._ended:
                break
        if self._ended:
            raise WorkerError("The workers were ended before this piece was done.")
        raise WorkerError(f"A piece was given up: its process died {ATTEMPTS} times, {_codes(reason)}.") from reason

    def _running(self) -> loky.ProcessPoolExecutor:
        lane = getattr(self._lane, "executor", None)
        if lane is None:
            lane = loky.ProcessPoolExecutor(
                1, timeout=None, initializer=_begin, initargs=(self._alive, self._folder), env=self._environment
            )
            self._lane.executor = lane
            self._lanes.add(lane)
        return lane

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: after what was submitted, or, with `cancel_futures`, at once."""
        if cancel_futures:
            self._ended = True
            for lane in list(self._lanes):
                lane.shutdown(wait=wait, kill_workers=True)
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if wait:
            self._ended = True
            for lane in list(self._lanes):
                lane.shutdown(wait=False)  # a process takes a second to leave PyTorch; there is nothing to wait for
        if wait or cancel_futures:
            self._remove_folder()

    def __str__(self) -> str:
        return f"{self.workers} process{'es' if self.workers > 1 else ''}"


def _codes(error: BrokenProcessPool) -> str:
    """Return the end of a message of loky that says how the process ended."""
    return (
        " ".join(str(error).partition("exit codes of the workers are")[2].partition("\n")[0].split())
        or "why is unknown"
    )


def _begin(driver: Connection, folder: Path) -> None:
    """Begin a worker: Ctrl-C is the driver's, and the worker does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(driver, folder), daemon=True).start()


def _end_with(driver: Connection, folder: Path) -> None:
    try:
        driver.recv_bytes()
    except (EOFError, OSError):
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _reply_of(file: Path) -> Path:
    return file.with_suffix(".reply")


def _work(file: Path) -> None:
    """Make the call in a file, and write the reply beside it."""
    _reply_of(file).write_bytes(reply_to(file.read_bytes()))
