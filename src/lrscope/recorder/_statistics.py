"""Statistics of the layers' outputs over the samples, as `lrscope.probes.Activations` defines them, in fewer passes.

A recorder pays them at every step of somebody's loop. So they are taken as soon as an output is there, while it is in
the cache, and without bringing the neurons of a convolution to the end first: on a CPU in one compiled loop, elsewhere
and without a compiler by operations of PyTorch. What is counted or compared is the same number as the probe's; sums are
added in another order, so mean and deviation agree up to rounding.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from lrscope.probes import Layer
from lrscope.recorder._kernel import kernel_for

NAMES = ("mean", "std", "min", "max", "active")
"""The statistics, in the order in which they are written."""
_AT_ONCE = 2**17
"""Elements of samples that are reduced at a time, so that they stay in the cache."""
_SHAPES = 64
"""So many shapes of outputs have memory at a time."""
_FOR_ONE = 2**22
"""Outputs of up to so many elements are reduced by one thread."""
_ONE_BY_ONE = 2048
"""So many samples may be summed one behind the other; of more, single precision would lose digits."""
_FAR = 64.0
"""Where the mean square is so many times the variance, the squares are not enough: they would cancel."""


class Into:
    """Where the statistics of a layer go.

    Parameters
    ----------
    row : vector of the statistics, each (neuron), in the order of `NAMES`
    """

    def __init__(self, row: Tensor) -> None:
        self.row = row
        self.neurons = neurons = len(row) // len(NAMES)
        self.mean, self.square, self.least, self.most, self.active = row.split(neurons)
        self.mean_and_square = row[: 2 * neurons]
        self.address = row.data_ptr()

    def finish(self) -> None:
        """Make deviations of their squares."""
        self.square.clamp_min_(0).sqrt_()


class Columns:
    """Statistics of the columns of matrices (sample, neuron), in memory that all of them use in turn."""

    def __init__(self) -> None:
        self._rooms: dict[object, tuple[Tensor, Tensor]] = {}

    def take(self, outputs: Tensor, into: Into) -> None:
        """Write the statistics over the samples."""
        room, ones = self._room_for(outputs)
        torch.amin(outputs, 0, out=into.least)
        torch.amax(outputs, 0, out=into.most)
        if len(outputs) <= _ONE_BY_ONE:
            torch.cat(torch.batch_norm_update_stats(outputs, None, None, 0.0), out=into.mean_and_square)
            torch.gt(outputs, 0, out=room)
            torch.addmv(into.active, room.t(), ones, beta=0, alpha=1 / len(outputs), out=into.active)
        else:
            torch.mean(outputs, 0, out=into.mean)
            torch.mean(torch.sub(outputs, into.mean, out=room).square_(), 0, out=into.square)
            torch.mean(torch.gt(outputs, 0, out=room), 0, out=into.active)

    def _room_for(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return memory like the outputs, the last that was used if possible, and a one for each sample."""
        key = outputs.shape, outputs.device
        if key not in self._rooms:
            if len(self._rooms) > _SHAPES:
                self._rooms.clear()
            whole = max((room for room, _ in self._rooms.values()), key=Tensor.numel, default=outputs.new_empty(0))
            if whole.numel() < outputs.numel() or whole.device != outputs.device:
                whole = torch.empty_like(outputs, memory_format=torch.contiguous_format)
            room = whole.view(-1)[: outputs.numel()].view(outputs.shape)
            self._rooms[key] = room, outputs.new_ones(len(outputs))
        return self._rooms[key]


class Positions:
    """Statistics of outputs (sample, neuron, position): of each sample first, some samples at a time."""

    def __init__(self) -> None:
        self._room = torch.empty(0)
        self._of_samples = torch.empty(0)

    def take(self, outputs: Tensor, into: Into) -> None:
        """Write the statistics over samples and positions."""
        samples, neurons, positions = outputs.shape
        some = max(1, min(samples, _AT_ONCE // max(1, neurons * positions)))
        if self._of_samples.shape[1:] != (samples, neurons) or self._room.shape != (some, neurons, positions):
            self._of_samples = outputs.new_empty((len(NAMES), samples, neurons))
            self._room = outputs.new_empty((some, neurons, positions))
        for start in range(0, samples, some):
            self._take_some(outputs[start : start + some], self._of_samples[:, start : start + some])
        self._join(outputs, into)

    def _take_some(self, outputs: Tensor, into: Tensor) -> None:
        mean, length, least, most, active = into.unbind()
        room = self._room[: len(outputs)]
        torch.mean(outputs, 2, out=mean)
        torch.linalg.vector_norm(outputs, dim=2, out=length)
        torch.amin(outputs, 2, out=least)
        torch.amax(outputs, 2, out=most)
        torch.gt(outputs, 0, out=room)
        torch.mean(room, 2, out=active)

    def _join(self, outputs: Tensor, into: Into) -> None:
        """Join the samples; the variance is the mean square less the square of the mean, unless these are too near."""
        means, lengths, least, most, active = self._of_samples.unbind()
        torch.mean(means, 0, out=into.mean)
        square = lengths.square_().mean(0).div_(outputs.shape[2])
        torch.addcmul(square, into.mean, into.mean, value=-1, out=into.square)
        if bool((square > _FAR * into.square).any()):
            torch.mean((outputs - into.mean[:, None]).square_(), (0, 2), out=into.square)
        torch.amin(least, 0, out=into.least)
        torch.amax(most, 0, out=into.most)
        torch.mean(active, 0, out=into.active)


class Statistics:
    """The statistics of the outputs of one pass.

    Parameters
    ----------
    layers : those that are recorded
    dtype : in which to compute

    Attributes
    ----------
    heard : layers of the pass in hand
    """

    def __init__(self, layers: Sequence[Layer], dtype: torch.dtype) -> None:
        self._layers = {layer.path: layer for layer in layers}
        self._dtype = dtype
        self._kernel = kernel_for(dtype) if layers else None
        self._columns = Columns()
        self._positions = {path: Positions() for path in self._layers}
        self.heard: set[str] = set()

    def hear(self, path: str, output: Tensor, into: Into) -> None:
        """Write the statistics of an output (sample, ...)."""
        layer = self._layers[path]
        if output.ndim != len(layer.shape) + 1 or not output.numel():
            return
        if output.shape[1 if layer.channels_first else -1] != into.neurons:
            return  # other neurons than in the first pass
        exact = output.detach()
        if exact.dtype != self._dtype:
            exact = exact.to(self._dtype)
        flat = _flat(exact, layer.channels_first)
        if not self._in_one_pass(flat, into):
            with _one_thread_for(flat):
                (self._columns if flat.ndim == 2 else self._positions[path]).take(flat, into)
            into.finish()
        self.heard.add(path)

    def _in_one_pass(self, outputs: Tensor, into: Into) -> bool:
        """Tell whether the compiled loop has written the statistics, which it does of what is finite."""
        if self._kernel is None or not outputs.is_cpu:
            return False
        whole = outputs.contiguous()
        if whole.ndim == 2:
            return self._kernel.columns(whole, into.address)
        return self._kernel.positions(whole, into.address)

    def finish(self, views: Mapping[str, Into]) -> None:
        """End the pass: of layers that were not heard the statistics are missing."""
        if len(self.heard) < len(self._layers):
            for path in self._layers.keys() - self.heard:
                views[path].row.fill_(torch.nan)
        self.heard.clear()


def _flat(outputs: Tensor, channels_first: bool) -> Tensor:
    """Return outputs as (sample, neuron), or (sample, neuron, position) if the positions lie side by side."""
    if channels_first and outputs.ndim > 2:
        last = outputs.movedim(1, -1)
        if not last.is_contiguous():
            return outputs.flatten(2)
        outputs = last
    return outputs if outputs.ndim == 2 else outputs.reshape(-1, outputs.shape[-1])


@contextmanager
def _one_thread_for(outputs: Tensor) -> Iterator[None]:
    """Reduce small outputs with one thread: a second would take longer than it helps."""
    threads = torch.get_num_threads()
    alone = threads > 1 and outputs.numel() <= _FOR_ONE
    try:
        if alone:
            torch.set_num_threads(1)
        yield
    finally:
        if alone:
            torch.set_num_threads(threads)
