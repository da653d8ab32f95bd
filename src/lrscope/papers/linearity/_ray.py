"""Pieces as tasks of Ray, on the cores or GPUs of this machine or of a cluster.

The replication goes to the workers once. A worker keeps what it has traced, and takes one core or one GPU; a piece
whose worker dies is trained again by another. Nothing of a piece comes back but its sums.
"""

import math
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add
from typing import Any

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from lrscope.errors import InputError, LrscopeError, must_be
from lrscope.papers.linearity._local import Progress, most
from lrscope.papers.linearity._ray_cluster import connected, gpus_at
from lrscope.papers.linearity._replication import Replication, cut
from lrscope.papers.linearity._sums import NOTHING, SECONDS, Sums, summed
from lrscope.training import Trainer, device_of

RETRIES = 3
"""How often a piece is begun again whose worker died."""
WAITING = 2
"""Pieces a worker has in hand or waiting, so that it is never idle and results do not pile up."""
PIECE_SECONDS = 5.0
"""How long a piece should take: what is lost with a worker, and the pause between signs of life."""
SHARES = 4
"""Pieces for each worker at least, where there is so much to do, so that none is idle for long in the end."""


class Ray:
    """Trains on the workers of a Ray: of one that runs somewhere, or of one that is started here and ended behind.

    A Ray that this process has already joined (``ray.init``) is used, and left running.

    Parameters
    ----------
    address : of a running Ray of which this machine is a node, ``host:port`` or ``auto``; without one a Ray is started
        on this machine
    cores : of this machine, for a Ray that is started; all of them by default. Of a running Ray: workers at most
    device : ``auto`` (GPUs if the Ray has any), ``cpu`` or ``cuda``

    Attributes
    ----------
    workers : how many trained, in words; known when training has begun

    Raises
    ------
    InputError : no Ray answers at the address, or it has no such device; later, whatever the replication is refused
        for.
    """

    def __init__(self, address: str | None = None, cores: int | None = None, device: str = "auto") -> None:
        if cores is not None and (isinstance(cores, bool) or cores < 1):
            raise must_be("cores", "a positive integer", cores)
        _check_device(device, address)
        self._address = address
        self._cores = cores
        self._device = device
        self.workers = "Ray"

    def sums(
        self, replication: Replication, missing: Sequence[range], progress: Progress
    ) -> Generator[tuple[range, Sums], None, None]:
        """Train what is missing, and yield it piece by piece, as the pieces come; `progress` is not called.

        Raises
        ------
        LrscopeError : the workers of a piece died again and again, or Ray itself.
        """
        del progress  # pieces are short, and what a worker has in hand is known to it only
        with connected(self._address, self._cores):
            crew = _crew(self._cores, self._device)
            self.workers = str(crew)
            pieces = _Pieces(replication, missing, crew)
            try:
                yield from pieces.arriving()
            finally:
                pieces.cancel()


@dataclass(frozen=True)
class _Crew:
    """The workers that a Ray has for us."""

    size: int
    device: str

    def __str__(self) -> str:
        what = "GPU" if self.device == "cuda" else "core"
        return f"Ray, {self.size} worker{'s' if self.size > 1 else ''} of one {what}"

    @property
    def options(self) -> dict[str, Any]:
        """What a task asks Ray for."""
        return {"num_cpus": 1, "num_gpus": int(self.device == "cuda"), "max_retries": RETRIES}


def _check_device(device: str, address: str | None) -> None:
    """Check that a Ray answers, if one should, and that it has what is asked for."""
    if ray.is_initialized():
        gpus = int(ray.cluster_resources().get("GPU", 0))
    elif address is not None:
        gpus = gpus_at(address)
    else:  # one that is started here
        device_of(device)
        return
    if device != "cuda":
        device_of(device)
    elif not gpus:
        raise _no_gpu()


def _no_gpu() -> InputError:
    return must_be("device", "a device of the Ray", "cuda", "It has no GPU: use auto or cpu.")


def _crew(cores: int | None, device: str) -> _Crew:
    there = {name: int(ray.cluster_resources().get(name, 0)) for name in ("GPU", "CPU")}
    if device == "cuda" and not there["GPU"]:
        raise _no_gpu()
    found = "cuda" if device != "cpu" and there["GPU"] else "cpu"
    size = there["GPU" if found == "cuda" else "CPU"]
    if not size:
        raise LrscopeError("The Ray at hand has neither cores nor GPUs: start it with ray start --num-cpus N.")
    return _Crew(min(size, cores or size), found)


class _Pieces:
    """What is trained, what waits, and what comes back.

    Workers are given units: as many replicates as a worker trains at the same time. A piece is some units; how many is
    learned from the time that the pieces before took.
    """

    def __init__(self, replication: Replication, missing: Sequence[range], crew: _Crew) -> None:
        self._crew = crew
        self._left = deque(missing)
        self._blob = ray.put(ray.cloudpickle.dumps(replication))
        self._in_flight: dict[Any, range] = {}
        self._seconds_each = math.inf

    def arriving(self) -> Iterator[tuple[range, Sums]]:
        """Yield the pieces as they come."""
        unit = _answer(_at_once.options(**self._crew.options).remote(self._blob, self._crew.device), "The first piece")
        while self._fill(unit):
            [ready], _ = ray.wait(list(self._in_flight), num_returns=1)
            piece = self._in_flight.pop(ready)
            sums = _answer(ready, f"The piece of replicates {piece.start} to {piece.stop - 1}")
            del ready
            self._seconds_each = sum(float(values[SECONDS].sum()) for values in sums.batches.values()) / len(piece)
            yield piece, _copied(sums)

    def cancel(self) -> None:
        """Give up what is in flight."""
        for reference in self._in_flight:
            ray.cancel(reference, force=True)

    def _fill(self, most: int) -> bool:
        """Give every worker something to do; tell whether anything is in flight."""
        while self._left and len(self._in_flight) < WAITING * self._crew.size:
            replicates = self._left.popleft()
            unit = len(next(cut(replicates, most)))
            stop = min(replicates.stop, replicates.start + unit * self._units(unit))
            if stop < replicates.stop:
                self._left.appendleft(range(stop, replicates.stop))
            piece = range(replicates.start, stop)
            task = _trained.options(**self._crew.options)
            self._in_flight[task.remote(self._blob, self._crew.device, piece, unit)] = piece
        return bool(self._in_flight)

    def _units(self, unit: int) -> int:
        """Return how many units make the next piece."""
        share = sum(map(len, self._left)) // (unit * self._crew.size * SHARES)
        return max(1, min(share, int(PIECE_SECONDS / (self._seconds_each * unit))))


@ray.remote
def _at_once(blob: bytes, device: str) -> int:
    """Return how many replicates a worker trains at the same time."""
    return most(*_loaded(blob, device))


@ray.remote
def _trained(blob: bytes, device: str, replicates: range, unit: int) -> Sums:
    """Train some replicates, so many at a time, and return their sums."""
    replication, trainer = _loaded(blob, device)
    return reduce(add, (summed(replication, piece, trainer) for piece in cut(replicates, unit)), NOTHING)


@lru_cache(maxsize=1)
def _loaded(blob: bytes, device: str) -> tuple[Replication, Trainer]:
    """Return the replication, and the trainer of this worker with everything that it has traced."""
    torch.set_num_threads(1)
    replication: Replication = ray.cloudpickle.loads(blob)
    return replication, Trainer(replication.experiments(range(1))[0], device)


def _answer(reference: Any, what: str) -> Any:
    """Return what a task returned, or raise what it raised.

    Parameters
    ----------
    what : it is, for the error
    """
    try:
        return ray.get(reference)
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, LrscopeError):
            raise cause from None
        raise cause from error
    except RayError as error:
        said = str(error).strip().partition("\n")[0]
        remedy = "The pieces that are done are kept where a folder was given: go on with --resume."
        raise LrscopeError(f"{what} was not trained, in {1 + RETRIES} attempts: {said} {remedy}") from error


def _copied(sums: Sums) -> Sums:
    """Return the sums in memory of our own, so that Ray can forget those that came."""
    return Sums(
        {batch: {name: array.copy() for name, array in values.items()} for batch, values in sums.batches.items()}
    )
