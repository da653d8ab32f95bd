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
from lrscope.optim import Feedback, Number, Stability, hyperparameters, is_controller
from lrscope.probes import Moment, Need
from lrscope.records import DIVERGED_AT
from lrscope.training._activations import Tree
from lrscope.training._compile import compile_step, pays
from lrscope.training._experiment import Experiment
from lrscope.training._graph import Graphs, Traced, leaves, simplified
from lrscope.training._groups import Groups
from lrscope.training._images import channels_last
from lrscope.training._network import REFUSALS, Batch, Network, StepOutput, in_words
from lrscope.training._noise import mix
from lrscope.training._plan import Members
from lrscope.training._state import State, Values, cloned, part, under

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
class StepData:
    """The samples of one network: of the step's batch, of the whole data set, and those for validation."""

    batch: Batch
    data: Batch
    validation: Batch | None = None


class Ensemble:
    """The members that are trained together: one network, many parameter vectors.

    Parameters
    ----------
    experiment : update rule, schedule and probes of each member
    members : their hyperparameters, seeds and data
    network, groups : for one network; parameters with learning rates of their own
    graphs : of ensembles of the same network and experiment; those traced here are added
    steps : how many of each kind will be taken with these graphs; those that are not named are never traced
    bytes_each : that each member needs while it trains
    """

    def __init__(
        self,
        experiment: Experiment,
        members: Members,
        network: Network,
        groups: Groups | None,
        graphs: Graphs,
        steps: Mapping[StepKind, int],
        bytes_each: int,
    ) -> None:
        self._network, self._groups, self._graphs = network, groups, graphs
        self._steps, self._bytes_each = steps, bytes_each
        self._rule, self._probes = experiment.optimizer, experiment.probes
        self._constants = hyperparameters(self._rule)
        self._controller = experiment.schedule if is_controller(experiment.schedule) else None
        self._data = _tree(members.data.train)
        self._validation = _tree(members.data.validation) if members.data.validation else {}
        self._data_dim = None if members.shared else 0
        self._device = members.data.train.inputs.device
        columns, numbered = members.columns, ("lr", *self._constants, *experiment.group_axes())
        self._numbers = {  # in which the members differ, (member)
            name: torch.tensor(columns[name], dtype=torch.float64, device=self._device)
            for name in numbered
            if name in columns
        }
        self._seeds = torch.tensor(columns["noise_seed"], device=self._device)
        self._kind = len(members), self._data_dim, *members.data.shapes()
        self._runs: dict[StepKind, Step] = {}

    def initial_state(self, parameters: Tensor, buffers: Tree) -> State:
        """Return the state before the first step, from parameters (member, parameter) and buffers (member, ...)."""
        controller, tree = self._controller, self._network.layout.tree
        state = {
            "parameters": parameters,
            **under("buffers/", buffers),
            **under("rule/", vmap(self._rule.init)(parameters)),
            **under("controller/", vmap(controller.init)(parameters) if controller else {}),
        }
        for number, probe in enumerate(self._probes):
            memory = vmap(lambda vector, probe=probe: probe.init(tree(vector)))(parameters)
            state |= under(f"probes/{number}/", memory)
        state[DIVERGED_AT] = torch.full((len(parameters),), -1, dtype=torch.int64, device=parameters.device)
        return cloned(state)

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
        if self._steps.get(kind, 0) >= TRACED_FROM:
            self._traced_step(kind, batch_dim, self._arguments(state, 0, 1.0, batch))

    def evaluated(self, state: State) -> Values:
        """Return the outputs of the networks of a state in evaluation mode.

        Returns
        -------
        values : ``outputs`` (member, sample, ...) and ``loss`` (member) on the validation samples, and
            ``train_outputs`` (member, sample, ...) on the training samples
        """
        arguments = state["parameters"], part(state, "buffers/"), self._data, self._validation

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
        now = torch.tensor(step, dtype=torch.int64, device=self._device)
        scale = torch.tensor(factor, dtype=torch.float64, device=self._device)
        return state, self._numbers, self._seeds, now, scale, batch, self._data, self._validation

    def _batch(self, order: Tensor | None) -> tuple[Tree, int | None]:
        if order is None:
            return self._data, self._data_dim
        rows = order if self._data_dim is None else (torch.arange(len(order), device=order.device)[:, None], order)
        return {name: tensor[rows] for name, tensor in self._data.items()}, 0

    def _run(self, kind: StepKind, batch_dim: int | None, arguments: tuple[Any, ...]) -> Step:
        """Return what takes a step of some kind: the function, its graph, or what the graph was compiled to."""
        steps = self._steps.get(kind, 0)
        if steps < TRACED_FROM:
            return self._lifted(kind[0], batch_dim)
        step, members = self._traced_step(kind, batch_dim, arguments), len(self._seeds)
        if not step.compiled and self._graphs.compile and pays(step, steps, members, self._bytes_each):
            # Compiled for a state without shared memory, the rule; if entries share some, it is compiled again.
            self._graphs.compile = compile_step(step, leaves((cloned(arguments[0]), *arguments[1:])))
        return step

    def _lifted(self, due: tuple[int, ...], batch_dim: int | None) -> Step:
        def one(
            state: State, numbers: Tree, seed: Tensor, step: Tensor, scale: Tensor, *samples: Tree
        ) -> tuple[State, Values]:
            batch, data, validation = samples
            each = StepData(Batch(**batch), Batch(**data), Batch(**validation) if validation else None)
            return self._step_of_one(due, state, numbers, seed, step, scale, each)

        return vmap(one, in_dims=(0, 0, 0, None, None, batch_dim, self._data_dim, self._data_dim))

    def _traced_step(self, kind: StepKind, batch_dim: int | None, arguments: tuple[Any, ...]) -> Traced:
        def trace() -> Traced:
            # Where two entries of the state are one tensor, a trace would take them for one for all time.
            return self._traced(self._lifted(kind[0], batch_dim), (cloned(arguments[0]), *arguments[1:]))

        return self._graphs.get((self._kind, kind, batch_dim), trace)

    def _traced(self, lifted: Callable[..., Any], arguments: tuple[Any, ...]) -> Traced:
        with _refused(NOT_LIFTED):
            traced = Traced(lifted, arguments)
        if self._device.type == "cpu":
            traced.run = traced.graph = simplified(channels_last(traced.graph, leaves(arguments)))
        return traced

    def _step_of_one(
        self,
        due: tuple[int, ...],
        state: State,
        numbers: Tree,
        seed: Tensor,
        step: Tensor,
        scale: Tensor,
        samples: StepData,
    ) -> tuple[State, Values]:
        """One step of one network: no tensor in here has a member dimension."""
        needs = frozenset(need for number in due for need in self._probes[number].required())
        parameters, buffers = state["parameters"], part(state, "buffers/")
        key = mix(seed) + step  # neighbouring seeds must not have the same keys at neighbouring steps
        result = self._network.forward_backward(parameters, buffers, samples.batch, key, needs)
        multipliers = self._groups.multipliers(numbers, parameters.dtype) if self._groups else None
        rate, control = numbers["lr"] * scale, State()
        reason: Tensor | None = None
        if self._controller:
            product = self._network.curvature(parameters, buffers, samples.batch, key).product
            feedback = Feedback(numbers["lr"], step, result.loss, parameters, result.gradient, product)
            if multipliers is not None:
                feedback = feedback.in_units_of(multipliers.sqrt())
            rate, reason, control = self._controller.control(part(state, "controller/"), feedback)
        all_numbers: dict[str, Number] = {**self._constants, **numbers, "lr": rate}
        rates = rate if multipliers is None else rate.to(parameters.dtype) * multipliers
        before = part(state, "rule/")
        updated, rule = self._rule.update(parameters, result.gradient, before, all_numbers | {"lr": rates})
        diverged_at = _first_not_finite(result, step, state[DIVERGED_AT])
        # `where` evaluates both branches: a member that has diverged computes on, but nothing of it is kept.
        alive = diverged_at < 0
        kept = torch.where(alive, updated, parameters)
        kept_buffers = {name: torch.where(alive, fresh, buffers[name]) for name, fresh in result.buffers.items()}
        moment = self._moment(parameters, kept, rate, result)
        moment = dataclasses.replace(moment, rate_reason=reason, **self._stability(rule, all_numbers, multipliers))
        moment = dataclasses.replace(moment, **self._evaluated(parameters, buffers, samples, key, needs))
        values, memories = self._measured(due, state, moment)
        after = {"parameters": kept, **under("buffers/", kept_buffers), **under("rule/", rule), **memories}
        after |= {**under("controller/", control), DIVERGED_AT: diverged_at}
        # Traced steps take flat arguments: the state after a step must have the order of that before.
        return {name: after[name] for name in state}, {**values, DIVERGED_AT: diverged_at}

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
        if not hasattr(self._rule, "stability"):
            return {}
        stability: Stability = self._rule.stability(rule, numbers)
        if multipliers is not None:
            stability = stability.with_multipliers(multipliers)
        limit = torch.as_tensor(stability.limit, dtype=torch.float64, device=self._device)
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

    def _measured(self, due: tuple[int, ...], state: State, moment: Moment) -> tuple[Values, State]:
        """Return the measurements of the due probes, and what all probes remember after the step."""
        values, memories = Values(), State()
        for number, probe in enumerate(self._probes):
            memory = part(state, f"probes/{number}/")
            if number in due:
                measured, memory = probe.measure(memory, moment)
                values |= measured
            elif probe.follows:
                memory = probe.follow(memory, moment)
            memories |= under(f"probes/{number}/", memory)
        return values, memories


def _tree(batch: Batch) -> Tree:
    return {"inputs": batch.inputs, "targets": batch.targets}


def _first_not_finite(result: StepOutput, step: Tensor, before: Tensor) -> Tensor:
    """Return the first step with a loss or gradient that is not finite, -1 if there was none yet."""
    # 0 times a number is 0 unless it is not finite; the sum takes fewer passes over the gradient than `isfinite`.
    finite = torch.isfinite(result.loss) & ((result.gradient * 0).sum() == 0)
    return torch.where((before < 0) & ~finite, step, before)
