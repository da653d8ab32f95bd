"""Weights, biases and their gradients, neuron by neuron."""

from functools import lru_cache
from typing import Literal

from torch import Tensor

from lrscope.probes._activations import activation_labels, activation_values, offered_layers
from lrscope.probes._moment import Every, Moment, Need, Probe, State, When
from lrscope.probes._structure import Layer, Parameter, Structure, select
from lrscope.records import STD, VALUES, Variable, identifier
from lrscope.specification import specification

Detail = Literal["values", "std"]
Patterns = tuple[str, ...]
EVERY_EPOCH = Every(1, "epoch")


@specification
class Weights(Probe):
    """The weights of the chosen layers.

    Attributes
    ----------
    include, exclude : shell patterns of layer paths, e.g. ``("encoder.*",)``; all layers by default
    detail : ``values`` for all weights (neuron, input); ``std`` for each neuron's spread only, for large models
    when : cadence; the end of every epoch by default
    """

    include: Patterns = ()
    exclude: Patterns = ()
    detail: Detail = "values"
    when: When = EVERY_EPOCH

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return one label a layer: ``weights_encoder_0`` (neuron, input)."""
        return tuple(_chosen(self, structure).values())

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the weights of each layer."""
        chosen = _chosen(self, moment.structure).items()
        return {label.name: _value(one, moment.parameters[one.name], self.detail) for one, label in chosen}, state


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
        return (*parameters.values(), *activation_labels("activation_gradients", layers))

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the gradients of each layer."""
        parameters, layers = _chosen_of(self, moment.structure)
        values = {label.name: _value(one, moment.gradients[one.name], self.detail) for one, label in parameters.items()}
        return values | activation_values("activation_gradients", layers, moment.activation_gradients), state


# A loop that records every step asks for the same choice again and again: it is made once.
@lru_cache(maxsize=64)
def _chosen(probe: Weights, structure: Structure) -> dict[Parameter, Variable]:
    quantity = "biases" if isinstance(probe, Biases) else "weights"
    offered = (one for one in structure.parameters if one.is_bias == isinstance(probe, Biases))
    return {one: _label(quantity, one, probe.detail) for one in select(offered, probe.include, probe.exclude)}


@lru_cache(maxsize=64)
def _chosen_of(probe: Gradients, structure: Structure) -> tuple[dict[Parameter, Variable], tuple[Layer, ...]]:
    """Return parameters with their labels, and layers; a pattern may match either."""
    kinds = {True: "biases" in probe.of, False: "weights" in probe.of}
    layers = offered_layers(structure, probe.include) if "activations" in probe.of else ()
    offered: list[Parameter | Layer] = [*(one for one in structure.parameters if kinds[one.is_bias]), *layers]
    chosen = select(offered, probe.include, probe.exclude)
    parameters = [one for one in chosen if isinstance(one, Parameter)]
    return (
        {one: _label("bias_gradients" if one.is_bias else "weight_gradients", one, probe.detail) for one in parameters},
        tuple(one for one in chosen if isinstance(one, Layer)),
    )


def _label(quantity: str, parameter: Parameter, detail: Detail) -> Variable:
    layer = identifier(parameter.layer)
    inner = f"{quantity}_{layer}" if detail == VALUES else f"{quantity}_{STD}_{layer}"
    dims = (parameter.neuron_dim, f"input_{layer}")[: 1 if parameter.is_bias or detail == STD else 2]
    words = quantity.replace("_", " ")
    long_name = words if detail == VALUES else f"spread of the {words}"
    return Variable(inner, quantity, long_name, "1", detail, dims, parameter.layer, parameter.module)


def _value(parameter: Parameter, tensor: Tensor, detail: Detail) -> Tensor:
    """Return a tensor by neuron, or each neuron's population deviation; the absolute value of a single element."""
    by_neuron = parameter.by_neuron(tensor)
    if detail == VALUES:
        return by_neuron
    if by_neuron.ndim == 1:
        return by_neuron.abs()
    if by_neuron.shape[1] == 1:
        return by_neuron[:, 0].abs()
    return (by_neuron - by_neuron.mean(1, keepdim=True)).square().mean(1).sqrt()
