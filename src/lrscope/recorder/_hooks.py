"""What the layers of a model return while it trains, kept by forward hooks.

A hook returns nothing and writes to nothing that the model reads, so training goes on as without it. Only training
passes are kept: the model is in training mode and gradients are on. Of several passes before one update (gradient
accumulation) the last is kept.
"""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from lrscope.probes import layers_of, output_of
from lrscope.recorder._attaching import warn
from lrscope.recorder._measuring import Activity


class ActivationHooks:
    """Keeps the outputs of layers, in the order of their calls.

    A module that is called again in one pass is another layer: ``encoder.relu``, ``encoder.relu:2``.

    Attributes
    ----------
    seconds : spent in the hooks; the caller that adds them up resets them to 0
    paused : passes are ignored, since the step in hand has its outputs
    """

    def __init__(self, model: nn.Module, *, gradients: bool) -> None:
        self._model, self._wants_gradients = model, gradients
        self.seconds = 0.0
        self.paused = False
        self._calls: dict[str, int] = {}
        self._active = False
        self._layers = layers_of(model)
        self._handles: list[RemovableHandle] = []
        self._outputs: dict[str, tuple[Tensor, Tensor, int]] = {}
        self._gradients: dict[str, Tensor] = {}
        self._overwritten = set(self._layers)
        # Hooks are part of what a compiler compiles: putting others in place makes it compile again. PyTorch has no
        # public way to ask whether `module.compile()` was called.
        self._stays = any(getattr(module, "_compiled_call_impl", None) is not None for module in model.modules())

    def listen(self, *, wanted: bool) -> None:
        """Keep the next pass if it is wanted. Otherwise the hooks are removed: even an idle one costs time."""
        self._active = wanted
        if wanted and not self._handles:
            self._register()
        elif not wanted and not self._stays:
            self._remove()

    def _register(self) -> None:
        unobservable = []
        for path, layer in list(self._layers.items()):
            try:
                self._handles.append(layer.register_forward_hook(self._hook(path, layer)))
            except RuntimeError:  # ScriptModules take no hooks
                unobservable.append(path)
                del self._layers[path]
        if unobservable:
            warn(
                f"layers {', '.join(unobservable)} take no hooks (they are ScriptModules): their activations are not "
                "recorded. Make the Recorder with the module from before torch.jit.script to have them."
            )
        else:
            self._handles.append(self._model.register_forward_pre_hook(Hook(self._on_start)))

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def only(self, paths: set[str]) -> None:
        modules = {path.partition(":")[0] for path in paths}
        self._layers = {path: layer for path, layer in self._layers.items() if path in modules}
        if self._handles and not self._stays:
            self._remove()
            self.listen(wanted=self._active)

    def close(self) -> None:
        self._remove()
        self._outputs, self._gradients = {}, {}
        self._active = False

    def begin_pass(self) -> None:
        self._calls.clear()

    def take(self) -> Activity:
        """Return the outputs of the last pass by path, and the loss's gradients for them, and forget them.

        An output that the model has written over since is left out, once: from then on it is copied in the hook.
        """
        outputs = {}
        for path, (kept, output, version) in self._outputs.items():
            if output._version != version:
                self._overwritten.add(path)
            if kept is not output or output._version == version:
                outputs[path] = kept
        gradients, self._gradients, self._outputs = self._gradients, {}, {}
        return Activity(outputs, gradients)

    def copy_only_overwritten(self) -> None:
        """From now on copy outputs only where the first pass has written over them. Call it before `take`."""
        self._overwritten = {path for path, (_, output, version) in self._outputs.items() if output._version != version}

    def _on_start(self, module: nn.Module, _inputs: object) -> None:
        if module is self._model:
            self._calls.clear()

    def _hook(self, path: str, layer: nn.Module) -> "Hook":
        model, calls = self._model, self._calls

        def hook(module: nn.Module, _inputs: object, returned: object) -> None:
            if not self._active or self.paused or module is not layer:
                return
            if not (model.training and torch.is_grad_enabled()):
                return
            began = time.perf_counter()
            call = calls[path] = calls.get(path, 0) + 1
            output = output_of(returned)
            if output is not None and output.is_floating_point():
                self._keep(path if call == 1 else f"{path}:{call}", output)
            self.seconds += time.perf_counter() - began

        return Hook(hook)

    def _keep(self, path: str, output: Tensor) -> None:
        detached = output.detach()  # shares its version with the output, which counts what is written to it
        copied = path in self._overwritten or path.partition(":")[0] in self._overwritten
        self._outputs[path] = detached.clone() if copied else detached, detached, detached._version
        if self._wants_gradients and output.requires_grad:
            gradients = self._gradients

            def keep(gradient: Tensor) -> None:
                gradients[path] = gradient.detach().clone()

            gradients.pop(path, None)
            output.register_hook(keep)


class Hook:
    """What a module or an optimiser calls. A copy of it, in a copied or saved model, does nothing.

    A compiler would trace into it and compile what it calls; so it is disabled for compilers, if one is loaded.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = torch.compiler.disable(function) if "torch._dynamo" in sys.modules else function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        # The end of an empty context takes any arguments, and can be unpickled without lrscope.
        return getattr, (nullcontext(), "__exit__")
