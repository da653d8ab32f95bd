"""What the layers of somebody's model put out while it trains, heard by hooks.

A hook returns nothing and writes to nothing that the model reads, so the training goes on as without it. Only passes
of the training are heard: the model is in training mode and gradients are on. A pass begins when the model is called;
of several passes before one update (gradient accumulation) the last is kept.
"""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lrscope.probes import layers_of, output_of
from lrscope.recorder import _clock

Hear = Callable[[str, Tensor], None]
"""What is done with the output (sample, ...) of a path, as soon as it is there."""


class Listener:
    """Tells outputs of the layers, in the order of their calls.

    A module that is called again in one pass is heard again: ``encoder.relu``, ``encoder.relu:2``.

    Parameters
    ----------
    model : without wrappers
    hear : called with each output; what it takes along must be copied, the next module may write over it

    Attributes
    ----------
    seconds : that hearing has taken; whoever adds them up sets them to zero
    deaf : whether passes are left alone, since the step in hand has its outputs
    """

    def __init__(self, model: nn.Module, hear: Hear) -> None:
        self._model = model
        self.hear = hear
        self.seconds = 0.0
        self.deaf = False
        self._calls: dict[str, int] = {}
        self._active = False
        self._layers = layers_of(model)
        self._handles: list[RemovableHandle] = []
        self._rests: dict[int, tuple[dict[int, Any], Any]] = {}
        self._stays = any(getattr(module, "_compiled_call_impl", None) is not None for module in model.modules())

    @property
    def active(self) -> bool:
        """Whether the next pass is heard. A hook that nobody needs is taken away: even an idle one costs time.

        Those of a compiled model stay, since they are part of what was compiled.
        """
        return self._active

    @active.setter
    def active(self, wanted: bool) -> None:
        self._active = wanted
        if wanted and self._rests:
            self._wake()
        elif wanted and not self._handles:
            self._handles = [one.register_forward_hook(self._hook(path)) for path, one in self._layers.items()]
            self._handles.append(self._model.register_forward_pre_hook(_Hook(self._on_start)))
        elif not wanted and not self._stays:
            self._rest()

    def _rest(self) -> None:
        """Take the hooks out of the modules' lists, to put them back: making them anew takes long."""
        for handle in self._handles:
            hooks = handle.hooks_dict_ref()
            if hooks is not None and handle.id in hooks:
                self._rests[handle.id] = hooks, hooks.pop(handle.id)

    def _wake(self) -> None:
        for number, (hooks, hook) in self._rests.items():
            hooks[number] = hook
        self._rests.clear()

    def only(self, paths: set[str]) -> None:
        """Leave alone all modules but these."""
        modules = {path.partition(":")[0] for path in paths}
        self._layers = {path: one for path, one in self._layers.items() if path in modules}
        active = self._active
        if self._handles and not self._stays:
            self.close()
            self.active = active

    def close(self) -> None:
        """Take all hooks away."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._rests = [], {}
        self._active = False

    def begin(self) -> None:
        """Count calls from one again."""
        self._calls.clear()

    def _on_start(self, module: nn.Module, _inputs: object) -> None:
        if module is self._model:
            self._calls.clear()

    def _hook(self, path: str) -> "_Hook":
        model, calls, layer = self._model, self._calls, self._layers[path]

        def hook(module: nn.Module, _inputs: object, returned: object) -> None:
            if not self._active or self.deaf or module is not layer or not (model.training and torch.is_grad_enabled()):
                return
            began = _clock.now()
            call = calls[path] = calls.get(path, 0) + 1
            output = output_of(returned)
            if output is not None and output.is_floating_point():
                self.hear(path if call == 1 else f"{path}:{call}", output)
            self.seconds += _clock.now() - began

        return _Hook(hook)


class _Hook:
    """What a module calls. Whoever copies or saves the model gets something that does nothing in its place.

    A compiler would trace into it, and compile what it calls; so it is disabled for compilers, if they are loaded.
    """

    def __init__(self, does: Callable[..., None]) -> None:
        self._does = torch.compiler.disable(does) if "torch._dynamo" in sys.modules else does

    def __call__(self, *given: Any) -> None:
        self._does(*given)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make the copy: the end of an empty context takes anything, and is there without lrscope."""
        return getattr, (nullcontext(), "__exit__")
