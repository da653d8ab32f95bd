"""How something that has one number a parameter is dealt to the neurons that the parameters belong to."""

from math import prod

from torch import Tensor

from lrscope.probes._structure import Parameter, Structure
from lrscope.records import Variable, identifier


def share_labels(quantity: str, long_name: str, structure: Structure) -> tuple[Variable, ...]:
    """Return a label a layer: ``<quantity>_<layer>`` (neuron); parameters with neurons of their own have their own."""
    labels: dict[str, Variable] = {}
    for one in structure.parameters:
        name, dims = _name(quantity, one), (one.neuron_dim,)
        labels[name] = Variable(name, quantity, long_name, "1", "values", dims, _owner(one), one.part)
    return tuple(labels.values())


def shares(quantity: str, squares: Tensor, structure: Structure) -> dict[str, Tensor]:
    """Return each neuron's share of a sum over all parameters.

    Parameters
    ----------
    squares : (parameter) not negative, in the order of the structure's parameters

    Returns
    -------
    shares : ``<quantity>_<layer>`` -> (neuron), ``<quantity>_<parameter>`` for those with neurons of their own; all
        neurons together make 1
    """
    total = squares.sum()
    pieces = squares.split([prod(one.shape) for one in structure.parameters])
    by_layer: dict[str, Tensor] = {}
    for one, piece in zip(structure.parameters, pieces, strict=True):
        by_neuron = one.by_neuron(piece.reshape(one.shape))
        of_neuron = (by_neuron if by_neuron.ndim == 1 else by_neuron.sum(1)) / total
        name = _name(quantity, one)
        by_layer[name] = by_layer[name] + of_neuron if name in by_layer else of_neuron
    return by_layer


def _name(quantity: str, parameter: Parameter) -> str:
    return f"{quantity}_{identifier(_owner(parameter))}"


def _owner(parameter: Parameter) -> str:
    """Return the layer whose neurons they are, or the parameter itself if it has its own."""
    return parameter.name if parameter.own_neurons else parameter.layer
