"""Pieces by the jobs of Slurm: an array of workers, each of which connects to this process and takes piece after piece.

A piece takes a second or two, a job of Slurm many more until it runs. So a job is a worker and not a piece.
"""

import contextlib
import functools
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Literal

import submitit

from lrscope.engines._calls import packed, settle
from lrscope.engines._engine import ATTEMPTS, Engine, P, T, WorkerError, positive_workers
from lrscope.engines._slurm_worker import hang_up, keep_alive, work
from lrscope.errors import InputError, LrscopeError, must_be

ENDED = "The workers were ended before this piece was done."
WORKERS = 8
"""Workers unless their number is given."""
SPARE = 4
"""More connections than workers: one that says nothing, such as that of a port scanner, must not keep a worker out."""
CHECK_SECONDS = 5.0
"""Between two looks at Slurm's queue, while workers are missing."""
IDLE_SECONDS = 1.0
"""Between two looks at the connection of a worker that has nothing to do."""
WARNING_SECONDS = 30
"""So long before the time limit Slurm tells a worker, which ends after the piece in hand."""
_OURS = ("array", "job_name", "output", "error", "wrap", "test_only")


class Slurm(Engine):
    """Workers that are jobs of Slurm, started by submitit as one array job.

    Workers connect to this process over the network of the cluster; what connects must know a key, which stands in a
    folder that only the user can read. A piece whose worker ends is given to another. A worker that has ended, for its
    time limit or because it was killed, is replaced by a new job; jobs that Slurm has requeued connect again. When this
    process ends, even by SIGKILL, its workers end as well.

    Parameters
    ----------
    folder : for submitit's files and the logs of the workers, on a disk that the nodes share; what is written there is
        removed in the end, unless workers failed
    workers : jobs that run at the same time; by default 8
    parameters : options of ``sbatch`` by name: ``{"partition": "gpu", "time": "2:00:00", "exclusive": True}``
    device : ``auto`` (a GPU if the parameters ask for one), ``cpu`` or ``cuda``
    address : name or number of this machine for the nodes; by default its host name
    cluster : ``slurm``; or ``local``, processes of this machine that submitit starts, to try it without a cluster

    Raises
    ------
    InputError : there is no Slurm, it refuses the parameters, or ``cuda`` is asked for without a GPU in them.
    LrscopeError : the jobs cannot be submitted.
    """

    def __init__(
        self,
        folder: Path,
        workers: int | None = None,
        parameters: Mapping[str, str | bool] | None = None,
        *,
        device: str = "auto",
        address: str | None = None,
        cluster: Literal["slurm", "local"] = "slurm",
    ) -> None:
        self.workers = WORKERS if workers is None else positive_workers(workers)
        options = {name.replace("-", "_"): value for name, value in (parameters or {}).items()}
        self.device = _device(device, options)
        if cluster == "slurm":
            _check_parameters(options, self.workers)
        self._name = f"lrscope-{secrets.token_hex(6)}"
        self.folder = folder.absolute() / self._name
        key = secrets.token_bytes(32)
        self._listener = Listener(("", 0), backlog=self.workers + SPARE, authkey=key)
        self._address = address or socket.gethostname(), int(self._listener.address[1])
        self._work = functools.partial(work, *self._address, key)
        self._pieces: Queue[_Piece] = Queue()
        self._unfinished: set[Future[Any]] = set()
        self._connections: set[Connection] = set()
        self._ended = threading.Event()
        self._failed = False
        self._fruitless = 0
        self._local_jobs: list[submitit.Job[None]] | None = [] if cluster == "local" else None
        self.folder.mkdir(mode=0o700, parents=True)  # it holds the key
        self._executor = self._executor_of(options)
        try:
            self._start_jobs(self.workers)
        except LrscopeError:
            self.shutdown(cancel_futures=True)
            raise
        for _ in range(self.workers + SPARE):
            threading.Thread(target=self._serve, name="lrscope-worker", daemon=True).start()
        threading.Thread(target=self._replace, name="lrscope-slurm", daemon=True).start()

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``function(*args, **kwargs)`` in a worker."""
        if self._ended.is_set():
            raise RuntimeError("The workers have been ended.")
        future: Future[T] = Future()
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        self._put(_Piece(packed(function, args, kwargs), future))
        return future

    def _executor_of(self, options: Mapping[str, str | bool]) -> "submitit.SlurmExecutor | submitit.LocalExecutor":
        if self._local_jobs is not None:
            local = submitit.LocalExecutor(self.folder)
            local.update_parameters(timeout_min=60 * 24, setup=_setup())
            return local
        executor = submitit.SlurmExecutor(self.folder)
        executor.update_parameters(
            job_name=self._name,
            time=None,  # the partition's, unless it is given; submitit's own would be five minutes
            wckey=None,
            array_parallelism=self.workers,
            signal_delay_s=WARNING_SECONDS,
            stderr_to_stdout=True,
            setup=_setup(),
            additional_parameters=dict(options),
        )
        return executor

    def _start_jobs(self, count: int) -> None:
        """Submit so many workers as one array job."""
        self._fruitless += 1  # until a piece is done
        try:
            jobs = self._executor.submit_array([self._work] * count)
        except (RuntimeError, OSError) as error:  # what submitit raises if sbatch does not take the job
            raise LrscopeError(f"Slurm did not take the jobs: {_reason(str(error))}.") from error
        if self._local_jobs is not None:
            self._local_jobs += jobs

    def _queued(self) -> int:
        """Return how many of the jobs run or wait in the queue."""
        if self._local_jobs is not None:
            return sum(not job.done() for job in self._local_jobs)
        words = ["squeue", "--noheader", "--array", f"--name={self._name}", "--format=%i"]
        listed = subprocess.run(words, capture_output=True, text=True, check=False)
        return len(listed.stdout.split()) if not listed.returncode else self.workers  # it does not answer at the moment

    def _replace(self) -> None:
        """Submit new jobs for workers that have ended, while there are pieces."""
        refused = ""
        while not self._ended.wait(CHECK_SECONDS if self._local_jobs is None else CHECK_SECONDS / 10):
            if not self._unfinished or len(self._connections) >= self.workers:
                continue
            queued = self._queued()
            if queued >= self.workers:
                continue
            if self._fruitless < ATTEMPTS:
                try:
                    self._start_jobs(self.workers - queued)
                    refused = ""
                except LrscopeError as error:  # it is tried again, and then given up
                    refused = f" {error}"
            elif not queued:
                reason = f"All jobs of Slurm ended, or were refused, {ATTEMPTS} times before one of them did anything."
                self._give_up(reason + refused)

    def _give_up(self, reason: str) -> None:
        host, port = self._address
        self._failed = True
        remedy = f"They must reach {host}:{port} (--address), and read and write {self.folder}, where their logs are."
        self._drop_pieces(f"{reason} {remedy}")

    def _put(self, piece: "_Piece") -> None:
        self._pieces.put(piece)
        if self._ended.is_set():  # and perhaps the pieces have been dropped before
            self._drop_pieces(ENDED)

    def _drop_pieces(self, reason: str) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._pieces.get_nowait().fail(reason)

    def _serve(self) -> None:
        """Hand pieces to one worker after the other, each until it ends."""
        while not self._ended.is_set():
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError, AssertionError):  # Python 3.11 asserts what it receives
                continue
            with connection, contextlib.suppress(OSError):
                try:
                    keep_alive(connection)
                    self._connections.add(connection)
                    while (piece := self._next(connection)) is not None and self._done(piece, connection):
                        self._fruitless = 0
                finally:
                    self._connections.discard(connection)

    def _next(self, connection: Connection) -> "_Piece | None":
        """Return the next piece; None if the worker has ended meanwhile, or the engine."""
        while not self._ended.is_set():
            with contextlib.suppress(Empty):
                piece = self._pieces.get(timeout=IDLE_SECONDS)
                if not connection.poll():
                    return piece
                self._put(piece)
            if connection.poll():  # an idle worker sends nothing but the end
                break
        return None

    def _done(self, piece: "_Piece", connection: Connection) -> bool:
        """Have a piece done; return False if the worker ended before that."""
        if not piece.begin():
            return True
        try:
            connection.send_bytes(piece.call)
            reply = connection.recv_bytes()
        except (EOFError, OSError):
            if self._ended.is_set():
                piece.fail(ENDED)
            elif piece.attempts < ATTEMPTS:
                self._put(piece)
            else:
                self._failed = True
                logs = f"The logs of the workers are in {self.folder}."
                piece.fail(f"A piece was given up: its worker ended {ATTEMPTS} times. {logs}")
            return False
        settle(piece.future, reply)
        return True

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: after what was submitted, or, without `wait` or with `cancel_futures`, at once."""
        if self._ended.is_set():
            return
        if wait and not cancel_futures:
            wait_for(list(self._unfinished))
        self._ended.set()
        self._drop_pieces(ENDED)
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                hang_up(connection)
        with contextlib.suppress(OSError):  # none accepts while peers say nothing; the threads are daemons
            for _ in range(self.workers + SPARE):  # threads that wait for a worker
                socket.create_connection(("127.0.0.1", self._address[1]), timeout=1).close()
        self._listener.close()
        if self._local_jobs is None:
            subprocess.run(["scancel", f"--name={self._name}"], capture_output=True, check=False)
        while self._local_jobs and self._queued():  # until they have noticed
            time.sleep(0.05)
        if not self._failed:
            shutil.rmtree(self.folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                self.folder.parent.rmdir()

    def __str__(self) -> str:
        each = ", each with a GPU" if self.device == "cuda" else ""
        return f"Slurm, {self.workers} worker{'s' if self.workers > 1 else ''}{each}"


@dataclass
class _Piece:
    """A function with its arguments, pickled, and the future of what it returns."""

    call: bytes
    future: Future[Any]
    attempts: int = 0

    def begin(self) -> bool:
        """Count an attempt; return False if the piece has been cancelled."""
        if not self.attempts and not self.future.set_running_or_notify_cancel():
            return False
        self.attempts += 1
        return True

    def fail(self, reason: str) -> None:
        """Give the piece up."""
        if self.attempts or self.future.set_running_or_notify_cancel():
            self.future.set_exception(WorkerError(reason))


def _device(device: str, options: Mapping[str, str | bool]) -> str:
    """Return the device of the workers: a GPU is asked for by options such as ``gpus_per_task`` or ``gres=gpu:1``."""
    if device not in ("auto", "cpu", "cuda"):
        raise must_be("device", "auto, cpu or cuda", device)
    gpus = any(name.startswith("gpus") or (name == "gres" and "gpu" in str(value)) for name, value in options.items())
    if device == "cuda" and not gpus:
        raise InputError("The jobs of Slurm must have a GPU if the device is cuda. Ask for it: --slurm gpus-per-node=1")
    return "cuda" if gpus and device != "cpu" else "cpu"


def _setup() -> list[str]:
    """Return what a job does in the shell before its worker starts."""
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    cores = "${SLURM_CPUS_PER_TASK:-1}"
    return [
        f"export PYTHONPATH={shlex.quote(paths)}",  # workers find what can be imported here
        f"export SRUN_CPUS_PER_TASK={cores}",  # since Slurm 22.05 srun does not take it from the job
        f"export OMP_NUM_THREADS=${{OMP_NUM_THREADS:-{cores}}}",
    ]


def _check_parameters(options: Mapping[str, str | bool], workers: int) -> None:
    """Raise an `InputError` if there is no Slurm, or if it does not take so many jobs with these options."""
    for program in ("sbatch", "srun", "squeue"):
        if shutil.which(program) is None:
            remedy = "Run it on a machine from which jobs are submitted, or use --engine local."
            raise InputError(f"The engine slurm needs the programs of Slurm; there is no {program} here. {remedy}")
    for name in _OURS:
        if name in options:
            raise InputError(f"slurm must leave {name.replace('_', '-')} to lrscope, which sets it itself.")
    flags = [_flag(name, value) for name, value in options.items()]
    words = ["sbatch", "--test-only", f"--array=0-{workers - 1}", *flags, "--wrap=true"]
    tried = subprocess.run(words, capture_output=True, text=True, check=False)
    if tried.returncode:
        asked = " ".join([f"{workers} jobs", *flags])
        raise InputError(f"Slurm does not take {asked}: {_reason(tried.stderr)}.")


def _flag(name: str, value: str | bool) -> str:
    option = f"--{name.replace('_', '-')}"
    return option if value is True else f"{option}={value}"


def _reason(stderr: str) -> str:
    """Return what sbatch says ended it, or else the first thing that it says, as part of a sentence."""
    lines = [line.removeprefix("sbatch: ").removeprefix("error: ").strip() for line in stderr.splitlines()]
    fatal = [line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: ")]
    return next((line.rstrip(".") for line in fatal + lines if line), "it does not say why")
