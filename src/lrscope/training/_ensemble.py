"""Many networks as one: the only place where members are a dimension of tensors.

A step of one network is a pure function, lifted over the members with `torch.func.vmap`. A step that is taken often
is traced once into a graph of tensor operations, which may be compiled.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from lrscope.errors import InputError
from lrscope.optim import Controller, Feedback, Number, Stability, UpdateRule
from lrscope.probes import Moment, Need, Probe
from lrscope.records import DIVERGED_AT
from lrscope.training._activations import Tree
from lrscope.training._compile import compile_step, pays
from lrscope.training._graph import Graphs, Traced, leaves, simplified
from lrscope.training._groups import Groups
from lrscope.training._images import channels_last
from lrscope.training._network import REFUSALS, Batch, Network, StepOutput, in_words
from lrscope.training._noise import mix
from lrscope.training._plan import Tensors
from lrscope.training._state import State, Values, clone_leaves, ordered

Step = Callable[..., tuple[State, Values]]
StepKind = tuple[tuple[int, ...], int]
"""Numbers of the probes that are due at a step, and samples of its batch: steps of one kind share a graph."""

NOT_LIFTED = (
    "model must be trainable under torch.func.vmap. It must use tensor operations only, without branches on values; "
    "dropout through nn.Dropout."
)
TRACED_FROM = 80
"""A step that is taken so often is traced. Tracing takes the time that 50 to 110 calls of the graph save, for the
steps of the studies, whatever they measure."""


def check_lifted(network: Network, parameters: Tensor, buffers: Tree, example: Batch) -> None:
    """Make sure that a network learns from batches of this size, and can be trained as many.

    Parameters
    ----------
    parameters, buffers : of one network
    example : a batch

    Raises
    ------
    InputError : PyTorch cannot take a step of it, or not under `vmap`; with the reason.
    """

    def loss(parameters: Tensor, buffers: Tree, inputs: Tensor, targets: Tensor) -> Tensor:
        key = torch.zeros((), dtype=torch.int64, device=inputs.device)
        return network.forward_backward(parameters, buffers, Batch(inputs, targets), key, frozenset()).loss

    devices = range(torch.cuda.device_count())
    with _refused(_batch_refused(len(example.inputs))), torch.random.fork_rng(devices):
        loss(parameters, buffers, example.inputs, example.targets)
    one = {name: buffer[None] for name, buffer in buffers.items()}
    with _refused(NOT_LIFTED):
        vmap(loss)(parameters[None], one, example.inputs[None], example.targets[None])


@contextmanager
def _refused(sentence: str) -> Iterator[None]:
    """Turn what PyTorch refuses into a sentence of ours, with its reason."""
    try:
        yield
    except InputError:
        raise
    except REFUSALS as error:
        raise InputError(f"{sentence} {in_words(error)}") from error


def _batch_refused(size: int) -> str:
    samples = f"{size} sample{'' if size == 1 else 's'}"
    return f"model must learn from every batch; it cannot from one of {samples}. Choose another batch_size or model."


@dataclass(frozen=True)
class MemberParams:
    """Values in which the members of an ensemble differ, one entry a member.

    Attributes
    ----------
    numbers : name of a hyperparameter of the update rule (``lr``, ...), or of what multiplies the rate of a group
        (``lr_head``) -> (member) float64
    noise_seed : (member) int64
    """

    numbers: Mapping[str, Tensor]
    noise_seed: Tensor


@dataclass(frozen=True)
class StepIndex:
    """One step of one member: its noise seed, the number of the step, the factor of its learning rate; scalars."""

    seed: Tensor
    step: Tensor
    scale: Tensor


@dataclass(frozen=True)
class StepSpec:
    """How one network takes a step.

    Attributes
    ----------
    rule : the update rule
    constants : its hyperparameters that are the same for all members
    controller : chooses the learning rate of each step; None if it is the member's own, times the schedule's factor
    probes : what may be measured
    groups : of parameters with learning rates of their own
    """

    rule: UpdateRule
    constants: Mapping[str, float]
    controller: Controller | None
    probes: tuple[Probe, ...]
    groups: Groups | None = None


@dataclass(frozen=True)
class StepData:
    """The samples of one network: of the step's batch, of the whole data set, and those for validation."""

    batch: Batch
    data: Batch
    validation: Batch | None = None


@dataclass(frozen=True)
class Expected:
    """How many steps of each kind will be taken, and the bytes that each member needs while it trains."""

    steps: Mapping[StepKind, int]
    bytes_each: int


class Ensemble:
    """The members that are trained together: one network, many parameter vectors.

    Parameters
    ----------
    network, spec : for one network
    params : hyperparameters and seeds in which the members differ
    data : the whole data set, (sample, ...) if shared by all members, (member, sample, ...) if each has its own
    shared : whether all members train on the same samples
    graphs : of ensembles of the same network and spec; those traced here are added
    expected : how many steps of each kind will be taken with these graphs, and the bytes that a member needs for one;
        steps that are not named are never traced
    """

    def __init__(
        self,
        network: Network,
        spec: StepSpec,
        params: MemberParams,
        data: Tensors,
        shared: bool,
        graphs: Graphs,
        expected: Expected,
    ) -> None:
        self._network = network
        self._spec = spec
        self._params = params
        self._data = _tree(data.train)
        self._validation = _tree(data.validation) if data.validation else {}
        self._data_dim = None if shared else 0
        tensors = [*self._data.values(), *self._validation.values()]
        self._kind = len(params.noise_seed), self._data_dim, *(tuple(tensor.shape) for tensor in tensors)
        self._graphs = graphs
        self._expected = expected
        self._runs: dict[StepKind, Step] = {}

    def initial_state(self, parameters: Tensor, buffers: Tree) -> State:
        """Return the state before the first step, from parameters (member, parameter) and buffers (member, ...)."""
        members = len(parameters)
        controller, tree = self._spec.controller, self._network.layout.tree
        state = {
            "parameters": parameters,
            "buffers": buffers,
            "rule": vmap(self._spec.rule.init)(parameters),
            "controller": vmap(controller.init)(parameters) if controller else {},
            "probes": {
                str(number): vmap(lambda vector, probe=probe: probe.init(tree(vector)))(parameters)
                for number, probe in enumerate(self._spec.probes)
            },
            DIVERGED_AT: torch.full((members,), -1, dtype=torch.int64, device=parameters.device),
        }
        return clone_leaves(state)

    def step(
        self, state: State, step: int, factor: float, due: tuple[int, ...], order: Tensor | None
    ) -> tuple[State, Values]:
        """Return the state after one step, and the measurements of the due probes, (member, ...).

        Parameters
        ----------
        factor : of each member's learning rate at this step
        due : numbers of the probes that measure at this step
        order : (member, sample) indices of each member's batch; None for the full batch
        """
        batch, batch_dim = self._batch(order)
        arguments = self._arguments(state, step, factor, batch)
        kind = due, batch["inputs"].shape[0 if batch_dim is None else 1]
        if kind not in self._runs:
            self._runs[kind] = self._run(kind, batch_dim, arguments)
        with torch.no_grad(), _refused(_batch_refused(kind[1])):
            after: tuple[State, Values] = self._runs[kind](*arguments)
        return after

    def trace(self, state: State, due: tuple[int, ...], order: Tensor | None) -> None:
        """Trace the step that these arguments of `step` need, unless that is done or does not pay."""
        batch, batch_dim = self._batch(order)
        kind = due, batch["inputs"].shape[0 if batch_dim is None else 1]
        if self._expected.steps.get(kind, 0) >= TRACED_FROM:
            self._traced_step(kind, batch_dim, self._arguments(state, 0, 1.0, batch))

    def evaluated(self, state: State) -> Values:
        """Return the outputs of the networks of a state in evaluation mode.

        Returns
        -------
        values : ``outputs`` (member, sample, ...) and ``loss`` (member) on the validation samples, and
            ``train_outputs`` (member, sample, ...) on the training samples
        """
        arguments = state["parameters"], state["buffers"], self._data, self._validation

        def one(parameters: Tensor, buffers: Tree, data: Tree, validation: Tree) -> Values:
            outputs, train_outputs = (
                self._network.evaluate(parameters, buffers, each["inputs"]) for each in (validation, data)
            )
            loss = self._network.loss_of(outputs, validation["targets"])
            return {"outputs": outputs, "loss": loss, "train_outputs": train_outputs}

        lifted = vmap(one, in_dims=(0, 0, self._data_dim, self._data_dim))
        key = (self._kind, "evaluated")
        run = self._graphs.get(key, lambda: self._traced(lifted, arguments))
        with torch.no_grad():
            values: Values = run(*arguments)
        return values

    def _arguments(self, state: State, step: int, factor: float, batch: Tree) -> tuple[Any, ...]:
        """Return the arguments of a traced step, in the order of `_lifted`."""
        device = state["parameters"].device
        now = torch.tensor(step, dtype=torch.int64, device=device)
        scale = torch.tensor(factor, dtype=torch.float64, device=device)
        index = self._params.noise_seed, now, scale
        return state, dict(self._params.numbers), index, batch, self._data, self._validation

    def _batch(self, order: Tensor | None) -> tuple[Tree, int | None]:
        if order is None:
            return self._data, self._data_dim
        rows = order if self._data_dim is None else (torch.arange(len(order), device=order.device)[:, None], order)
        return {name: tensor[rows] for name, tensor in self._data.items()}, 0

    def _run(self, kind: StepKind, batch_dim: int | None, arguments: tuple[Any, ...]) -> Step:
        """Return what takes a step of some kind: the function, its graph, or what the graph was compiled to."""
        steps = self._expected.steps.get(kind, 0)
        if steps < TRACED_FROM:
            return self._lifted(kind[0], batch_dim)
        step, members = self._traced_step(kind, batch_dim, arguments), len(self._params.noise_seed)
        if not step.compiled and self._graphs.compile and pays(step, steps, members, self._expected.bytes_each):
            # Compiled for a state without shared memory, the rule; if entries share some, it is compiled again.
            self._graphs.compile = compile_step(step, leaves((clone_leaves(arguments[0]), *arguments[1:])))
        return step

    def _lifted(self, due: tuple[int, ...], batch_dim: int | None) -> Step:
        def one(
            state: State, numbers: Tree, index: tuple[Tensor, ...], batch: Tree, data: Tree, validation: Tree
        ) -> tuple[State, Values]:
            samples = StepData(Batch(**batch), Batch(**data), Batch(**validation) if validation else None)
            return self._step_of_one(due, state, numbers, StepIndex(*index), samples)

        return vmap(one, in_dims=(0, 0, (0, None, None), batch_dim, self._data_dim, self._data_dim))

    def _traced_step(self, kind: StepKind, batch_dim: int | None, arguments: tuple[Any, ...]) -> Traced:
        def trace() -> Traced:
            # Where two entries of the state are one tensor, a trace would take them for one for all time.
            return self._traced(self._lifted(kind[0], batch_dim), (clone_leaves(arguments[0]), *arguments[1:]))

        return self._graphs.get((self._kind, kind, batch_dim), trace)

    def _traced(self, lifted: Callable[..., Any], arguments: tuple[Any, ...]) -> Traced:
        with _refused(NOT_LIFTED):
            traced = Traced(lifted, arguments)
        if self._params.noise_seed.device.type == "cpu":
            traced.run = traced.graph = simplified(channels_last(traced.graph, leaves(arguments)))
        return traced

    def _step_of_one(
        self, due: tuple[int, ...], state: State, numbers: Tree, index: StepIndex, samples: StepData
    ) -> tuple[State, Values]:
        """One step of one network: no tensor in here has a member dimension."""
        needs = frozenset(need for number in due for need in self._spec.probes[number].required())
        parameters, buffers = state["parameters"], state["buffers"]
        key = mix(index.seed) + index.step  # neighbouring seeds must not have the same keys at neighbouring steps
        result = self._network.forward_backward(parameters, buffers, samples.batch, key, needs)
        groups = self._spec.groups
        multipliers = groups.multipliers(numbers, parameters.dtype) if groups else None
        rate, reason, control = self._rate(state, numbers["lr"], multipliers, index, result, samples.batch)
        all_numbers: dict[str, Number] = {**self._spec.constants, **numbers, "lr": rate}
        rates = rate if multipliers is None else rate.to(parameters.dtype) * multipliers
        updated, rule = self._spec.rule.update(parameters, result.gradient, state["rule"], all_numbers | {"lr": rates})
        diverged_at = _first_not_finite(result, index.step, state[DIVERGED_AT])
        # `where` evaluates both branches: a member that has diverged computes on, but nothing of it is kept.
        alive = diverged_at < 0
        kept = torch.where(alive, updated, parameters)
        kept_buffers = {name: torch.where(alive, fresh, buffers[name]) for name, fresh in result.buffers.items()}
        moment = self._moment(parameters, kept, rate, result)
        moment = dataclasses.replace(moment, rate_reason=reason, **self._stability(rule, all_numbers, multipliers))
        moment = dataclasses.replace(moment, **self._evaluated(parameters, buffers, samples, key, needs))
        values, memories = self._measured(due, state["probes"], moment)
        after = {"parameters": kept, "buffers": kept_buffers, "rule": rule, "controller": control, "probes": memories}
        # Traced steps take flat arguments: the state after a step must have the order of that before.
        return ordered({**after, DIVERGED_AT: diverged_at}, state), {**values, DIVERGED_AT: diverged_at}

    def _rate(
        self, state: State, lr: Tensor, multipliers: Tensor | None, index: StepIndex, result: StepOutput, batch: Batch
    ) -> tuple[Tensor, Tensor | None, State]:
        """Return the learning rate of the update, its reason, and the state of the controller."""
        if self._spec.controller is None:
            return lr * index.scale, None, {}
        parameters, key = state["parameters"], mix(index.seed) + index.step
        product = self._network.curvature(parameters, state["buffers"], batch, key).product
        feedback = Feedback(lr, index.step, result.loss, parameters, result.gradient, product)
        if multipliers is not None:
            feedback = feedback.in_units_of(multipliers.sqrt())
        return self._spec.controller.control(state["controller"], feedback)

    def _moment(self, parameters: Tensor, kept: Tensor, rate: Tensor, result: StepOutput) -> Moment:
        tree = self._network.layout.tree
        return Moment(
            structure=self._network.structure,
            loss=result.loss,
            learning_rate=rate,
            parameters=tree(parameters),
            gradients=tree(result.gradient),
            gradient=result.gradient,
            update=kept - parameters,
            batch_outputs=result.outputs,
            activations=result.activations,
            activation_gradients=result.activation_gradients,
        )

    def _stability(self, rule: State, numbers: Mapping[str, Number], multipliers: Tensor | None) -> dict[str, Any]:
        """Return the fields of a moment that say when the rule is stable."""
        if not hasattr(self._spec.rule, "stability"):
            return {}
        stability: Stability = self._spec.rule.stability(rule, numbers)
        if multipliers is not None:
            stability = stability.with_multipliers(multipliers)
        limit = torch.as_tensor(stability.limit, dtype=torch.float64, device=self._params.noise_seed.device)
        return {"stability_limit": limit, "preconditioner": stability.preconditioner}

    def _evaluated(
        self, parameters: Tensor, buffers: Tree, samples: StepData, key: Tensor, needs: frozenset[Need]
    ) -> dict[str, Any]:
        """Return the fields of a moment that cost more than the step itself, as far as probes need them."""
        network, data, validation = self._network, samples.data, samples.validation
        curved = (network.curvature(parameters, buffers, batch, key) for batch in (data, samples.batch))
        fields: dict[str, Any] = dict(zip(("curvature", "batch_curvature"), curved, strict=True))
        fields |= {"batch_targets": samples.batch.targets}
        if "evaluation" in needs:
            outputs = network.evaluate(parameters, buffers, data.inputs)
            fields |= {"inputs": data.inputs, "outputs": outputs, "targets": data.targets}
        if "validation" in needs and validation:
            outputs = network.evaluate(parameters, buffers, validation.inputs)
            loss = network.loss_of(outputs, validation.targets)
            fields |= {"val_loss": loss, "val_outputs": outputs, "val_targets": validation.targets}
        return fields

    def _measured(self, due: tuple[int, ...], states: State, moment: Moment) -> tuple[Values, State]:
        values: Values = {}
        states = dict(states)
        for number, probe in enumerate(self._spec.probes):
            if number in due:
                measured, states[str(number)] = probe.measure(states[str(number)], moment)
                values |= measured
            elif probe.follows:
                states[str(number)] = probe.follow(states[str(number)], moment)
        return values, states


def _tree(batch: Batch) -> Tree:
    return {"inputs": batch.inputs, "targets": batch.targets}


def _first_not_finite(result: StepOutput, step: Tensor, before: Tensor) -> Tensor:
    """Return the first step with a loss or gradient that is not finite, -1 if there was none yet."""
    # 0 times a number is 0 unless it is not finite; the sum takes fewer passes over the gradient than `isfinite`.
    finite = torch.isfinite(result.loss) & ((result.gradient * 0).sum() == 0)
    return torch.where((before < 0) & ~finite, step, before)
