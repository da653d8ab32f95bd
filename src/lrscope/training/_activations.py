"""The outputs of a network's layers during one forward pass."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from torch import Tensor, nn

from lrscope.probes import layers_of, output_of

Tree = dict[str, Tensor]


@dataclass
class ActivationCapture:
    """Captures the output of every layer while it is active, in the order of the calls.

    A module that is called again is captured again: ``encoder.relu``, ``encoder.relu:2``.

    Attributes
    ----------
    module : the network
    output_offsets : path -> what to add to that output, (sample, ...)
    enabled : whether to capture at all
    """

    module: nn.Module
    output_offsets: Mapping[str, Tensor] = field(default_factory=dict)
    enabled: bool = True

    def __enter__(self) -> "ActivationCapture":
        self._outputs: dict[str, tuple[Tensor, Tensor, int]] = {}
        self._calls: Counter[str] = Counter()
        layers = layers_of(self.module) if self.enabled else {}
        self._handles = [layer.register_forward_hook(partial(self._hook, path)) for path, layer in layers.items()]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, path: str, _module: nn.Module, _inputs: object, returned: object) -> object:
        self._calls[path] += 1
        path = path if self._calls[path] == 1 else f"{path}:{self._calls[path]}"
        output = output_of(returned)
        if output is None:
            return returned
        output = output + self.output_offsets[path] if path in self.output_offsets else output
        # The next module may write over its input (``inplace=True``). `_version` counts writes; if there is one after
        # this, the copy is the output. Taking the copy always would break the gradient's path through the original.
        self._outputs[path] = output, output.clone(), output._version
        return (output, *returned[1:]) if isinstance(returned, tuple) else output

    @property
    def outputs(self) -> Tree:
        """Path -> output (sample, ...) as the module returned it."""
        return {
            path: output if output._version == version else copy
            for path, (output, copy, version) in self._outputs.items()
        }
