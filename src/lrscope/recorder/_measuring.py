"""From a model in any training loop to a `Moment`, which the probes measure as they do in an ensemble.

Parameters and gradients are copied before the update, as one vector each; the update is known after it. Only what some
probe reads is copied: which that is, is noted while each probe measures the first moment.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from lrscope import trees
from lrscope.errors import InputError
from lrscope.probes import Layer, Moment, Probe, Structure
from lrscope.probes import State as ProbeState
from lrscope.recorder._timetable import Group, Schedule
from lrscope.records import Variable


@dataclass
class Attached:
    """A probe with its step dimension, its variables and its state.

    Attributes
    ----------
    values : what it returned for the first moment, of which the shapes and types are of interest
    initial, state : before the first step, and now
    last : the step that the state has seen last
    reads, follow_reads : fields of a moment that `measure` and `follow` use
    layers : whose outputs it uses
    copied : values that are views of outputs, or of a small part of a vector, which they would keep alive
    """

    dim: str
    probe: Probe
    labels: dict[str, Variable]
    values: dict[str, Tensor]
    initial: ProbeState
    state: ProbeState
    last: int
    reads: frozenset[str]
    follow_reads: frozenset[str]
    layers: frozenset[str]
    copied: frozenset[str]

    def state_at(self, step: int) -> ProbeState:
        """Return the state for a step: a probe that looks one step back must not see an earlier one."""
        return self.state if self.probe.looks_back > 1 or self.last == step - 1 else self.initial

    def follows(self, schedule: Schedule) -> bool:
        """Return whether `follow` must see the step in hand."""
        if not self.probe.follows or self.dim in schedule.now:
            return False
        return self.probe.looks_back > 1 or self.dim in schedule.soon


@dataclass
class Captured:
    """What belongs to one step, taken before its update.

    Attributes
    ----------
    rates : learning rate of each group of parameters
    parameters, gradient : vectors, None if no probe reads them
    largest : largest element of the gradient by size, not finite if one is not; None if nothing is recorded
    missing : layers without a usable output at this step
    """

    step: int
    rates: Sequence[float]
    measuring: list[Attached]
    following: list[Attached]
    parameters: Tensor | None
    gradient: Tensor | None
    largest: Tensor | None
    reads: set[str]
    outputs: Mapping[str, Tensor]
    output_gradients: Mapping[str, Tensor]
    missing: set[str]


class Measuring:
    """The probes of one model.

    Parameters
    ----------
    groups : probes by cadence
    parameters : those of the structure, in its order
    outputs, output_gradients : of the layers in the first pass
    scale : of the gradients

    Attributes
    ----------
    attached : the probes
    dtype : of the records
    follows_all : whether a probe must see every step
    """

    def __init__(
        self,
        structure: Structure,
        groups: Iterable[Group],
        parameters: Sequence[nn.Parameter],
        outputs: Mapping[str, Tensor],
        output_gradients: Mapping[str, Tensor],
        scale: Tensor | None,
    ) -> None:
        self._structure, self._parameters = structure, list(parameters)
        self._layers = {layer.path: layer for layer in structure.layers}
        self._layout = trees.Layout({one.name: torch.Size(one.shape) for one in structure.parameters})
        self.dtype = dtype_of(parameters)
        self._nan = torch.full((), math.nan, dtype=self.dtype, device=parameters[0].device)
        self._unread = self._nan.expand(sum(self._layout.sizes))
        outputs, _ = self._usable(outputs, self._layers)
        first = Captured(
            step=-1,
            rates=(),
            measuring=[],
            following=[],
            parameters=self._vector(),
            gradient=self._gradient(scale),
            largest=None,
            reads={"update", "activation_gradients"},
            outputs=outputs,
            output_gradients=output_gradients,
            missing=set(),
        )
        with torch.no_grad():
            moment = self._moment(first, self._nan, self._nan.double())
            self.attached = [_attach(group.dim, probe, moment) for group in groups for probe in group.probes]
        self.follows_all = any(one.probe.follows and one.probe.looks_back > 1 for one in self.attached)

    @property
    def layers(self) -> set[str]:
        """The layers whose outputs some probe uses."""
        return {path for one in self.attached for path in one.layers}

    def wants(self, schedule: Schedule) -> bool:
        """Return whether the step in hand must be captured."""
        return bool(schedule.now) or any(one.follows(schedule) for one in self.attached)

    def capture(
        self,
        step: int,
        schedule: Schedule,
        scale: Tensor | None,
        rates: Sequence[float],
        activations: tuple[Mapping[str, Tensor], Mapping[str, Tensor]],
    ) -> Captured:
        """Copy what belongs to a step before its update; gradients are divided by a scale."""
        measuring = [one for one in self.attached if one.dim in schedule.now]
        following = [one for one in self.attached if one.follows(schedule)]
        reads = {name for one in measuring for name in one.reads}
        reads |= {name for one in following for name in one.follow_reads}
        gradient = self._gradient(scale) if reads & {"gradient", "gradients"} else None
        outputs, missing = self._usable(activations[0], self.layers)
        return Captured(
            step,
            rates,
            measuring,
            following,
            parameters=self._vector() if reads & {"parameters", "update"} else None,
            gradient=gradient,
            largest=self._largest(gradient) if schedule.now else None,
            reads=reads,
            outputs=outputs,
            output_gradients=activations[1],
            missing=missing,
        )

    @torch.no_grad()
    def measure(
        self, captured: Captured, loss: Tensor | float
    ) -> tuple[dict[str, dict[str, Tensor]], list[tuple[Attached, ProbeState]], tuple[Tensor, Tensor] | None]:
        """Return the values of a step, by step dimension and name.

        With them the states after it, for `keep`, and loss and largest gradient if the step is recorded.
        """
        number = torch.as_tensor(loss).detach().reshape(()).to(self._nan, copy=True)
        moment = self._moment(captured, number, self._nan.new_tensor(captured.rates[0], dtype=torch.float64))
        values: dict[str, dict[str, Tensor]] = {one.dim: {} for one in captured.measuring}
        states = []
        for one in captured.measuring:
            measured, state = one.probe.measure(one.state_at(captured.step), moment)
            states.append((one, state))
            for name, value in measured.items():
                label = one.labels[name]
                if label.layer not in captured.missing or not label.quantity.startswith("activation"):
                    values[one.dim][name] = value.clone() if name in one.copied else value
        for one in captured.following:
            states.append((one, one.probe.follow(one.state_at(captured.step), moment)))
        finite = None if captured.largest is None else (number, captured.largest)
        return values, states, finite

    @staticmethod
    def keep(step: int, states: Iterable[tuple[Attached, ProbeState]]) -> None:
        """Go on from the states after a step."""
        for one, state in states:
            one.state, one.last = state, step

    def _moment(self, captured: Captured, loss: Tensor, rate: Tensor) -> Moment:
        before, gradient = captured.parameters, captured.gradient
        if "update" in captured.reads and before is not None:
            update = torch.zeros_like(before) if captured.step < 0 else self._vector().sub_(before)
        else:
            update = self._unread
        output_gradients = {}
        if "activation_gradients" in captured.reads:
            for path, output in captured.outputs.items():
                own = captured.output_gradients.get(path)
                output_gradients[path] = torch.zeros_like(output) if own is None else own.to(self.dtype)
        return Moment(
            structure=self._structure,
            loss=loss,
            learning_rate=rate,
            parameters={} if before is None else self._layout.tree(before),
            gradients={} if gradient is None else self._layout.tree(gradient),
            gradient=self._unread if gradient is None else gradient,
            update=update,
            activations=captured.outputs,
            activation_gradients=output_gradients,
        )

    def _vector(self) -> Tensor:
        """Return a copy of the parameters as one vector."""
        with torch.no_grad():
            return torch.cat([one.reshape(-1) for one in self._parameters], out=self._nan.new_empty(0))

    def _gradient(self, scale: Tensor | None) -> Tensor:
        with torch.no_grad():
            pieces = [one.reshape(-1) for one in self._dense_gradients()]
            vector = torch.cat(pieces, out=self._nan.new_empty(0))
            return vector if scale is None else vector.div_(scale)

    def _dense_gradients(self) -> list[Tensor]:
        """Return the gradients; zero where there is none, as for a layer that was not used."""
        gradients = []
        for parameter in self._parameters:
            gradient = parameter.grad
            if gradient is None:
                gradient = torch.zeros_like(parameter)
            gradients.append(gradient if gradient.layout is torch.strided else gradient.to_dense())
        return gradients

    def _largest(self, gradient: Tensor | None) -> Tensor:
        """Return the largest element by size, which does not overflow, as the Euclidean norm may."""
        if gradient is not None:
            return torch.linalg.vector_norm(gradient, math.inf) if len(gradient) else self._nan.new_zeros(())
        pieces = [one.detach() for one in self._dense_gradients() if one.numel()]
        return torch.nn.utils.get_total_norm(pieces, norm_type=math.inf)

    def _usable(self, outputs: Mapping[str, Tensor], paths: Iterable[str]) -> tuple[dict[str, Tensor], set[str]]:
        """Return an output for each of some layers, in the type of the records, and the layers that have none.

        Those have NaN in their place: they were not called, or return another number of neurons than in the first pass.
        """
        usable, missing = {}, set()
        for path in paths:
            layer, output = self._layers[path], outputs.get(path)
            if output is not None and _fits(output, layer):
                usable[path] = output.to(self.dtype)
            else:
                usable[path] = self._nan.expand(1, *layer.shape)
                missing.add(path)
        return usable, missing


def _fits(output: Tensor, layer: Layer) -> bool:
    """Return whether an output has samples, and the neurons of the first pass; it may have other positions."""
    same_rank = output.ndim == len(layer.shape) + 1
    return same_rank and output.numel() > 0 and output.shape[1 if layer.channels_first else -1] == layer.neurons


def dtype_of(parameters: Iterable[Tensor]) -> torch.dtype:
    """Return the type of the records: float64 if a parameter has it, otherwise float32, which every program reads."""
    return torch.float64 if any(one.dtype == torch.float64 for one in parameters) else torch.float32


def _attach(dim: str, probe: Probe, moment: Moment) -> Attached:
    """Let a probe measure the first moment, to know what it reads and returns."""
    initial = probe.init(moment.parameters)
    watched, followed = _Watched(moment), _Watched(moment)
    values, _ = probe.measure(initial, cast(Moment, watched))
    if probe.follows:
        probe.follow(initial, cast(Moment, followed))
    labels = {label.name: label for label in probe.labels(moment.structure)}
    if set(labels) != set(values):
        name = type(probe).__name__
        raise InputError(f"{name} must return the variables of its labels; got {', '.join(values)}.")
    layers = frozenset(watched.layers | followed.layers)
    reads, follow_reads = frozenset(watched.fields), frozenset(followed.fields)
    copied = _copied(values, moment)
    return Attached(dim, probe, labels, values, initial, initial, -1, reads, follow_reads, layers, copied)


def _copied(values: Mapping[str, Tensor], moment: Moment) -> frozenset[str]:
    """Return the values that must be copied, as `Attached` says."""
    outputs = {_address(one) for one in (*moment.activations.values(), *moment.activation_gradients.values())}
    views = {name for name, value in values.items() if _address(value) in outputs}
    for vector in (moment.gradient, moment.update, *list(moment.parameters.values())[:1]):
        own = {name: value.nbytes for name, value in values.items() if _address(value) == _address(vector)}
        if 4 * sum(own.values()) < vector.untyped_storage().nbytes():
            views |= set(own)
    return frozenset(views)


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _Watched:
    """A moment that notes which of its fields are read, and the outputs of which layers."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self.fields: set[str] = set()
        self.layers: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.fields.add(name)
        value = getattr(self._moment, name)
        return _WatchedMapping(value, self.layers) if name in ("activations", "activation_gradients") else value


class _WatchedMapping(Mapping[str, Tensor]):
    """A mapping that notes which of its keys are read."""

    def __init__(self, mapping: Mapping[str, Tensor], keys: set[str]) -> None:
        self._mapping, self._keys = mapping, keys

    def __getitem__(self, key: str) -> Tensor:
        self._keys.add(key)
        return self._mapping[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapping)

    def __len__(self) -> int:
        return len(self._mapping)
