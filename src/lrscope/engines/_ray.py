"""Pieces as tasks of Ray, on the cores or GPUs of this machine or of a cluster.

A worker takes one core or one GPU, and keeps what it has traced. A piece whose worker dies is begun again by Ray.
"""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayError

from lrscope.engines._calls import packed, reply_to, settle
from lrscope.engines._engine import ATTEMPTS, Engine, P, T, WorkerError, positive_workers
from lrscope.engines._ray_cluster import check_address, join, start
from lrscope.errors import InputError, LrscopeError, must_be


class Ray(Engine):
    """The workers of a Ray: of one that is running, or of one that is started here and ended with the engine.

    A Ray that this process has already joined (``ray.init``) is used, and left running.

    Parameters
    ----------
    address : of a running Ray of which this machine is a node, ``host:port`` or ``auto``; without one a Ray is started
        on this machine
    workers : at most so many; by default one a GPU, or one a core where there is no GPU
    device : ``auto`` (GPUs if the Ray has any), ``cpu`` or ``cuda``

    Raises
    ------
    InputError : no Ray answers at the address, it has no such device, or `workers` is no positive integer.
    LrscopeError : Ray cannot be started or joined.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, device: str = "auto") -> None:
        if workers is not None:
            positive_workers(workers)
        if device not in ("auto", "cpu", "cuda"):
            raise must_be("device", "auto, cpu or cuda", device)
        self._ours = not ray.is_initialized()
        if self._ours and address is not None:
            check_address(address)
            join(address)
        elif self._ours:
            start(workers)
        try:
            self.device = _device(device)
            there = int(ray.cluster_resources().get("GPU" if self.device == "cuda" else "CPU", 0))
            if not there:
                raise LrscopeError("The Ray has neither cores nor GPUs. Start it with: ray start --num-cpus N")
        except LrscopeError:
            self._disconnect()
            raise
        self.workers = min(there, workers or there)
        options = {"num_cpus": 1, "num_gpus": int(self.device == "cuda"), "max_retries": ATTEMPTS - 1}
        self._call = ray.remote(_work).options(**options)
        self._running: dict[Any, Future[Any]] = {}
        self._lock = threading.Lock()

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``function(*args, **kwargs)`` in a task."""
        future: Future[T] = Future()
        # Bytes arrive as arrays that can be written; those of Ray's own store cannot.
        reference = self._call.remote(packed(function, args, kwargs))
        with self._lock:
            self._running[reference] = future
        reference.future().add_done_callback(lambda done: self._ended(reference, done))
        return future

    def _ended(self, reference: Any, done: Future[bytes]) -> None:
        """Hand over what a task returned or raised."""
        with self._lock:
            future = self._running.pop(reference, None)
        if future is None or future.cancelled():
            return
        error = done.exception()
        if error is None:
            settle(future, done.result())
        else:
            if isinstance(error, RayError):
                reason = str(error).strip().partition("\n")[0]
                error = WorkerError(f"A piece was given up after {ATTEMPTS} attempts: {reason}")
            future.set_exception(error)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Give the workers back: after what was submitted, or, with `cancel_futures`, at once."""
        with self._lock:
            running = dict(self._running)
            if cancel_futures:
                self._running.clear()
        if cancel_futures:
            for reference, future in running.items():
                ray.cancel(reference, force=True)
                with suppress(InvalidStateError):  # it was cancelled
                    future.set_exception(WorkerError("The workers were ended before this piece was done."))
        elif wait:
            for future in running.values():
                future.exception()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._ours and ray.is_initialized():
            ray.shutdown()

    def __str__(self) -> str:
        what = "GPU" if self.device == "cuda" else "core"
        return f"Ray, {self.workers} worker{'s' if self.workers > 1 else ''} of one {what}"


def _work(call: bytes) -> bytes:
    """Reply to a call, in a worker."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # it dies of it; Ray would let the function end with an error
    return reply_to(call)


def _device(device: str) -> str:
    gpus = int(ray.cluster_resources().get("GPU", 0))
    if device == "cuda" and not gpus:
        raise InputError("The Ray has no GPU, so the device cannot be cuda. Use auto or cpu.")
    return "cuda" if device != "cpu" and gpus else "cpu"
