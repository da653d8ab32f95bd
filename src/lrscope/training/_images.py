"""Traced steps of convolutional networks with their images in the order in which a CPU is fastest.

PyTorch's pooling is sixteen times faster on a CPU, and grouped convolutions, which many networks as one are, up to
three times, where the channels of a pixel lie side by side in memory (``torch.channels_last``). Modules do not
change: the graph is traced once more with the inputs of its convolutions laid so, and what follows keeps the layout.

Lifted over members, a convolution has their channels one after the other, (sample, member x channel, height, width),
but pooling their samples, (member x sample, channel, height, width), so that images would be copied to and fro between
them. Here, pooling takes them as convolutions do.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import functionalize
from torch.fx import GraphModule, Interpreter
from torch.fx.experimental.proxy_tensor import make_fx

_ATEN = torch.ops.aten
_CONVOLUTIONS = {_ATEN.convolution.default: 1, _ATEN.convolution_backward.default: 2}
"""Operation -> how many of its first arguments are images."""
_POOLINGS = {
    _ATEN.max_pool2d_with_indices.default: (0,),
    _ATEN.max_pool2d_with_indices_backward.default: (0, 1, 7),
    _ATEN.avg_pool2d.default: (0,),
    _ATEN.avg_pool2d_backward.default: (0, 1),
}
"""Operation -> which of its arguments are images."""
_VIEWS = (_ATEN.view.default, _ATEN._unsafe_view.default)


def channels_last(module: GraphModule, arguments: Sequence[Tensor]) -> GraphModule:
    """Return a traced step in which images lie channels last.

    It is the same one if it has no convolution.

    Parameters
    ----------
    arguments : of the shapes with which the graph will be called
    """
    nodes = [node for node in module.graph.nodes if node.op == "call_function"]
    if not any(node.target in _CONVOLUTIONS for node in nodes):
        return module
    if any(node.is_impure() for node in nodes):
        # Of a copy that is made so that an operation can write over it, the new layout could make a view.
        module = make_fx(functionalize(module))(*arguments)
    return make_fx(_ChannelsLast(module).run)(*arguments)


class _ChannelsLast(Interpreter):
    """Runs a graph with the images of its convolutions and poolings channels last."""

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self._separate: dict[int, tuple[Tensor, Tensor]] = {}
        """Of images (member x sample, channel, ...): themselves, and the same as (member, sample, channel, ...)."""

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run one operation."""
        if target is _ATEN.clone.default and kwargs.get("memory_format") is torch.contiguous_format:
            return args[0]  # made for the view that follows
        if target in _VIEWS:
            return self._reshaped(*args)
        if target in _POOLINGS and id(args[_POOLINGS[target][-1]]) in self._separate:
            return self._pooled(target, args)
        count = _CONVOLUTIONS.get(target, 0)
        return super().call_function(target, (*map(_laid, args[:count]), *args[count:]), kwargs)

    def _reshaped(self, image: Tensor, shape: list[int]) -> Tensor:
        """Return a view, which becomes a copy where something lies elsewhere in memory than it did."""
        _, separate = self._separate.get(id(image), (image, image))
        if list(separate.shape) == shape:
            return separate
        result = torch.reshape(image, shape)
        if image.ndim == 5 and result.shape == (image.shape[0] * image.shape[1], *image.shape[2:]):
            self._separate[id(result)] = result, image
        return result

    def _pooled(self, target: Any, args: tuple[Any, ...]) -> Any:
        """Run a pooling with the channels of all members one after the other."""
        images = _POOLINGS[target]
        members = len(self._separate[id(args[images[-1]])][1])
        folded = [
            _laid(self._separate_of(each, members).movedim(0, 1).flatten(1, 2)) if number in images else each
            for number, each in enumerate(args)
        ]
        results = target(*folded)
        if isinstance(results, Tensor):
            return self._unfolded(results, members)
        return tuple(self._unfolded(result, members) for result in results)

    def _separate_of(self, image: Tensor, members: int) -> Tensor:
        return self._separate[id(image)][1] if id(image) in self._separate else image.unflatten(0, (members, -1))

    def _unfolded(self, image: Tensor, members: int) -> Tensor:
        separate = image.unflatten(1, (members, -1)).movedim(1, 0)
        together: Tensor = separate.flatten(0, 1)
        self._separate[id(together)] = together, separate
        return together


def _laid(image: Tensor) -> Tensor:
    laid: Tensor = image.contiguous(memory_format=torch.channels_last) if image.ndim == 4 else image
    return laid
