"""Weights, biases and their gradients, neuron by neuron."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import prod
from typing import Literal

import torch
from torch import Tensor

from lrscope.probes._activations import activation_labels, activation_values, offered_layers
from lrscope.probes._moment import Every, Moment, Need, Probe, State, When
from lrscope.probes._structure import Layer, Parameter, Structure, select
from lrscope.records import STD, VALUES, Variable, identifier
from lrscope.specification import specification

Detail = Literal["values", "std", "statistics"]
Patterns = tuple[str, ...]
EVERY_EPOCH = Every(1, "epoch")
_STATISTICS = {"mean": "mean of the {}", STD: "spread of the {}", "norm": "norm of the {}"}
"""Statistic over the inputs of a neuron -> what its axis is called."""
_PIECE = 2**18
"""Elements of which statistics are computed at once: temporaries stay in the cache, and small beside the model."""


@specification
class Weights(Probe):
    """The weights of the chosen layers.

    Attributes
    ----------
    include, exclude : shell patterns of layer paths, e.g. ``("encoder.*",)``; all layers by default
    detail : ``values`` for all weights (neuron, input). For large models: ``statistics`` for each neuron's mean,
        population standard deviation and Euclidean norm over its inputs, or ``std`` for the second of them only.
        ``statistics`` keeps the values where a neuron has one number only, such as a bias
    when : cadence; the end of every epoch by default
    """

    include: Patterns = ()
    exclude: Patterns = ()
    detail: Detail = "values"
    when: When = EVERY_EPOCH

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return one label a layer, ``weights_encoder_0`` (neuron, input), or one for each of its statistics."""
        return tuple(label for labels in _chosen(self, structure).values() for label in labels)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the weights of each layer."""
        return _values(_chosen(self, moment.structure), moment.parameters, self.detail), state


@specification
class Biases(Weights):
    """The biases of the chosen layers: ``biases_encoder_0`` (neuron); the attributes are those of `Weights`."""


@specification
class Gradients(Probe):
    """The loss's gradients for weights and biases and, on request, for activations.

    Attributes
    ----------
    of : any of ``weights``, ``biases``, ``activations``
    include, exclude, detail, when : as in `Weights`; of activations the statistics over the samples are recorded. A
        pattern must match something of what `of` names, not something of each: ``1`` may be an activation function.
    """

    of: tuple[Literal["weights", "biases", "activations"], ...] = ("weights", "biases")
    include: Patterns = ()
    exclude: Patterns = ()
    detail: Detail = "values"
    when: When = EVERY_EPOCH

    def required(self) -> frozenset[Need]:
        """Return ``activation_gradients`` if they are asked for."""
        return frozenset({"activation_gradients"}) if "activations" in self.of else frozenset()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return labels such as ``weight_gradients_encoder_0`` (neuron, input)."""
        parameters, layers = _chosen_of(self, structure)
        own = (label for labels in parameters.values() for label in labels)
        return (*own, *activation_labels("activation_gradients", layers))

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the gradients of each layer."""
        parameters, layers = _chosen_of(self, moment.structure)
        values = _values(parameters, moment.gradients, self.detail)
        return values | activation_values("activation_gradients", layers, moment.activation_gradients), state


Labels = tuple[Variable, ...]


# A loop that records every step asks for the same choice again and again: it is made once.
@lru_cache(maxsize=64)
def _chosen(probe: Weights, structure: Structure) -> dict[Parameter, Labels]:
    quantity = "biases" if isinstance(probe, Biases) else "weights"
    offered = (one for one in structure.parameters if one.is_bias == isinstance(probe, Biases))
    return {one: _labels(quantity, one, probe.detail) for one in select(offered, probe.include, probe.exclude)}


@lru_cache(maxsize=64)
def _chosen_of(probe: Gradients, structure: Structure) -> tuple[dict[Parameter, Labels], tuple[Layer, ...]]:
    """Return parameters with their labels, and layers; a pattern may match either."""
    kinds = {True: "biases" in probe.of, False: "weights" in probe.of}
    layers = offered_layers(structure, probe.include) if "activations" in probe.of else ()
    offered: list[Parameter | Layer] = [*(one for one in structure.parameters if kinds[one.is_bias]), *layers]
    chosen = select(offered, probe.include, probe.exclude)
    parameters = [one for one in chosen if isinstance(one, Parameter)]
    return (
        {
            one: _labels("bias_gradients" if one.is_bias else "weight_gradients", one, probe.detail)
            for one in parameters
        },
        tuple(one for one in chosen if isinstance(one, Layer)),
    )


def _labels(quantity: str, parameter: Parameter, detail: Detail) -> Labels:
    """Return the label of the values, or those of the statistics."""
    layer, words = identifier(parameter.layer), quantity.replace("_", " ")
    dims: tuple[str, ...] = (parameter.neuron_dim, f"input_{layer}")
    if detail == VALUES or (detail == "statistics" and _inputs(parameter) == 1):
        inner = f"{quantity}_{layer}"
        dims = dims[:1] if parameter.is_bias else dims
        return (Variable(inner, quantity, words, "1", VALUES, dims, parameter.layer, parameter.module),)
    names = {
        statistic: (f"{quantity}_{statistic}_{layer}", _STATISTICS[statistic].format(words))
        for statistic in (_STATISTICS if detail == "statistics" else (STD,))
    }
    return tuple(
        Variable(inner, quantity, long_name, "1", statistic, dims[:1], parameter.layer, parameter.module)
        for statistic, (inner, long_name) in names.items()
    )


def _values(chosen: Mapping[Parameter, Labels], tensors: Mapping[str, Tensor], detail: Detail) -> dict[str, Tensor]:
    """Return what the labels of each parameter name."""
    values: dict[str, Tensor] = {}
    for one, labels in chosen.items():
        by_neuron = one.by_neuron(tensors[one.name])
        if labels[0].statistic == VALUES:
            values[labels[0].name] = by_neuron
        elif detail == STD:
            values[labels[0].name] = _spread(by_neuron)
        else:
            values |= zip((label.name for label in labels), _statistics(by_neuron), strict=True)
    return values


def _spread(by_neuron: Tensor) -> Tensor:
    """Return each neuron's population deviation; the absolute value of a single element."""
    if by_neuron.ndim == 1:
        return by_neuron.abs()
    if by_neuron.shape[1] == 1:
        return by_neuron[:, 0].abs()
    return (by_neuron - by_neuron.mean(1, keepdim=True)).square().mean(1).sqrt()


def _statistics(by_neuron: Tensor) -> Iterator[Tensor]:
    """Yield mean, population deviation and norm of each row, in the order of `_STATISTICS`.

    Some rows at a time, so that no temporary is as large as the tensor; `var` is ten times slower on a CPU.
    """
    pieces = []
    for rows in by_neuron.split(max(1, _PIECE // max(1, by_neuron.shape[1]))):
        mean = rows.mean(1, keepdim=True)
        pieces.append(torch.stack([mean[:, 0], (rows - mean).square().mean(1).sqrt(), rows.square().sum(1).sqrt()]))
    yield from torch.cat(pieces, 1)


def _inputs(parameter: Parameter) -> int:
    return prod(parameter.shape) // max(1, parameter.neurons)
