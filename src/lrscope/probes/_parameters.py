"""Weights, biases and their gradients, neuron by neuron."""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from lrscope.probes._activations import activation_labels, activation_values, offered_layers
from lrscope.probes._cadence import At, Every, LogSpaced
from lrscope.probes._moment import Moment, Need, Probe, State
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
    detail : ``values`` for all weights (neuron, input); ``spread`` for each neuron's spread only, for large models
    when : cadence; the end of every epoch by default
    """

    include: Patterns = ()
    exclude: Patterns = ()
    detail: Detail = "values"
    when: Every | LogSpaced | At = EVERY_EPOCH

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return one label a layer: ``weights_encoder_0`` (neuron, input)."""
        return tuple(_label("weights", one, self.detail) for one in self._chosen(structure))

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the weights of each layer."""
        return _values("weights", self._chosen(moment.structure), moment.parameters, self.detail), state

    def _chosen(self, structure: Structure) -> list[Parameter]:
        return select((one for one in structure.parameters if not one.is_bias), self.include, self.exclude)


@specification
class Biases(Probe):
    """The biases of the chosen layers; the attributes are those of `Weights`."""

    include: Patterns = ()
    exclude: Patterns = ()
    detail: Detail = "values"
    when: Every | LogSpaced | At = EVERY_EPOCH

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return one label a layer: ``biases_encoder_0`` (neuron)."""
        return tuple(_label("biases", one, self.detail) for one in self._chosen(structure))

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the biases of each layer."""
        return _values("biases", self._chosen(moment.structure), moment.parameters, self.detail), state

    def _chosen(self, structure: Structure) -> list[Parameter]:
        return select((one for one in structure.parameters if one.is_bias), self.include, self.exclude)


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
    when: Every | LogSpaced | At = EVERY_EPOCH

    def required(self) -> frozenset[Need]:
        """Return ``activation_gradients`` if they are asked for."""
        return frozenset({"activation_gradients"}) if "activations" in self.of else frozenset()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return labels such as ``weight_gradients_encoder_0`` (neuron, input)."""
        parameters, layers = self._chosen(structure)
        labels = tuple(_label(_quantity(one), one, self.detail) for one in parameters)
        return labels + activation_labels("activation_gradients", layers)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the gradients of each layer."""
        parameters, layers = self._chosen(moment.structure)
        values: dict[str, Tensor] = {}
        for one in parameters:
            values |= _values(_quantity(one), [one], moment.gradients, self.detail)
        return values | activation_values("activation_gradients", layers, moment.activation_gradients), state

    def _chosen(self, structure: Structure) -> tuple[list[Parameter], list[Layer]]:
        """Return parameters and layers; a pattern may match either."""
        kinds = {True: "biases" in self.of, False: "weights" in self.of}
        layers = offered_layers(structure, self.include) if "activations" in self.of else ()
        parameters = [one for one in structure.parameters if kinds[one.is_bias]]
        offered: list[Parameter | Layer] = [*parameters, *layers]
        chosen = select(offered, self.include, self.exclude)
        return [one for one in chosen if isinstance(one, Parameter)], [one for one in chosen if isinstance(one, Layer)]


def _quantity(parameter: Parameter) -> str:
    return "bias_gradients" if parameter.is_bias else "weight_gradients"


def _label(quantity: str, parameter: Parameter, detail: Detail) -> Variable:
    layer = identifier(parameter.layer)
    inner = f"{quantity}_{layer}" if detail == VALUES else f"{quantity}_{STD}_{layer}"
    dims = (parameter.neuron_dim, f"input_{layer}")[: 1 if parameter.is_bias or detail == STD else 2]
    words = quantity.replace("_", " ")
    long_name = words if detail == VALUES else f"spread of the {words}"
    return Variable(inner, quantity, long_name, "1", detail, dims, parameter.layer, parameter.part)


def _values(quantity: str, chosen: list[Parameter], tensors: Mapping[str, Tensor], detail: Detail) -> dict[str, Tensor]:
    by_neuron = {_label(quantity, one, detail).name: one.by_neuron(tensors[one.name]) for one in chosen}
    if detail == VALUES:
        return by_neuron
    return {name: _spread(tensor) for name, tensor in by_neuron.items()}


def _spread(by_neuron: Tensor) -> Tensor:
    """Return each neuron's population deviation over its elements; the absolute value where it has one only."""
    if by_neuron.ndim == 1:
        return by_neuron.abs()
    if by_neuron.shape[1] == 1:
        return by_neuron[:, 0].abs()
    return (by_neuron - by_neuron.mean(1, keepdim=True)).square().mean(1).sqrt()
