"""How something that has one number a parameter is dealt to the neurons that the parameters belong to."""

from torch import Tensor

from lrscope.probes._structure import Parameter, Structure
from lrscope.records import Variable, identifier


def share_labels(quantity: str, long_name: str, structure: Structure) -> tuple[Variable, ...]:
    """Return a label a layer: ``<quantity>_<layer>`` (neuron)."""
    layers = {one.layer: one for one in structure.parameters}
    return tuple(
        Variable(
            _name(quantity, layer),
            quantity,
            long_name,
            "1",
            "values",
            (f"neuron_{identifier(layer)}",),
            layer,
            one.part,
        )
        for layer, one in layers.items()
    )


def shares(quantity: str, squares: Tensor, structure: Structure) -> dict[str, Tensor]:
    """Return each neuron's share of a sum over all parameters.

    Parameters
    ----------
    squares : (parameter) not negative, in the order of the structure's parameters

    Returns
    -------
    shares : ``<quantity>_<layer>`` -> (neuron); all neurons of all layers together make 1
    """
    total = squares.sum()
    pieces = squares.split([_size(one) for one in structure.parameters])
    found: dict[str, Tensor] = {}
    for one, piece in zip(structure.parameters, pieces, strict=True):
        by_neuron = one.by_neuron(piece.reshape(one.shape))
        of_neuron = (by_neuron if by_neuron.ndim == 1 else by_neuron.sum(1)) / total
        name = _name(quantity, one.layer)
        found[name] = found[name] + of_neuron if name in found else of_neuron
    return found


def _name(quantity: str, layer: str) -> str:
    return f"{quantity}_{identifier(layer)}"


def _size(parameter: Parameter) -> int:
    size = 1
    for length in parameter.shape:
        size *= length
    return size
