"""Statistics of the layers' outputs over the samples, as `lrscope.probes.Activations` defines them, in fewer passes.

A recorder pays them at every step of somebody's loop. Large outputs are reduced while they are still in the cache, and
without bringing the neurons to the end first; small ones wait for each other and are reduced as one, since each
operation costs more than what it does. What is counted or compared is the same number as the probe's; sums are added in
another order, so mean and deviation agree up to rounding.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from lrscope.probes import Layer

NAMES = ("mean", "std", "min", "max", "active")
"""The statistics, in the order in which they are written."""
_SMALL = 2**16
"""Outputs (sample, neuron) of up to so many elements wait for each other."""
_AT_ONCE = 2**18
"""Elements of samples that are reduced at a time, so that they stay in the cache."""


class Columns:
    """Statistics of the columns of matrices (sample, neuron), in memory that is there already."""

    def __init__(self) -> None:
        self._room = torch.empty(0)

    def take(self, outputs: Tensor, into: Sequence[Tensor]) -> None:
        """Write the statistics over the samples into vectors (neuron), in the order of `NAMES`."""
        mean, std, least, most, active = into
        room = self._room = _like(self._room, outputs)
        torch.mean(outputs, 0, out=mean)
        torch.amin(outputs, 0, out=least)
        torch.amax(outputs, 0, out=most)
        torch.sub(outputs, mean, out=room)
        torch.mean(room.mul_(room), 0, out=std)
        std.sqrt_()
        torch.gt(outputs, 0, out=room)
        torch.mean(room, 0, out=active)


class Positions:
    """Statistics of outputs (sample, neuron, position): of each sample first, some samples at a time."""

    def __init__(self) -> None:
        self._room = torch.empty(0)
        self._of_samples = torch.empty(0)

    def take(self, outputs: Tensor, into: Sequence[Tensor]) -> None:
        """Write the statistics over samples and positions into vectors (neuron), in the order of `NAMES`."""
        samples, neurons, positions = outputs.shape
        some = max(1, _AT_ONCE // (neurons * positions))
        self._room = _like(self._room, outputs[:some])
        self._of_samples = _like(self._of_samples, outputs.new_empty((len(NAMES), samples, neurons)))
        for start in range(0, samples, some):
            self._take_some(outputs[start : start + some], self._of_samples[:, start : start + some])
        self._join(positions, into)

    def _take_some(self, outputs: Tensor, into: Tensor) -> None:
        mean, length, least, most, active = into.unbind()
        room = self._room[: len(outputs)]
        torch.mean(outputs, 2, out=mean)
        torch.amin(outputs, 2, out=least)
        torch.amax(outputs, 2, out=most)
        torch.sub(outputs, mean[:, :, None], out=room)
        torch.linalg.vector_norm(room, dim=2, out=length)
        torch.gt(outputs, 0, out=room)
        torch.mean(room, 2, out=active)

    def _join(self, positions: int, into: Sequence[Tensor]) -> None:
        """Join the samples: the variance is the mean of theirs, and the variance of their means."""
        means, lengths, least, most, active = self._of_samples.unbind()
        mean, std = into[:2]
        torch.mean(means, 0, out=mean)
        within = lengths.square_().mean(0).div_(positions)
        torch.add(within, means.sub_(mean).square_().mean(0), out=std)
        std.sqrt_()
        torch.amin(least, 0, out=into[2])
        torch.amax(most, 0, out=into[3])
        torch.mean(active, 0, out=into[4])


def _like(room: Tensor, wanted: Tensor) -> Tensor:
    if room.shape == wanted.shape and room.dtype == wanted.dtype and room.device == wanted.device:
        return room
    return torch.empty_like(wanted, memory_format=torch.contiguous_format)


class Statistics:
    """The statistics of the outputs of one pass.

    Parameters
    ----------
    layers : those that are recorded
    dtype : in which to compute
    """

    def __init__(self, layers: Sequence[Layer], dtype: torch.dtype) -> None:
        self._layers = {layer.path: layer for layer in layers}
        self._flat = [layer.path for layer in layers if len(layer.shape) == 1]
        self._dtype = dtype
        self._waiting: dict[str, tuple[Tensor, int]] = {}
        self._written_over: set[str] = set()
        self._columns = {path: Columns() for path in self._layers}
        self._positions = {path: Positions() for path in self._layers}
        self._whole = Columns()
        self._joined = torch.empty(0, dtype=dtype)
        self.heard: set[str] = set()

    def hear(self, path: str, output: Tensor, into: Sequence[Tensor]) -> None:
        """Take an output (sample, ...) that the next module may write over."""
        if output.ndim == 2 and output.numel() <= _SMALL:
            kept = output.detach()
            if path in self._written_over:
                kept = kept.clone()
            self._waiting[path] = kept, kept._version
        elif output.ndim != len(self._layers[path].shape) + 1:
            return
        else:
            with torch.no_grad():
                self._take(path, output, into)
        self.heard.add(path)

    def finish(self, views: Mapping[str, Sequence[Tensor]], whole: Sequence[Tensor]) -> None:
        """Write the statistics of the outputs that are waiting; of layers that were not heard they are missing.

        Parameters
        ----------
        views : path -> five vectors (neuron)
        whole : five vectors (neuron) of all flat layers together
        """
        if len(self.heard) < len(self._layers):
            _miss(views[path] for path in self._layers.keys() - self.heard)
        outputs = {path: output for path, (output, version) in self._waiting.items() if output._version == version}
        together = bool(whole) and len(outputs) == len(self._flat)
        if together and len({(len(one), one.dtype) for one in outputs.values()}) == 1:
            self._take_whole([outputs[path] for path in self._flat], whole)
        else:
            for path, output in outputs.items():
                self._take(path, output, views[path])
        if len(outputs) < len(self._waiting):
            late = self._waiting.keys() - outputs.keys()
            self._written_over |= late  # copied from now on, and left out this once
            _miss(views[path] for path in late)
        self._waiting.clear()
        self.heard.clear()

    def _take(self, path: str, output: Tensor, into: Sequence[Tensor]) -> None:
        layer, exact = self._layers[path], output.detach().to(self._dtype)
        if exact.ndim > 2 and layer.channels_first:
            self._positions[path].take(exact.flatten(2), into)
        else:
            self._columns[path].take(exact.reshape(-1, exact.shape[-1]), into)

    def _take_whole(self, outputs: list[Tensor], into: Sequence[Tensor]) -> None:
        """Reduce all flat layers as one (sample, neuron): on a CPU in one thread, there is too little for two."""
        shape = (len(outputs[0]), len(into[0]))
        if self._joined.shape != shape:
            self._joined = torch.empty(shape, dtype=self._dtype, device=outputs[0].device)
        with _alone(outputs[0].device):
            torch.cat(outputs, 1, out=self._joined)
            self._whole.take(self._joined, into)


def _miss(views: Iterable[Sequence[Tensor]]) -> None:
    for view in (view for of_layer in views for view in of_layer):
        view.fill_(torch.nan)


@contextmanager
def _alone(device: torch.device) -> Iterator[None]:
    """Let operations use one thread: where another program has the other core, two wait for each other for long."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
