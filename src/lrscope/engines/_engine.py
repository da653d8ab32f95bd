"""The interface of all engines, and the engine without workers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from lrscope.errors import LrscopeError, must_be

P = ParamSpec("P")
T = TypeVar("T")
ATTEMPTS = 4
"""How often a piece is begun whose worker dies."""


class WorkerError(LrscopeError):
    """The worker of a piece died at every attempt, or the engine itself failed."""


class Engine(Executor, ABC):
    """Runs pieces of work: ``submit`` returns a future, ``shutdown`` ends the workers.

    Pieces must be pure functions: if the worker of one dies, the function is called again, up to `ATTEMPTS` times in
    all. An exception of the function itself is not tried again: it is the future's. Functions and arguments travel by
    cloudpickle, so lambdas and functions of a notebook are allowed.

    Attributes
    ----------
    workers : pieces that run at the same time
    device : what the workers have, ``cpu`` or ``cuda``; "" if each must look for itself
    startup_seconds : how long workers still take to be ready; less work than that is not worth starting them
    """

    workers: int = 1
    device: str = ""
    startup_seconds: float = 0.0

    @abstractmethod
    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``function(*args, **kwargs)`` somewhere."""

    @abstractmethod
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: after what was submitted, or, with `cancel_futures`, at once."""

    @abstractmethod
    def __str__(self) -> str:
        """Return what works, in words."""


class InProcess(Engine):
    """Runs each piece in this process, at the time it is submitted."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Return a future that is done."""
        future: Future[T] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Do nothing."""

    def __str__(self) -> str:
        return "this process"


def positive_workers(workers: Any) -> int:
    """Return a number of workers, checked."""
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise must_be("workers", "a positive integer", workers)
    return workers
