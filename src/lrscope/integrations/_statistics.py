"""Statistics of the layers' outputs over the samples, as `lrscope.probes.Activations` defines them, in fewer passes.

A recorder pays them at every step of somebody's loop. Large outputs are reduced while they are still in the cache, and
without bringing the neurons to the end first; small ones wait for each other and are reduced as one, since each
operation costs more than what it does. What is counted or compared is the same number as the probe's; sums are added in
another order, so mean and deviation agree up to rounding.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from lrscope.probes import Layer

NAMES = ("mean", "std", "min", "max", "active")
"""The statistics, in the order in which they are written."""
_SMALL = 2**16
"""Outputs of up to so many elements wait for each other."""


class Reducer:
    """Takes the statistics of outputs, in memory that is there already."""

    def __init__(self) -> None:
        self._room = torch.empty(0)

    def take(self, outputs: Tensor, dims: tuple[int, ...], into: Sequence[Tensor]) -> None:
        """Write the statistics over some dimensions into vectors (neuron), in the order of `NAMES`.

        Parameters
        ----------
        outputs : (sample, neuron) or (sample, neuron, position)
        """
        mean, std, least, most, active = into
        room = self._like(outputs)
        torch.mean(outputs, dims, out=mean)
        torch.amin(outputs, dims, out=least)
        torch.amax(outputs, dims, out=most)
        torch.sub(outputs, mean if len(dims) == 1 else mean[:, None], out=room)
        torch.mean(room.mul_(room), dims, out=std)
        std.sqrt_()
        torch.gt(outputs, 0, out=room)
        torch.mean(room, dims, out=active)

    def _like(self, outputs: Tensor) -> Tensor:
        same = self._room.shape == outputs.shape and self._room.dtype == outputs.dtype
        if not same or self._room.device != outputs.device:
            self._room = torch.empty_like(outputs, memory_format=torch.contiguous_format)
        return self._room


@dataclass(frozen=True)
class _Waiting:
    """An output, how often it had been written to when it was heard, and a copy if it will be written over."""

    output: Tensor
    version: int

    @property
    def overwritten(self) -> bool:
        return self.output._version != self.version


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
        self._waiting: dict[str, _Waiting] = {}
        self._written_over: set[str] = set()
        self._reducers = {path: Reducer() for path in self._layers}
        self._whole = Reducer()
        self._joined = torch.empty(0, dtype=dtype)
        self.heard: set[str] = set()

    def hear(self, path: str, output: Tensor, into: Sequence[Tensor]) -> None:
        """Take an output (sample, ...) that the next module may write over."""
        layer = self._layers.get(path)
        if layer is None or output.ndim != len(layer.shape) + 1:
            return
        self.heard.add(path)
        if output.ndim == 2 and output.numel() <= _SMALL:
            kept = output.detach()
            kept = kept.clone() if path in self._written_over else kept
            self._waiting[path] = _Waiting(kept, kept._version)
        else:
            self._take(path, output, into)

    def finish(self, views: Mapping[str, Sequence[Tensor]], whole: Sequence[Tensor]) -> None:
        """Write the statistics of the outputs that are waiting; of layers that were not heard they are missing.

        Parameters
        ----------
        views : path -> five vectors (neuron)
        whole : five vectors (neuron) of all flat layers together
        """
        for path in self._layers.keys() - self.heard:
            for view in views[path]:
                view.fill_(torch.nan)
        outputs = {path: waiting.output for path, waiting in self._waiting.items() if not waiting.overwritten}
        together = bool(whole) and len(outputs) == len(self._flat)
        if together and len({(len(one), one.dtype) for one in outputs.values()}) == 1:
            self._take_whole([outputs[path] for path in self._flat], whole)
        else:
            for path, output in outputs.items():
                self._take(path, output, views[path])
        self._miss(views, outputs)
        self._waiting.clear()
        self.heard.clear()

    def _miss(self, views: Mapping[str, Sequence[Tensor]], found: Mapping[str, Tensor]) -> None:
        """Copy from now on what was written over, and leave it out this once."""
        if len(found) < len(self._waiting):
            late = self._waiting.keys() - found.keys()
            self._written_over |= late
            for view in (view for path in late for view in views[path]):
                view.fill_(torch.nan)

    def _take(self, path: str, output: Tensor, into: Sequence[Tensor]) -> None:
        layer, exact = self._layers[path], output.detach().to(self._dtype)
        reducer = self._reducers[path]
        if exact.ndim > 2 and layer.channels_first:
            reducer.take(exact.flatten(2), (0, 2), into)
        else:
            reducer.take(exact.reshape(-1, exact.shape[-1]), (0,), into)

    def _take_whole(self, outputs: list[Tensor], into: Sequence[Tensor]) -> None:
        """Reduce all flat layers as one (sample, neuron): on a CPU in one thread, there is too little for two."""
        shape = (len(outputs[0]), len(into[0]))
        if self._joined.shape != shape:
            self._joined = torch.empty(shape, dtype=self._dtype, device=outputs[0].device)
        with _alone(outputs[0].device):
            torch.cat(outputs, 1, out=self._joined)
            self._whole.take(self._joined, (0,), into)


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
