"""Statistics of activations over the samples of several processes, put together from those of each."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from lrscope.records import Variable

STATISTICS = ("mean", "std", "min", "max", "active")
"""Those that follow from the statistics and the number of samples of each process."""


class Pooling:
    """The statistics of layers, side by side in one tensor, so that processes exchange them at once.

    Layers are in the order of their names: processes may call them in other orders.

    Parameters
    ----------
    labels : of the statistics
    neurons : of each layer
    """

    def __init__(self, labels: Iterable[Variable], neurons: Mapping[str, int]) -> None:
        self._names = {(label.layer, label.statistic): label.name for label in labels}
        self._neurons = {layer: neurons[layer] for layer in sorted({layer for layer, _ in self._names})}

    @property
    def digest(self) -> int:
        """A number that processes share if they put the same statistics together."""
        text = json.dumps(self._neurons).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big")

    @property
    def shape(self) -> tuple[int, int]:
        return 1 + len(STATISTICS), sum(self._neurons.values())

    def packed(self, values: Mapping[str, Tensor], counts: Mapping[str, int]) -> Tensor:
        """Return (number of samples and statistics, neuron of all layers) of one process."""
        pieces = []
        for layer, neurons in self._neurons.items():
            own = torch.stack([values[self._names[layer, statistic]] for statistic in STATISTICS]).double()
            pieces.append(torch.cat([own.new_full((1, neurons), counts[layer]), own]))
        return torch.cat(pieces, 1)

    def unpacked(self, pooled: Tensor) -> dict[str, Tensor]:
        """Return the statistics (neuron) by name of what `pool` returns."""
        pieces = pooled.split(list(self._neurons.values()), 1)
        return {
            self._names[layer, statistic]: values
            for layer, piece in zip(self._neurons, pieces, strict=True)
            for statistic, values in zip(STATISTICS, piece, strict=True)
        }


def pool(parts: Sequence[Tensor]) -> Tensor:
    """Return the statistics over the samples of all parts, from `Pooling.packed` of each.

    A part without samples counts for nothing; of one that is NaN everything is.
    """
    counts, mean, std, smallest, largest, active = torch.stack(list(parts), 1)
    absent, total = counts == 0, counts.sum(0)

    def average(values: Tensor) -> Tensor:
        return torch.where(absent, 0.0, counts / total * values).sum(0)

    center = average(mean)
    pooled = [
        center,
        average(std.square() + (mean - center).square()).sqrt(),
        torch.where(absent, math.inf, smallest).amin(0),
        torch.where(absent, -math.inf, largest).amax(0),
        average(active),
    ]
    return torch.where(total > 0, torch.stack(pooled), math.nan)
