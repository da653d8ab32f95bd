"""Probes that measure by themselves: everything but the few whose numbers are part of a row."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from lrscope.probes import Moment, Probe
from lrscope.recorder._layout import Layout
from lrscope.records import Variable
from lrscope.trees import Layout as Tree


@dataclass(frozen=True)
class Given:
    """What is known of a step behind its update: vectors (parameter), scalars."""

    loss: Tensor
    rate: Tensor
    parameters: Tensor
    gradient: Tensor
    update: Tensor


@dataclass
class Slow:
    """The probes by step dimension, what they remember, and the outputs of layers that they wait for."""

    layout: Layout
    outputs: dict[str, Tensor] = field(default_factory=dict)
    gradients: dict[str, Tensor] = field(default_factory=dict)
    _states: dict[tuple[str, int], dict[str, Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tree = Tree({one.name: torch.Size(one.shape) for one in self.layout.structure.parameters})
        needs = {need for _, probe in self._probes() for need in probe.required()}
        self._listens, self._listens_back = bool(needs), "activation_gradients" in needs
        self.follows = any(probe.follows for _, probe in self._probes())
        self.labels = {
            key: {one.name: one for one in probe.labels(self.layout.structure)} for key, probe in self._probes()
        }

    def __bool__(self) -> bool:
        return bool(self.labels)

    def _probes(self) -> Iterator[tuple[tuple[str, int], Probe]]:
        for dim, probes in self.layout.slow.items():
            yield from (((dim, number), probe) for number, probe in enumerate(probes))

    def hear(self, path: str, output: Tensor) -> None:
        """Keep a layer's output, and the loss's gradient for it, until the probes measure."""
        if self._listens:
            self.outputs[path] = output.detach().clone()
        if self._listens_back:
            keep_gradient(self.gradients, path, output)

    def measure(self, due: Iterable[str], given: Given) -> Iterator[tuple[str, Variable, Any]]:
        """Let the probes of the step dimensions `due` measure, the others follow; yield dimension, label and value."""
        if self._listens_back:
            self.gradients = {
                path: self.gradients.get(path, torch.zeros_like(one)) for path, one in self.outputs.items()
            }
        moment = self._moment(given)
        wanted = set(due)
        for key, probe in self._probes():
            if key not in self._states:
                self._states[key] = probe.init(moment.parameters)
            if key[0] in wanted:
                values, self._states[key] = probe.measure(self._states[key], moment)
                for name, value in values.items():
                    yield key[0], self.labels[key][name], value.detach().cpu().numpy()
            elif probe.follows:
                self._states[key] = probe.follow(self._states[key], moment)
        self._states = {key: _kept(state) for key, state in self._states.items()}
        self.outputs.clear()
        self.gradients = {}

    def _moment(self, given: Given) -> Moment:
        return Moment(
            structure=self.layout.structure,
            loss=given.loss,
            learning_rate=given.rate,
            parameters=self._tree.tree(given.parameters),
            gradients=self._tree.tree(given.gradient),
            gradient=given.gradient,
            update=given.update,
            activations=self.outputs,
            activation_gradients=self.gradients,
        )


def keep_gradient(gradients: dict[str, Tensor], path: str, output: Tensor) -> None:
    """Put the loss's gradient for an output into `gradients` when the pass comes back."""

    def keep(gradient: Tensor) -> None:
        gradients[path] = gradient.detach().clone()

    gradients.pop(path, None)
    if output.requires_grad:
        output.register_hook(keep)


def wants_gradients(probes: Iterable[Probe]) -> bool:
    """Tell whether a probe measures the loss's gradients for the outputs of layers."""
    return any("activation_gradients" in probe.required() for probe in probes)


def _kept(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a state in memory of its own: the moment's is used again."""
    return {name: value.clone() for name, value in state.items()}
