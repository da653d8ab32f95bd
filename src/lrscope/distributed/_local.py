"""Pieces one after the other, on all cores of this machine or on its GPU."""

from collections.abc import Callable, Iterator, Sequence

from lrscope.distributed._replication import Replication, cut
from lrscope.distributed._sums import Sums, summed
from lrscope.training import Trainer

Progress = Callable[[int], None]


class Local:
    """Trains on this machine."""

    def __init__(self, device: str = "auto") -> None:
        self._device = device

    def sums(
        self, replication: Replication, missing: Sequence[range], progress: Progress
    ) -> Iterator[tuple[range, Sums]]:
        """Train what is missing, and yield it piece by piece.

        Parameters
        ----------
        missing : replicates
        progress : called with the trainings that are done in the piece at hand
        """
        trainer = Trainer(replication.experiments(range(1))[0], self._device)
        for replicates in missing:
            for piece in cut(replicates, most(replication, trainer)):
                yield piece, summed(replication, piece, trainer, progress)


def most(replication: Replication, trainer: Trainer) -> int:
    """Return how many replicates make a piece: as many as are trained at the same time."""
    members = len(replication.lrs) if replication.pairing == "common" else 1
    return max(1, trainer.at_once // members)
