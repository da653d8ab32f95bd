"""What the layers of a network put out during one pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lrscope.probes import layers_of, output_of

Tree = dict[str, Tensor]


@dataclass(frozen=True)
class _Output:
    """An output, a copy of it as it was when its module returned it, and how often it had been written to."""

    tensor: Tensor
    copy: Tensor
    version: int


@dataclass
class Tape:
    """Collects the output of every layer while it is active, in the order of the calls.

    A module that is called again is heard again: ``encoder.relu``, ``encoder.relu:2``.

    Attributes
    ----------
    module : the network
    nudges : path -> what to add to that output, (sample, ...)
    active : whether to collect at all
    """

    module: nn.Module
    nudges: Mapping[str, Tensor] = field(default_factory=dict)
    active: bool = True

    def __enter__(self) -> "Tape":
        self._outputs: dict[str, _Output] = {}
        layers = layers_of(self.module) if self.active else {}
        self._handles = [self._listen(path, layer) for path, layer in layers.items()]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for handle in self._handles:
            handle.remove()

    def _listen(self, path: str, layer: nn.Module) -> RemovableHandle:
        calls = 0

        def hook(_module: nn.Module, _inputs: object, output: object) -> object:
            nonlocal calls
            calls += 1
            return self._take(path if calls == 1 else f"{path}:{calls}", output)

        return layer.register_forward_hook(hook)

    def _take(self, path: str, returned: object) -> object:
        output = output_of(returned)
        if output is None:
            return returned
        nudged = output + self.nudges[path] if path in self.nudges else output
        self._outputs[path] = _Output(nudged, nudged.clone(), nudged._version)
        return (nudged, *returned[1:]) if isinstance(returned, tuple) else nudged

    @property
    def outputs(self) -> Tree:
        """Path -> output (sample, ...) as the module returned it, even if the next one wrote over it (``inplace``)."""
        return {
            path: one.tensor if one.tensor._version == one.version else one.copy for path, one in self._outputs.items()
        }
