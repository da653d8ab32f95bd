"""From a replication to its records: trained piece by piece, summed, and handed out as one block."""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
import xarray as xr

from lrscope import records
from lrscope.papers.linearity._block import block_of
from lrscope.papers.linearity._local import Local
from lrscope.papers.linearity._pieces import Pieces
from lrscope.papers.linearity._replication import Replication
from lrscope.papers.linearity._sums import NOTHING, Sums


class Engine(Protocol):
    """What trains pieces of replicates, somewhere."""

    @property
    def workers(self) -> str:
        """What trains, in words: how many workers, and of what size."""
        ...

    def sums(
        self, replication: Replication, missing: Sequence[range], progress: Callable[[int], None]
    ) -> Generator[tuple[range, Sums], None, None]:
        """Train what is missing and yield it piece by piece, in any order; once it is closed, nothing trains on.

        Parameters
        ----------
        progress : called, while a piece is trained, with the trainings of it that are done so far; where nobody can
            know, never
        """
        ...


def replicate(
    replication: Replication,
    *,
    engine: Engine | None = None,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Train a replication, and return the sums over its replicates, batch by batch.

    Parameters
    ----------
    engine : where to train; on this machine by default
    folder : keeps the sums of each piece, so that a run that was killed goes on behind the pieces that are done
    progress : called with the trainings that are done, and of all

    Returns
    -------
    records : Dataset (lr, batch, step, ...), see docs/file-format.md; it does not grow with the replicates

    Raises
    ------
    InputError : something in the replication does not fit together, or the folder holds pieces of another one.
    """
    return records.on_grid(records.concatenate(Replicating(replication, engine or Local(), folder, progress)))


class Replicating(Iterator[xr.Dataset]):
    """The training of a replication, as an iterator of one block (member, step, ...), like a `Stream`.

    Parameters
    ----------
    replication, engine, folder, progress : as `replicate`
    """

    def __init__(
        self,
        replication: Replication,
        engine: Engine,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.replication = replication
        self.total = len(replication)
        self._engine = engine
        self._folder = folder
        self._progress = progress or (lambda _done, _total: None)
        self._pieces = Pieces(folder, replication) if folder else None
        self._sums = self._pieces.sums() if self._pieces else NOTHING
        self._stopping = threading.Event()
        self._blocks = self._all_blocks()
        self.finished = False

    @property
    def done(self) -> int:
        """Trainings that are done; of ``total``."""
        return len(self.replication.lrs) * self._sums.replicates

    @property
    def workers(self) -> str:
        """What trains, in words: ``2 cores``, or ``Ray, 8 workers of one GPU``."""
        return self._engine.workers

    @property
    def state(self) -> dict[str, np.ndarray]:
        """Nothing: what goes on is in the pieces."""
        return {}

    def stop(self) -> None:
        """Ask the training to end behind the piece in hand; what is done can be gone on with, if there is a folder."""
        self._stopping.set()

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _all_blocks(self) -> Iterator[xr.Dataset]:
        missing = self._pieces.missing if self._pieces else [range(self.replication.replicates)]
        if missing:
            self._train(missing)
        if self.done == self.total:
            yield block_of(self.replication, self._sums)
            self.finished = True

    def _train(self, missing: Sequence[range]) -> None:
        """Take what the engine trains until it ends, or is asked to."""
        with closing(self._engine.sums(self.replication, missing, self._tell)) as arriving:
            for replicates, sums in arriving:
                self._sums += sums
                if self._pieces:
                    self._pieces.keep(replicates, sums)
                self._tell(0)
                if self._stopping.is_set():
                    return

    def _tell(self, trainings: int) -> None:
        self._progress(self.done + trainings, self.total)
