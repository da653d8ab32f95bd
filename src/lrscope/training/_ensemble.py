"""Many networks as one: the only place where members are a dimension of tensors.

A step of one network is written as a pure function, lifted over the members with `torch.func.vmap`, and traced once
into a graph of plain tensor operations. Running the graph instead of the transforms saves their overhead at every
step: about a third of the time for the paper's autoencoder.
"""

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import vmap
from torch.fx.experimental.proxy_tensor import make_fx

from lrscope.errors import InputError
from lrscope.optim import Number, UpdateRule
from lrscope.probes import Moment, Probe
from lrscope.records import DIVERGED_AT
from lrscope.training._graph import simplified, without_python
from lrscope.training._network import Batch, Network, Pass, in_words
from lrscope.training._noise import mix
from lrscope.training._tape import Tree

State = dict[str, Any]
Values = dict[str, Tensor]
Step = Callable[..., tuple[State, Values]]


_TRACING = threading.Lock()
"""PyTorch's tracer keeps what it does in module variables: one trace at a time in a process."""


class Graphs:
    """Traced steps, by what they depend on. Ensembles of the same network, rule and probes share them."""

    def __init__(self) -> None:
        self._traced: dict[object, Step] = {}

    def get(self, key: object, trace: Callable[[], Step]) -> Step:
        """Return the step of a key, traced if it is the first."""
        with _TRACING:
            if key not in self._traced:
                self._traced[key] = trace()
            return self._traced[key]


@dataclass(frozen=True)
class Columns:
    """What distinguishes the members of an ensemble, one entry a member.

    Attributes
    ----------
    numbers : name of a number of the update rule (``lr``, ...) -> (member) float64
    noise_seed : (member) int64
    """

    numbers: Mapping[str, Tensor]
    noise_seed: Tensor


@dataclass(frozen=True)
class Clock:
    """Of one member at one step: its noise seed, the number of the step, the factor of its learning rate; scalars."""

    seed: Tensor
    step: Tensor
    scale: Tensor


class Ensemble:
    """The members that are trained together: one network, many parameter vectors.

    Parameters
    ----------
    network, rule, probes : written for one network
    constants : numbers of the rule that are the same for all members
    columns : numbers and seeds that are each member's own
    data : the whole data set, (sample, ...) if shared by all members, (member, sample, ...) if each has its own
    shared : which of the two
    graphs : of ensembles of the same network, rule and probes; those traced here are added
    """

    def __init__(
        self,
        network: Network,
        rule: UpdateRule,
        probes: Sequence[Probe],
        constants: Mapping[str, float],
        columns: Columns,
        data: Batch,
        shared: bool,
        graphs: Graphs,
    ) -> None:
        self._network = network
        self._rule = rule
        self._probes = tuple(probes)
        self._constants = dict(constants)
        self._columns = columns
        self._data = data
        self._data_dim = None if shared else 0
        self._graphs = graphs

    def initial_state(self, parameters: Tensor, buffers: Tree) -> State:
        """Return the state before the first step, from parameters (member, parameter) and buffers (member, ...)."""
        members = len(parameters)
        return {
            "parameters": parameters,
            "buffers": buffers,
            "rule": vmap(self._rule.init)(parameters),
            "probes": {
                str(number): vmap(lambda vector, probe=probe: probe.init(self._network.layout.tree(vector)))(parameters)
                for number, probe in enumerate(self._probes)
            },
            DIVERGED_AT: torch.full((members,), -1, dtype=torch.int64, device=parameters.device),
        }

    def step(
        self, state: State, step: int, factor: float, due: tuple[int, ...], order: Tensor | None
    ) -> tuple[State, Values]:
        """Return the state after one step, and what the due probes measured at it, (member, ...).

        Parameters
        ----------
        factor : of each member's learning rate at this step
        due : numbers of the probes that measure at this step
        order : (member, sample) indices of each member's batch; None for the full batch
        """
        batch, batch_dim = self._batch(order)
        device = state["parameters"].device
        now = torch.tensor(step, dtype=torch.int64, device=device)
        scale = torch.tensor(factor, dtype=torch.float64, device=device)
        arguments = (state, dict(self._columns.numbers), self._columns.noise_seed, now, scale, batch, self._data_tree())
        key = (due, len(state["parameters"]), tuple(batch["inputs"].shape), batch_dim, self._data_dim)
        run = self._graphs.get(key, lambda: self._traced(due, batch_dim, arguments))
        with torch.no_grad():
            return run(*arguments)

    def _batch(self, order: Tensor | None) -> tuple[Tree, int | None]:
        if order is None:
            return self._data_tree(), self._data_dim
        rows = order if self._data_dim is None else (torch.arange(len(order), device=order.device)[:, None], order)
        return {"inputs": self._data.inputs[rows], "targets": self._data.targets[rows]}, 0

    def _data_tree(self) -> Tree:
        return {"inputs": self._data.inputs, "targets": self._data.targets}

    def _traced(
        self, due: tuple[int, ...], batch_dim: int | None, arguments: tuple[Any, ...]
    ) -> Callable[..., tuple[State, Values]]:
        def one(
            state: State, numbers: Tree, seed: Tensor, step: Tensor, scale: Tensor, batch: Tree, data: Tree
        ) -> tuple[State, Values]:
            return self._step_of_one(due, state, numbers, Clock(seed, step, scale), Batch(**batch), Batch(**data))

        lifted = vmap(one, in_dims=(0, 0, 0, None, None, batch_dim, self._data_dim))
        try:
            graph = simplified(make_fx(lifted)(*arguments))
        except (RuntimeError, ValueError, TypeError) as error:
            remedy = "It must use tensor operations only, without branches on values; dropout through nn.Dropout."
            raise InputError(f"model must be trainable under torch.func.vmap. {remedy} {in_words(error)}") from error
        return without_python(graph, arguments) if self._columns.noise_seed.device.type == "cpu" else graph

    def _step_of_one(
        self, due: tuple[int, ...], state: State, numbers: Tree, clock: Clock, batch: Batch, data: Batch
    ) -> tuple[State, Values]:
        """One step of one network: no tensor in here has a member dimension."""
        probes = {number: self._probes[number] for number in due}
        needs = frozenset(need for probe in probes.values() for need in probe.required())
        parameters, buffers = state["parameters"], state["buffers"]
        result = self._network.forward_back(parameters, buffers, batch, mix(clock.seed) + clock.step, needs)
        rate = numbers["lr"] * clock.scale
        all_numbers: dict[str, Number] = {**self._constants, **numbers, "lr": rate}
        updated, rule = self._rule.update(parameters, result.gradient, state["rule"], all_numbers)
        diverged_at = _first_not_finite(result, clock.step, state[DIVERGED_AT])
        alive = diverged_at < 0
        kept = torch.where(alive, updated, parameters)
        kept_buffers = {name: torch.where(alive, fresh, buffers[name]) for name, fresh in result.buffers.items()}
        moment = self._moment(parameters, kept, rate, result)
        if "evaluation" in needs:
            outputs = self._network.evaluate(parameters, buffers, data.inputs)
            moment = dataclasses.replace(moment, outputs=outputs, targets=data.targets)
        values, memories = _measured(probes, state["probes"], moment)
        after = {"parameters": kept, "buffers": kept_buffers, "rule": rule, "probes": memories}
        return {**after, DIVERGED_AT: diverged_at}, {**values, DIVERGED_AT: diverged_at}

    def _moment(self, parameters: Tensor, kept: Tensor, rate: Tensor, result: Pass) -> Moment:
        tree = self._network.layout.tree
        return Moment(
            structure=self._network.structure,
            loss=result.loss,
            learning_rate=rate,
            parameters=tree(parameters),
            gradients=tree(result.gradient),
            gradient=result.gradient,
            update=kept - parameters,
            activations=result.activations,
            activation_gradients=result.activation_gradients,
        )


def _first_not_finite(result: Pass, step: Tensor, before: Tensor) -> Tensor:
    """Return the first step with a loss or gradient that is not finite, -1 if there was none yet."""
    # 0 times a number is 0 unless it is not finite; the sum takes fewer passes over the gradient than `isfinite`.
    finite = torch.isfinite(result.loss) & ((result.gradient * 0).sum() == 0)
    return torch.where((before < 0) & ~finite, step, before)


def _measured(probes: Mapping[int, Probe], states: State, moment: Moment) -> tuple[Values, State]:
    values: Values = {}
    states = dict(states)
    for number, probe in probes.items():
        measured, states[str(number)] = probe.measure(states[str(number)], moment)
        values |= measured
    return values, states


def to_arrays(state: State, prefix: str = "") -> dict[str, np.ndarray]:
    """Return the tensors of a state as NumPy arrays under path-like names (``rule/mean``), for a checkpoint."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in state.items():
        if isinstance(value, dict):
            arrays |= to_arrays(value, f"{prefix}{name}/")
        else:
            arrays[f"{prefix}{name}"] = value.cpu().numpy().copy()
    return arrays


def from_arrays(arrays: Mapping[str, np.ndarray], like: State, prefix: str = "") -> State:
    """Return a state with the structure and devices of `like` and the values of `to_arrays`."""
    return {
        name: from_arrays(arrays, value, f"{prefix}{name}/")
        if isinstance(value, dict)
        else torch.from_numpy(arrays[f"{prefix}{name}"].copy()).to(value.device)
        for name, value in like.items()
    }
