"""From a model in any training loop to a `Moment`, which the probes measure as they do in an ensemble.

Parameters and gradients are copied before the update, as one vector each; the update is known after it. Only what some
probe reads is copied: which that is, is noted while each probe measures the first moment. The probes of lrscope run in
inference mode, where a view costs a fifth of what it costs under `torch.no_grad`; a probe of the user's may need
autograd, which inference tensors cannot have.
"""

import math
from collections import UserDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope import trees
from lrscope.errors import InputError
from lrscope.probes import Layer, Moment, Probe, Structure
from lrscope.probes import State as ProbeState
from lrscope.recorder._buffer import Values
from lrscope.recorder._cadence import Group, Schedule
from lrscope.recorder._optimizers import parameters_of
from lrscope.records import Variable


@dataclass
class Attached:
    """A probe with its step dimension, its variables and its state."""

    dim: str
    probe: Probe
    labels: dict[str, Variable]
    values: dict[str, Tensor]  # without storage, of the shapes and types that it returned for the first moment
    initial: ProbeState
    state: ProbeState
    last: int  # the step that the state has seen last
    reads: set[str]  # fields of a moment that it uses
    layers: set[str]  # whose outputs it uses

    def state_at(self, step: int) -> ProbeState:
        """Return the state for a step: a probe that looks one step back must not see an earlier one."""
        return self.state if self.probe.looks_back > 1 or self.last == step - 1 else self.initial

    def follows(self, schedule: Schedule) -> bool:
        """Return whether `follow` must see the step in hand."""
        if not self.probe.follows or self.dim in schedule.now:
            return False
        return self.probe.looks_back > 1 or self.dim in schedule.soon


@dataclass(frozen=True)
class Activity:
    """The outputs of layers in a pass, and the loss's gradients for them, by path."""

    outputs: dict[str, Tensor]
    gradients: dict[str, Tensor]


@dataclass
class Captured:
    """What belongs to one step, taken before its updates; vectors that no probe reads are None."""

    step: int
    rates: Sequence[float]  # of each group of parameters
    measuring: Sequence[Attached]
    following: Sequence[Attached]  # probes that must only see the step
    reads: set[str]  # fields of the moment that the probes use
    parameters: Tensor | None
    gradient: Tensor | None
    largest: Tensor | None  # element of the gradient by size, not finite if one is not; None if nothing is recorded
    updated: set[int]  # places of the parameters whose optimisers were called
    activity: Activity


@dataclass(frozen=True)
class Measured:
    """The values of a step; the states of the probes after it; loss and largest gradient if it is recorded."""

    values: Values
    states: list[tuple[Attached, ProbeState]]
    finite: tuple[Tensor, Tensor] | None


class Measuring:
    """The probes of one model.

    Parameters
    ----------
    parameters : those of the structure, in its order
    activity : of all layers in the first pass

    Attributes
    ----------
    layers : whose outputs some probe uses
    follows_all : whether a probe must see every step
    """

    def __init__(
        self,
        structure: Structure,
        groups: Iterable[Group],
        parameters: Sequence[nn.Parameter],
        activity: Activity,
    ) -> None:
        self._structure, self._parameters = structure, list(parameters)
        self._places: dict[Optimizer, list[int]] = {}
        groups = list(groups)
        own = all(type(probe).__module__.startswith("lrscope.") for group in groups for probe in group.probes)
        self._without_gradients = torch.inference_mode if own else torch.no_grad
        self._layout = trees.Layout({one.name: torch.Size(one.shape) for one in structure.parameters})
        self.device = parameters[0].device
        # float32 is what every program reads
        self._dtype = torch.float64 if any(one.dtype == torch.float64 for one in parameters) else torch.float32
        self.layers = {layer.path for layer in structure.layers}
        self._nan = torch.full((), math.nan, dtype=self._dtype, device=self.device)
        with self._without_gradients():
            vector = self._vector(self._parameters)
            gradient = torch.zeros_like(vector)
            first = self._usable(activity, gradients=True)
            moment = Moment(
                structure=structure,
                loss=self._nan,
                learning_rate=self._nan.double(),
                parameters=self._layout.tree(vector),
                gradients=self._layout.tree(gradient),
                gradient=gradient,
                update=torch.zeros_like(vector),
                activations=first.outputs,
                activation_gradients=first.gradients,
            )
            self.attached = [_attach(group.dim, probe, moment) for group in groups for probe in group.probes]
        self.layers = {path for one in self.attached for path in one.layers}
        self.follows_all = any(one.probe.follows and one.probe.looks_back > 1 for one in self.attached)

    def wants(self, schedule: Schedule) -> bool:
        return bool(schedule.now) or any(one.follows(schedule) for one in self.attached)

    def begin(self, step: int, schedule: Schedule, rates: Sequence[float], activity: Activity) -> Captured:
        """Copy the parameters before the updates of a step; the gradients are zero until `capture` takes them."""
        with self._without_gradients():
            measuring = [one for one in self.attached if one.dim in schedule.now]
            following = [one for one in self.attached if one.follows(schedule)]
            reads = set().union(*(one.reads for one in (*measuring, *following)))
            return Captured(
                step,
                rates,
                measuring,
                following,
                reads,
                parameters=self._vector(self._parameters) if reads & {"parameters", "update"} else None,
                gradient=None,
                largest=self._nan.new_zeros(()) if schedule.now else None,
                updated=set(),
                activity=activity,
            )

    def capture(self, captured: Captured, optimizer: Optimizer) -> None:
        """Copy the gradients of what an optimiser is about to update, unscaled; of others they count as zero."""
        if optimizer not in self._places:
            own = {id(one) for one in parameters_of(optimizer)}
            self._places[optimizer] = [place for place, one in enumerate(self._parameters) if id(one) in own]
        places = [place for place in self._places[optimizer] if place not in captured.updated]
        scale = getattr(optimizer, "grad_scale", None)
        with self._without_gradients():
            gradients = [_dense_gradient(self._parameters[place]) for place in places]
            vector = None
            if captured.reads & {"gradient", "gradients"}:
                vector = self._vector(gradients)
                if scale is not None:
                    vector.div_(scale)
                captured.gradient = self._with(captured.gradient, places, vector)
            if captured.largest is not None:
                captured.largest = torch.maximum(captured.largest, self._largest(vector, gradients))
            if captured.updated and captured.parameters is not None:  # the optimisers before may have moved them
                now = self._vector(self._parameters[place] for place in places)
                captured.parameters = self._with(captured.parameters, places, now)
        captured.updated.update(places)

    def measure(self, captured: Captured, loss: Tensor | float | None) -> Measured:
        """Return what the probes that are due measure; a loss that is not known is missing, and no divergence."""
        with self._without_gradients():
            known = self._nan if loss is None else torch.as_tensor(loss).detach().reshape(())
            number = known.to(self._nan, copy=True)
            before, gradient, reads = captured.parameters, captured.gradient, captured.reads
            activity = self._usable(captured.activity, gradients="activation_gradients" in reads)
            unread = self._nan.expand(sum(self._layout.sizes))
            moment = Moment(
                structure=self._structure,
                loss=number,
                learning_rate=self._nan.new_tensor(captured.rates[0], dtype=torch.float64),
                parameters={} if before is None else self._layout.tree(before),
                gradients={} if gradient is None or "gradients" not in reads else self._layout.tree(gradient),
                gradient=unread if gradient is None else gradient,
                update=unread
                if before is None or "update" not in reads
                else self._vector(self._parameters).sub_(before),
                activations=activity.outputs,
                activation_gradients=activity.gradients,
            )
            values: Values = {one.dim: {} for one in captured.measuring}
            states = []
            for one in captured.measuring:
                measured, state = one.probe.measure(one.state_at(captured.step), moment)
                values[one.dim] |= measured
                states.append((one, state))
            states += [(one, one.probe.follow(one.state_at(captured.step), moment)) for one in captured.following]
            largest = captured.largest
            finite = None if largest is None else (largest if loss is None else number, largest)
            return Measured(values, states, finite)

    def _vector(self, tensors: Iterable[Tensor]) -> Tensor:
        """Return a copy of tensors of whatever type as one vector."""
        return torch.cat([one.reshape(-1) for one in tensors], out=self._nan.new_empty(0))

    def _with(self, vector: Tensor | None, places: Sequence[int], values: Tensor) -> Tensor:
        """Return a vector of all parameters with the values of some of them; otherwise zero if there is none yet."""
        if len(places) == len(self._parameters):
            return values
        vector = values.new_zeros(sum(self._layout.sizes)) if vector is None else vector
        pieces = vector.split(self._layout.sizes)
        own = [pieces[place] for place in places]
        for piece, value in zip(own, values.split([len(piece) for piece in own]), strict=True):
            piece.copy_(value)
        return vector

    def _largest(self, gradient: Tensor | None, gradients: Iterable[Tensor]) -> Tensor:
        """Return the largest element by size, which does not overflow, as the Euclidean norm may."""
        if gradient is not None:
            return gradient.abs().amax() if len(gradient) else self._nan.new_zeros(())
        pieces = [one for one in gradients if one.numel()]
        if not pieces:
            return self._nan.new_zeros(())
        return torch.nn.utils.get_total_norm(pieces, norm_type=math.inf).to(self._nan)

    def _usable(self, activity: Activity, *, gradients: bool) -> Activity:
        """Return an output, and its gradient if it is wanted, for each layer that is used.

        A layer that was not called, or has returned another number of neurons than in the first pass, has NaN; so has
        the gradient of an output that needs none.
        """
        usable = Activity({}, {})
        for layer in self._structure.layers:
            if layer.path in self.layers:
                output, gradient = activity.outputs.get(layer.path), activity.gradients.get(layer.path)
                if output is None or not _fits(output, layer):
                    output = gradient = self._nan.expand(1, *layer.shape)
                usable.outputs[layer.path] = output.to(self._dtype)
                if gradients:
                    gradient = self._nan.expand_as(output) if gradient is None else gradient
                    usable.gradients[layer.path] = gradient.to(self._dtype)
        return usable


def _dense_gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        return torch.zeros_like(parameter)
    return parameter.grad if parameter.grad.layout is torch.strided else parameter.grad.to_dense()


def _fits(output: Tensor, layer: Layer) -> bool:
    """Return whether an output has samples, and the neurons of the first pass; it may have other positions."""
    same_rank = output.ndim == len(layer.shape) + 1
    return same_rank and output.numel() > 0 and output.shape[1 if layer.channels_first else -1] == layer.neurons


def _attach(dim: str, probe: Probe, moment: Moment) -> Attached:
    """Let a probe measure the first moment, to know what it reads and returns."""
    initial = probe.init(moment.parameters)
    watched = _Watched(moment)
    values, _ = probe.measure(initial, cast(Moment, watched))
    if probe.follows:
        probe.follow(initial, cast(Moment, watched))
    labels = {label.name: label for label in probe.labels(moment.structure)}
    if set(labels) != set(values):
        name = type(probe).__name__
        raise InputError(f"{name} must return the variables of its labels; got {', '.join(values)}.")
    shapes = {name: value.to("meta") for name, value in values.items()}
    return Attached(dim, probe, labels, shapes, initial, initial, -1, watched.fields, watched.layers)


class _Watched:
    """A moment that notes which of its fields are read, and the outputs of which layers."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.fields: set[str] = set()
        self.layers: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.fields.add(name)
        value = getattr(self._moment, name)
        return _WatchedOutputs(value, self.layers) if name in ("activations", "activation_gradients") else value


class _WatchedOutputs(UserDict[str, Tensor]):
    def __init__(self, outputs: Mapping[str, Tensor], read: set[str]) -> None:
        super().__init__(outputs)
        self._read = read

    def __getitem__(self, path: str) -> Tensor:
        self._read.add(path)
        return super().__getitem__(path)
