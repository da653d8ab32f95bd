"""Pieces one after the other, on all cores of this machine or on its GPU."""

from collections.abc import Callable, Generator, Sequence

import torch

from lrscope.papers.linearity._replication import Replication, cut
from lrscope.papers.linearity._sums import Sums, summed
from lrscope.training import Trainer, device_of

Progress = Callable[[int], None]


class Local:
    """Trains on this machine: on all cores of PyTorch (``OMP_NUM_THREADS``), or on the GPU.

    Parameters
    ----------
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``

    Raises
    ------
    InputError : there is no such device.
    """

    def __init__(self, device: str = "auto") -> None:
        device_of(device)  # refused before anything is written
        self._device = device

    @property
    def workers(self) -> str:
        """What trains, in words."""
        if self._device != "cpu" and torch.cuda.is_available():
            return f"one GPU ({torch.cuda.get_device_name()})"
        cores = torch.get_num_threads()
        return f"{cores} core{'s' if cores > 1 else ''}"

    def sums(
        self, replication: Replication, missing: Sequence[range], progress: Progress
    ) -> Generator[tuple[range, Sums], None, None]:
        """Train what is missing, and yield it piece by piece.

        Parameters
        ----------
        missing : replicates
        progress : called with the trainings that are done in the piece at hand

        Raises
        ------
        InputError : something in the replication does not fit together.
        """
        trainer = Trainer(replication.experiments(range(1))[0], self._device)
        for replicates in missing:
            for piece in cut(replicates, most(replication, trainer)):
                yield piece, summed(replication, piece, trainer, progress)


def most(replication: Replication, trainer: Trainer) -> int:
    """Return how many replicates make a piece: as many as are trained at the same time."""
    members = len(replication.lrs) if replication.pairing == "common" else 1
    return max(1, trainer.at_once // members)
