"""What the layers of a model return while it trains, kept by forward hooks.

A hook returns nothing and writes to nothing that the model reads, so training goes on as without it. Only training
passes are kept: the model is in training mode, gradients are on, and no transform of `torch.func` is at work. Of
several passes before one update (gradient accumulation) the last is kept that has the parameters of the step: SAM moves
them for a second pass, and moves them back; `functional_call` replaces them.
"""

import inspect
import itertools
import math
import threading
import time
import weakref
from collections.abc import Callable, Container, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import debug_unwrap
from torch.masked import is_masked_tensor
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from lrscope.probes import layers_of, output_of
from lrscope.recorder._attaching import Warnings
from lrscope.recorder._measuring import Activity
from lrscope.recorder._optimizers import parameters_of

MOST_CALLS = 16
"""So many calls of one module in a pass are kept: a cell may be called for every item of a long sequence."""
COPIED = 8 * 2**20
"""Bytes of outputs that are copied in the first pass, when it is not known yet which of them are written over."""
_BACKWARD = {id(torch.autograd.backward.__code__), id(torch.autograd.grad.__code__)}  # the hash of code is slow


@dataclass(frozen=True)
class _Kept:
    """An output of a layer: what is recorded, a copy of it or the output itself, which has a version."""

    recorded: Tensor
    output: Tensor
    version: int
    has_gradient: bool  # the loss's gradient for it is kept as well

    @property
    def overwritten(self) -> bool:
        return self.output._version != self.version


class ActivationHooks:
    """Keeps the outputs of layers, in the order of their calls.

    A module that is called again in one pass is another layer: ``encoder.relu``, ``encoder.relu:2``.

    Parameters
    ----------
    optimizers : whose parameters are those of a step
    wanted : paths of layers whose outputs are kept in the first pass; those of others are NaN there
    gradients : whether the loss's gradients for the outputs are kept as well

    Attributes
    ----------
    seconds : spent in the hooks; the caller that adds them up resets them to 0
    paused : passes are ignored, since the step in hand has its outputs
    passed : a training pass was ignored for that reason
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        warnings: Warnings,
        wanted: Container[str],
        *,
        gradients: bool,
    ) -> None:
        self._model, self._optimizers, self._wanted, self._wants_gradients = model, optimizers, wanted, gradients
        self._warnings = warnings
        self.seconds = 0.0
        self.paused = self.passed = False
        self._active = self._compiled = False
        self._layers = layers_of(model)
        self._layer_hooks: dict[str, ForwardHook] = {}  # by path, kept while they are not registered
        self._handles: list[RemovableHandle] = []
        self._outputs: dict[str, _Kept | None] = {}  # None: called without gradients so far
        self._gradients: dict[str, Tensor] = {}
        self._overwritten: set[str] = set()
        self._copied = self._room = COPIED  # bytes that a pass may copy, and what is left of them
        self._calls: dict[str, int] = {}
        self._unrecorded: set[str] = set()  # called without gradients in this pass
        self._recomputed: set[str] = set()  # called with gradients in this pass only while backward ran
        self._left_out: dict[str, str] = {}  # what is left out, and why
        self._new: list[str] = []  # of them, those that no warning has named yet
        self._version: int | None = None  # of the parameters in the first pass of the step
        self._moved = False  # the pass in hand has other parameters

    def listen(self, *, wanted: bool) -> None:
        """Keep the next pass if it is wanted. Otherwise the hooks are removed: even an idle one costs time.

        Those of a compiled model stay: with other hooks it would be compiled again.
        """
        self._active, self._version, self._moved = wanted, None, False
        if wanted and not self._handles:
            self._register()
        elif not wanted and not self._compiled:
            self._remove()

    def _register(self) -> None:
        scripted = [path for path, layer in self._layers.items() if not self._hooked(path, layer)]
        try:
            start = ForwardHook(self._on_start, lambda _: self._start())
            self._handles.append(self._model.register_forward_pre_hook(start))
        except RuntimeError:
            self._remove()
            scripted = list(self._layers)
        if scripted:
            self._warnings.add(
                f"layers {', '.join(scripted)} are not observed, so their activations are not recorded: ScriptModules "
                "take no hooks. Make the Recorder with the module from before torch.jit.script to have them."
            )
            self._layers = {path: layer for path, layer in self._layers.items() if path not in scripted}

    def _hooked(self, path: str, layer: nn.Module) -> bool:
        if path not in self._layer_hooks:
            self._layer_hooks[path] = self._hook(path, layer)
        try:
            self._handles.append(layer.register_forward_hook(self._layer_hooks[path]))
        except RuntimeError:  # ScriptModules take none
            return False
        return True

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def only(self, paths: set[str]) -> None:
        self._wanted = {path.partition(":")[0] for path in paths}
        self._layers = {path: layer for path, layer in self._layers.items() if path in self._wanted}
        if self._handles and not self._compiled:
            self._remove()
            self._register()

    def renew(self) -> None:
        """Hear the modules that are in the place of others now."""
        layers = layers_of(self._model)
        self._layers = {path: layers[path] for path in self._layers if path in layers}
        self._layer_hooks = {}
        if self._handles:
            self._remove()
            self._register()

    def close(self) -> None:
        self._remove()
        self._outputs, self._gradients, self._layer_hooks = {}, {}, {}
        self._active = False

    def begin_pass(self) -> None:
        self._room = self._copied
        for of_pass in (self._calls, self._unrecorded, self._recomputed):
            of_pass.clear()

    def take(self) -> Activity:
        """Return the outputs of the last pass by path, and the loss's gradients for them, and forget them.

        One that the model has written over since is copied in the hook from then on. It is NaN once, if it was not
        copied: of the first pass the first outputs are.
        """
        kept = {path: one for path, one in self._outputs.items() if one}
        outputs = {path: one.recorded for path, one in kept.items()}
        for path, one in kept.items():
            if one.overwritten:
                self._overwritten.add(path)
                outputs[path] = _missing(one.output) if one.recorded is one.output else one.recorded
        # The gradient of a loss that does not depend on an output is zero.
        zeros = {path: torch.zeros_like(outputs[path]) for path, one in kept.items() if one.has_gradient}
        activity = Activity(outputs, zeros | self._gradients)
        self._gradients, self._outputs = {}, {}
        self._copied = self._room = 0
        for why in dict.fromkeys(self._left_out[name] for name in self._new):
            names = [name for name in self._new if self._left_out[name] == why]
            self._warnings.add(f"activations of {', '.join(names)} are not recorded: {why}.")
        self._new = []
        return activity

    def _on_start(self, module: nn.Module, _inputs: object) -> None:
        if module is self._model and torch.is_grad_enabled() and not _in_backward():
            self._start()

    def _start(self) -> None:
        self.passed |= self.paused and self._model.training
        if self._active and not self.paused and self._model.training:
            self.begin_pass()
            version = sum(one._version for optimizer in self._optimizers for one in parameters_of(optimizer))
            self._version = version if self._version is None else self._version
            # `functional_call` puts other tensors in the place of parameters.
            own = all(isinstance(one, nn.Parameter) for one in self._model.parameters())
            self._moved = version != self._version or not own

    def _hook(self, path: str, layer: nn.Module) -> "ForwardHook":
        def hook(module: nn.Module, _inputs: object, returned: object) -> None:
            if module is layer:  # and no replica of it
                self._hear(path, output_of(returned), with_gradients=torch.is_grad_enabled())

        def compiled(output: Tensor | None) -> None:
            self._compiled = True
            self._overwritten.add(path)  # compiled code uses the memory again
            self._hear(path, output, with_gradients=True)

        return ForwardHook(hook, compiled)

    def _hear(self, path: str, output: Tensor | None, *, with_gradients: bool) -> None:
        if not self._active or self.paused or self._moved or not self._model.training or output is None:
            return
        began = time.perf_counter()
        try:
            if path in self._left_out or debug_unwrap(output) is not output:
                return
            if with_gradients:
                self._called(path, output)
            else:
                # Reentrant checkpointing calls a layer without gradients, and again with them while backward runs.
                self._unrecorded.add(path)
                self._outputs.setdefault(path, None)
        except Exception as error:  # whatever goes wrong here must not end the pass
            self._leave_out(path, f"{type(error).__name__}: {error}")
        finally:
            self.seconds += time.perf_counter() - began

    def _called(self, path: str, output: Tensor) -> None:
        call = self._calls.get(path, 0) + 1
        if (call > 1 or path in self._unrecorded) and _in_backward():
            if call > 1 and path in self._recomputed:
                self._leave_out(path, "reentrant checkpointing calls it again in another order")
            if call > 1:
                return
            self._recomputed.add(path)
        self._calls[path] = call
        if call > MOST_CALLS:
            self._say(f"{path}:{MOST_CALLS + 1} and so on", f"of each module {MOST_CALLS} calls in a pass are")
        elif why := _unreadable(output):
            self._leave_out(path, why)
        elif output.is_floating_point():
            self._keep(path, call, output)

    def _say(self, name: str, why: str) -> None:
        if name not in self._left_out:
            self._left_out[name] = why
            self._new.append(name)

    def _leave_out(self, path: str, why: str) -> None:
        self._say(path, why)
        self._outputs = {heard: one for heard, one in self._outputs.items() if heard.partition(":")[0] != path}

    def _keep(self, layer: str, call: int, output: Tensor) -> None:
        path = layer if call == 1 else f"{layer}:{call}"
        wanted = layer in self._wanted
        # what is detached shares its version with the output, which counts what is written to it
        detached = output.detach() if wanted else _missing(output)
        copied = wanted and bool({path, layer} & self._overwritten)
        if wanted and not copied and detached.nbytes <= self._room:
            self._room, copied = self._room - detached.nbytes, True
        recorded = detached.clone() if copied else detached
        has_gradient = wanted and self._wants_gradients and output.requires_grad
        self._outputs[path] = _Kept(recorded, detached, detached._version, has_gradient)
        if has_gradient:
            gradients = self._gradients

            def keep(gradient: Tensor) -> None:
                gradients[path] = gradient.detach().clone()

            gradients.pop(path, None)
            output.register_hook(keep)


def _missing(output: Tensor) -> Tensor:
    """Return NaN in the shape of an output, without its memory."""
    return output.new_full((), math.nan).expand_as(output)


def _in_backward() -> bool:
    """Return whether a backward pass calls this. On a GPU it has threads that are not Python's own."""
    frame = inspect.currentframe()
    while frame is not None and id(frame.f_code) not in _BACKWARD:
        frame = frame.f_back
    return frame is not None or threading.current_thread().name.startswith("Dummy-")


def _unreadable(output: Tensor) -> str:
    """Return why the numbers of an output cannot be read like those of other tensors; nothing if they can be."""
    kinds = {
        "sparse": output.layout is not torch.strided,
        "nested": output.is_nested,
        "masked": is_masked_tensor(output),
        "quantized": output.is_quantized,
        "complex": output.is_complex(),
        "meta": output.is_meta,
    }
    return next((f"the output is a {kind} tensor" for kind, applies in kinds.items() if applies), "")


class Hook:
    """What a module or an optimiser calls. A copy of it, in a copied or saved model, does nothing.

    A compiler would trace into it and compile what it calls, so it is disabled for compilers. To ask whether one is at
    work would be faster, and is not enough: one that has given up a frame still compiles what that calls.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = torch.compiler.disable(function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    @property
    def __name__(self) -> str:
        raise AttributeError(
            "torch.jit.script compiles the hooks of a module, which those of a Recorder do not allow: script the model "
            "before the Recorder is made or after it is closed, or use torch.export or torch.jit.trace."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # The end of an empty context takes any arguments, and can be unpickled without lrscope.
        return getattr, (nullcontext(), "__exit__")


class ForwardHook(Hook):
    """What a module calls before or after its forward pass.

    A compiled model has an operator in its place, which a graph can hold: the model is compiled as without it, also
    with ``fullgraph=True``. All are declared to write to one tensor, so that a compiler neither drops one nor changes
    their order.

    Parameters
    ----------
    function : called with what the module passes
    compiled : called with the output instead, where the model is compiled; with None before a pass
    """

    def __init__(self, function: Callable[..., Any], compiled: Callable[[Tensor | None], None]) -> None:
        self._function, self.compiled = function, compiled
        number = next(_NUMBERS)
        self._number = torch.tensor(number, device="cpu")  # for each int a compiler would make other code
        self._order = _ORDER
        _HOOKS[number] = self

    def __call__(self, *args: Any) -> None:
        if not torch.compiler.is_compiling():
            self._function(*args)
        elif torch.is_grad_enabled() and not torch.compiler.is_exporting():
            output = output_of(args[2]) if len(args) > 2 else None
            if output is not None or len(args) == 2:
                detached = None if output is None else output.detach()
                torch.ops.lrscope.called(detached, self._number, self._order)


_NUMBERS, _ORDER = itertools.count(), torch.zeros((), dtype=torch.int8, device="cpu")
_HOOKS: weakref.WeakValueDictionary[int, ForwardHook] = weakref.WeakValueDictionary()


def _call(output: Tensor | None, number: Tensor, order: Tensor) -> None:  # noqa: ARG001  see ForwardHook
    hook = _HOOKS.get(int(number))
    if hook is not None:
        hook.compiled(output)


# Not `custom_op`: each of its calls changes the version of `order`, which checkpointing would refuse.
_LIBRARY = torch.library.Library("lrscope", "DEF")
_LIBRARY.define(
    "called(Tensor? output, Tensor number, Tensor(a!) order) -> ()",
    tags=torch.Tag.cudagraph_unsafe,  # a graph of CUDA would not call it again
)
_LIBRARY.impl("called", _call, "CompositeExplicitAutograd")
torch.library.register_fake("lrscope::called", lambda *_: None, lib=_LIBRARY)
# A pass of a transform is no pass of the training.
torch.library.register_vmap("lrscope::called", lambda *_: (None, None), lib=_LIBRARY)
