"""From a model in any training loop to a `Moment`, which the probes measure as they do in an ensemble.

Probes measure parameters and gradients just before the update, where they lie. What a probe reads that also needs the
update or the loss, or that several optimisers update one after the other, is copied and measured after them. Which
fields a probe reads is noted while it measures the first moment. The probes of lrscope run in inference mode, where a
view costs a fifth of what it costs under `torch.no_grad`; a probe of the user's may need autograd, which inference
tensors cannot have, and is given copies, which it may write to.
"""

import math
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim import Optimizer

from lrscope.probes import Activations, Layer, Moment, Structure
from lrscope.probes import State as ProbeState
from lrscope.recorder._buffer import Values
from lrscope.recorder._cadence import Group, Schedule
from lrscope.recorder._live import LiveParameters, OfPlace, is_sharded
from lrscope.recorder._optimizers import parameters_of
from lrscope.recorder._pooling import Pooling, pool
from lrscope.recorder._watching import Attached, attach

_GRADIENTS = {"gradient", "gradients", "gradient_norm"}
_OUTPUTS = {"activations", "activation_gradients"}


@dataclass(frozen=True)
class Activity:
    """The outputs of layers in a pass, and the loss's gradients for them, by path."""

    outputs: dict[str, Tensor]
    gradients: dict[str, Tensor]


@dataclass
class Captured:
    """What belongs to one step, taken before its updates."""

    step: int
    rates: Sequence[float]  # of each group of parameters
    activity: Activity
    measuring: Sequence[Attached]  # probes that are due, and have not measured yet
    following: Sequence[Attached]  # those that must only see the step
    dims: frozenset[str]  # that are recorded
    largest: Tensor | None  # element of the gradient by size, not finite if one is not; None if nothing is recorded
    before: list[Tensor] = field(default_factory=list)  # copies of all parameters, in pieces, if read after the update
    gradients: dict[int, Tensor] = field(default_factory=dict)
    updated: set[int] = field(default_factory=set)  # places of the parameters whose optimisers were called
    states: list[tuple[Attached, ProbeState]] = field(default_factory=list)  # after what has measured
    pooled: Mapping[str, Tensor] | None = None  # statistics of activations over several processes
    measured: bool = False  # whether probes have measured before the update


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
    gathered : returns the tensors of all processes, where statistics of activations are those of all their samples

    Attributes
    ----------
    layers : whose outputs some probe uses
    follows_all : whether a probe must see every step
    """

    def __init__(
        self,
        structure: Structure,
        groups: Iterable[Group],
        parameters: Sequence[Tensor],
        activity: Activity,
        gathered: Callable[[Tensor], Sequence[Tensor]] | None = None,
    ) -> None:
        self._gathered = gathered
        self._structure = structure
        self._live = LiveParameters(structure, parameters)
        self._places: dict[Optimizer, list[int]] = {}
        self._lost: set[str] = set()  # variables of layers whose parameters are gone
        groups = list(groups)
        self._own = all(type(probe).__module__.startswith("lrscope.") for group in groups for probe in group.probes)
        # tensors that are sharded do not take part in inference mode
        self._without_gradients = torch.inference_mode if self._own and not self._live.sharded else torch.no_grad
        self.device = self._live.device
        self.layers = {layer.path for layer in structure.layers}
        self._nan = torch.full((), math.nan, dtype=self._live.dtype, device=self.device)
        self._zero = zero = torch.zeros_like(self._nan)
        self._unread = self._nan.expand(self._live.size)
        with self._without_gradients():

            def nothing(*shape: int) -> Tensor:
                return zero.expand(shape) if self._own else zero.new_zeros(shape)

            first = self._usable(activity, gradients=True)
            moment = Moment(
                structure=structure,
                loss=self._nan,
                learning_rate=self._nan.double(),
                parameters=self._live.named(self._example),
                gradients=self._live.named(lambda place: nothing(*self._live.tensors[place].shape)),
                gradient=nothing(self._live.size),
                update=nothing(self._live.size),
                activations=first.outputs,
                activation_gradients=first.gradients,
                gradient_norm=zero,
                update_size=zero,
            )
            self.attached = [attach(group.dim, probe, moment) for group in groups for probe in group.probes]
        self.layers = {path for one in self.attached for path in one.layers}
        self.follows_all = any(one.probe.follows and one.probe.looks_back > 1 for one in self.attached)

    def rebind(self, parameters: Sequence[Tensor], lost: Container[str]) -> None:
        """Measure other parameters of the same shapes from now on, and nothing of layers that are lost."""
        self._live = LiveParameters(self._structure, parameters)
        self._places.clear()
        labels = [label for one in self.attached for label in one.labels.values()]
        self._lost = {label.name for label in labels if label.layer.partition(":")[0] in lost}

    def wants(self, schedule: Schedule) -> bool:
        return bool(schedule.now) or any(one.follows(schedule) for one in self.attached)

    def begin(self, step: int, schedule: Schedule, rates: Sequence[float], activity: Activity) -> Captured:
        """Return what `capture` fills before each of the updates of a step."""
        captured = Captured(
            step,
            rates,
            activity,
            measuring=[one for one in self.attached if one.dim in schedule.now],
            following=[one for one in self.attached if one.follows(schedule)],
            dims=schedule.now,
            largest=self._zero if schedule.now else None,
        )
        if self._gathered:
            due = [one for one in captured.measuring if isinstance(one.probe, Activations) and one.labels]
            captured.pooled = self._pooled(captured, due, self._gathered) if due else None
        return captured

    @property
    def digest(self) -> int:
        """A number that processes share if they observe the same layers; 0 if their activations are not reduced."""
        return self._pooling(self.attached).digest if self._gathered else 0

    def _pooling(self, attached: Iterable[Attached]) -> Pooling:
        labels = [label for one in attached if isinstance(one.probe, Activations) for label in one.labels.values()]
        return Pooling(labels, {layer.path: layer.neurons for layer in self._structure.layers})

    def _pooled(
        self, captured: Captured, due: Sequence[Attached], gathered: Callable[[Tensor], Sequence[Tensor]]
    ) -> dict[str, Tensor]:
        """Return the statistics of activations over the samples of all processes.

        It comes before any other probe, and gathers even if it fails: the other processes wait for it.
        """
        pooling, values = self._pooling(due), dict[str, Tensor]()
        part = self._nan.double().new_full(pooling.shape, math.nan)
        try:
            with self._without_gradients():
                moment = self._moment(captured, {"activations"}, self._parameter, self._parameter)
                for one in due:
                    values |= one.probe.measure(one.initial, moment)[0]
                heard = captured.activity.outputs
                counts = {
                    layer.path: moment.activations[layer.path].numel() // layer.neurons
                    if layer.path in heard and heard[layer.path].numel()
                    else 0
                    for layer in self._structure.layers
                    if layer.path in moment.activations
                }
                part.copy_(pooling.packed(values, counts))
        finally:
            parts = gathered(part)
        return {name: value.to(self._live.dtype) for name, value in pooling.unpacked(pool(parts)).items()}

    def capture(self, captured: Captured, optimizer: Optimizer) -> Values:
        """Return what can be measured before an optimiser's update, and copy what is read after it.

        Gradients are unscaled; those of parameters that no optimiser updates at this step count as zero.
        """
        if optimizer not in self._places:
            own = {id(one) for one in parameters_of(optimizer)}
            self._places[optimizer] = [place for place, one in enumerate(self._live.tensors) if id(one) in own]
        places = [place for place in self._places[optimizer] if place not in captured.updated]
        scale = getattr(optimizer, "grad_scale", None)

        def gradient(place: int) -> Tensor:
            own = self._live.gradient(place, scale)
            return own if self._own else own.clone()

        values: Values = {}
        with self._without_gradients():
            if len(places) == len(self._live.tensors):
                values = self._measure_before(captured, gradient)
            elif captured.largest is not None:
                captured.largest = torch.maximum(captured.largest, self._live.largest(map(gradient, places)))
            reads = _reads(captured.measuring, captured.following)
            if reads & {"parameters", "update", "update_size"}:
                if captured.updated:  # the optimisers before may have moved the parameters of this one
                    before = list(self._live.by_place(captured.before))
                    for place in places:
                        before[place].copy_(self._live.parameter(place))
                else:
                    captured.before = [one.clone() for one in self._live.pieces(self._live.parameter)]
            if reads & _GRADIENTS:
                captured.gradients |= {place: gradient(place).clone() for place in places}
            if not reads & _OUTPUTS:
                captured.activity = Activity({}, {})
        captured.updated.update(places)
        return values

    def _measure_before(self, captured: Captured, gradient: OfPlace) -> Values:
        """Let the probes measure that need neither the update nor the loss, where one optimiser makes all updates."""
        measuring = [one for one in captured.measuring if not one.late]
        following = [one for one in captured.following if not one.late]
        reads = _reads(measuring, following)
        moment = self._moment(captured, reads, self._parameter, gradient)
        if captured.largest is not None:
            pieces = [moment.gradient] if "gradient" in reads else self._live.pieces(gradient)
            captured.largest = self._live.largest(pieces)
        values = self._measured(captured, measuring, following, moment)
        captured.measuring = [one for one in captured.measuring if one.late]
        captured.following = [one for one in captured.following if one.late]
        captured.measured = True
        return values

    def measure(self, captured: Captured, loss: Tensor | float | None) -> Measured:
        """Return what the probes that are due measure after the update.

        A loss that is not known is missing, and no divergence.
        """
        if not (captured.dims or captured.following):  # all that is wanted of the step was seen before the update
            return Measured({}, captured.states, None)
        with self._without_gradients():
            if isinstance(loss, Tensor):
                number = loss.detach().reshape(()).to(self._nan, copy=True)
            else:
                number = torch.full_like(self._nan, math.nan if loss is None else loss)
            live, zero = self._live, self._zero

            def gradient(place: int) -> Tensor:
                return captured.gradients.get(place, zero.expand(live.tensors[place].shape))

            def update() -> Iterator[Tensor]:
                pairs = zip(live.pieces(live.parameter), captured.before, strict=True)
                return (after.to(live.dtype) - before.to(live.dtype) for after, before in pairs)

            reads = _reads(captured.measuring, captured.following)
            before = list(live.by_place(captured.before)) if "parameters" in reads else []
            moment = self._moment(captured, reads, before.__getitem__, gradient, update, number)
            values = self._measured(captured, captured.measuring, captured.following, moment)
            largest = captured.largest
            finite = None if largest is None else (largest if loss is None else number, largest)
            return Measured(values, captured.states, finite)

    def _moment(
        self,
        captured: Captured,
        reads: set[str],
        parameter: OfPlace,
        gradient: OfPlace,
        update: Callable[[], Iterator[Tensor]] | None = None,
        loss: Tensor | None = None,
    ) -> Moment:
        """Return the moment of a step; what no probe reads is NaN."""
        live = self._live
        activity = Activity({}, {})
        if reads & _OUTPUTS:
            activity = self._usable(captured.activity, gradients="activation_gradients" in reads)
        vector = live.vector(map(gradient, range(len(live.tensors)))) if "gradient" in reads else None
        norm = size = None
        if "gradient_norm" in reads:
            norm = live.norm(live.pieces(gradient) if vector is None else [vector])
        if "update_size" in reads and update is not None:
            size = live.norm(update())
        return Moment(
            structure=self._structure,
            loss=self._nan if loss is None else loss,
            learning_rate=torch.full((), captured.rates[0], dtype=torch.float64, device=self.device),
            parameters=live.named(parameter),
            gradients=live.named(gradient),
            gradient=self._unread if vector is None else vector,
            update=live.vector(update()) if update is not None and "update" in reads else self._unread,
            activations=activity.outputs,
            activation_gradients=activity.gradients,
            gradient_norm=norm,
            update_size=size,
        )

    def _measured(
        self, captured: Captured, measuring: Sequence[Attached], following: Sequence[Attached], moment: Moment
    ) -> Values:
        values: Values = {dim: {} for dim in captured.dims}
        for one in measuring:
            if captured.pooled is not None and isinstance(one.probe, Activations):
                measured, state = {name: captured.pooled[name] for name in one.labels}, one.initial
            else:
                measured, state = one.probe.measure(one.state_at(captured.step), moment)
            values[one.dim] |= measured
            for name in self._lost & measured.keys():
                del values[one.dim][name]
            captured.states.append((one, state))
        captured.states += [(one, one.probe.follow(one.state_at(captured.step), moment)) for one in following]
        return values

    def _example(self, place: int) -> Tensor:
        """Return something of the shape of a parameter: itself, unless that would have to be gathered."""
        parameter = self._live.tensors[place]
        return self._nan.expand(parameter.shape) if is_sharded(parameter) else self._parameter(place)

    def _parameter(self, place: int) -> Tensor:
        parameter = self._live.parameter(place)
        return parameter if self._own else parameter.clone()

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
                usable.outputs[layer.path] = output.to(self._live.dtype)
                if gradients:
                    gradient = self._nan.expand_as(output) if gradient is None else gradient
                    usable.gradients[layer.path] = gradient.to(self._live.dtype)
        return usable


def _reads(*several: Iterable[Attached]) -> set[str]:
    """Return the fields of the moment that probes use."""
    return set().union(*(one.reads for some in several for one in some))


def _fits(output: Tensor, layer: Layer) -> bool:
    """Return whether an output has samples, and the neurons of the first pass; it may have other positions."""
    same_rank = output.ndim == len(layer.shape) + 1
    return same_rank and output.numel() > 0 and output.shape[1 if layer.channels_first else -1] == layer.neurons
