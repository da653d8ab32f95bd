"""A call as bytes for a worker, its reply as bytes for the run, and many calls a few at a time."""

import contextlib
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

import cloudpickle

from lrscope.engines._engine import Engine, T, WorkerError

K = TypeVar("K")
ASKED = threading.Event()
"""Set in a worker that was asked to end: the piece in hand is its last."""


def asked_to_end() -> bool:
    """Tell whether this process is a worker that was asked to end. A piece that ends for it raises a `WorkerError`."""
    return ASKED.is_set()


def packed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """Return a call as bytes; lambdas and functions of a notebook are taken along."""
    call: bytes = cloudpickle.dumps((function, args, kwargs))
    return call


def reply_to(call: bytes) -> bytes:
    """Call a packed function, and return whether it returned, and what it returned or raised.

    Raises
    ------
    WorkerError : this worker ends before the piece is done, which is another's then.
    """
    try:
        function, args, kwargs = pickle.loads(call)
        reply: bytes = cloudpickle.dumps((True, function(*args, **kwargs)))
    except WorkerError:
        raise
    except (Exception, SystemExit) as error:
        reply = _raised(error)
    return reply


def _raised(error: BaseException) -> bytes:
    """Return an error as a reply; as its text if it cannot be pickled, or would end the run without a word."""
    reply: bytes = cloudpickle.dumps((False, RuntimeError(repr(error))))
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):
            reply = cloudpickle.dumps((False, error))
    return reply


def result_of(reply: bytes) -> Any:
    """Return what a function returned, or raise what it raised."""
    returned, value = pickle.loads(reply)
    if not returned:
        raise value
    return value


def settle(future: Future[Any], reply: bytes) -> None:
    """Give a future what its function returned or raised."""
    try:
        value = result_of(reply)
    except Exception as error:  # what the function raised, or of a class that this process cannot make
        future.set_exception(error)
    else:
        future.set_result(value)


def completed(
    engine: Engine,
    function: Callable[..., T],
    calls: Iterable[tuple[K, tuple[Any, ...]]],
    stopping: Callable[[], bool],
    look: float | None = None,
) -> Iterator[tuple[K, T]]:
    """Yield key and result of each call as it ends.

    A call is taken from `calls` when a worker will need it, so that it may depend on the results before.

    Parameters
    ----------
    calls : keys, each with the arguments of a call
    stopping : whether to begin no more calls; those that run are waited for
    look : seconds after which `stopping` is asked again; those that run are then left to the engine's ``shutdown``
    """
    # One more call than workers, so that none waits for the driver; in this process none is begun in advance.
    most = engine.workers + (engine.workers > 1)
    remaining, running = iter(calls), dict[Future[T], K]()
    try:
        while True:
            while len(running) < most and not stopping() and (call := next(remaining, None)) is not None:
                running[engine.submit(function, *call[1])] = call[0]
            if stopping():
                running = {future: key for future, key in running.items() if not future.cancel()}
            if not running or (look is not None and stopping()):
                return
            for future in wait(running, look, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()
