"""Outputs of the layers, as statistics of each neuron over the samples or as they are, and of the whole network."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from lrscope.errors import InputError
from lrscope.probes._moment import At, Every, Moment, Need, Probe, State, When
from lrscope.probes._structure import Layer, Structure, select
from lrscope.records import VALUES, Variable, identifier
from lrscope.specification import specification

_NARROW = 2**15
"""Outputs of up to so many elements are measured together."""
STATISTICS = {
    "mean": "mean over the samples of the {}",
    "std": "standard deviation over the samples of the {}",
    "min": "smallest {} over the samples",
    "max": "largest {} over the samples",
    "active": "share of the samples with {} above 0",
}
"""Statistic -> what its axis is called."""


@specification
class Activations(Probe):
    """The outputs of the chosen layers on the step's batch.

    Attributes
    ----------
    include, exclude : shell patterns of module paths. By default the activation functions (``nn.ReLU`` and its kin,
        classes of other libraries that have no parameters, recurrent layers); of a block that has none, such as
        ``encoder.layers.0``, every module without children.
    full : record the outputs themselves, (sample, neuron) or (sample, neuron, position) for convolutions, instead of
        each neuron's mean, standard deviation, minimum, maximum and active share over the samples
    when : cadence; the end of every epoch by default
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    full: bool = False
    when: When = Every(1, "epoch")
    needs = frozenset[Need]({"activations"})

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return labels such as ``activations_mean_encoder_1`` (neuron)."""
        layers = _chosen(self, structure)
        return tuple(map(_full_label, layers)) if self.full else activation_labels("activations", layers)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the statistics, or the outputs, of each layer."""
        layers = _chosen(self, moment.structure)
        if not self.full:
            return activation_values("activations", layers, moment.activations), state
        outputs = {layer: layer.by_sample(moment.activations[layer.path]) for layer in layers}
        return {
            _full_label(layer).name: output if _has_positions(layer) else output[:, :, 0]
            for layer, output in outputs.items()
        }, state


@lru_cache(maxsize=64)
def _chosen(probe: Activations, structure: Structure) -> tuple[Layer, ...]:
    return tuple(select(offered_layers(structure, probe.include), probe.include, probe.exclude))


def offered_layers(structure: Structure, include: tuple[str, ...]) -> tuple[Layer, ...]:
    """Return the layers among which patterns choose.

    Without any, these are the activation functions; of a block that has none all layers.
    """
    if include:
        return structure.layers
    activations = [path for layer in structure.layers if layer.is_activation for path in (layer.path, *layer.aliases)]
    blocks = {_block(layer.path) for layer in structure.layers}
    speaking = {block for block in blocks if any(path.startswith(block) for path in activations)}
    return tuple(layer for layer in structure.layers if layer.is_activation or _block(layer.path) not in speaking)


def _block(path: str) -> str:
    """Return where the block of a layer begins: up to the first number of a module with layers in it, or the first
    name: ``encoder.layers.0.`` of ``encoder.layers.0.mlp.act``, ``head.`` of ``head.norm``, nothing of ``norm``.
    """
    parents = path.split(".")[:-1]
    first = next((place for place, name in enumerate(parents) if name.isdecimal()), 0)
    return "".join(f"{name}." for name in parents[: first + 1])


def activation_labels(quantity: str, layers: Sequence[Layer]) -> tuple[Variable, ...]:
    """Return one label for each layer and statistic."""
    return tuple(_label(quantity, layer, statistic) for layer in layers for statistic in STATISTICS)


def activation_values(quantity: str, layers: Sequence[Layer], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the statistics over samples and positions of each layer, by variable name, in the order of the layers."""
    values: dict[str, Tensor] = {}
    narrow: dict[int, list[Layer]] = {}
    for layer in layers:
        output = tensors[layer.path]
        if output.ndim == 2 and output.numel() <= _NARROW:
            narrow.setdefault(len(output), []).append(layer)
        else:
            samples = output if output.ndim == 2 else layer.by_sample(output)
            values |= zip(_names(quantity, layer), _statistics(samples), strict=True)
    for together in narrow.values():
        # Of small layers the calls cost more than the arithmetic: they are measured side by side.
        statistics = torch.stack(_statistics(torch.cat([tensors[layer.path] for layer in together], 1)))
        pieces = statistics.split([layer.neurons for layer in together], 1)
        for layer, own in zip(together, pieces, strict=True):
            values |= zip(_names(quantity, layer), own.unbind(), strict=True)
    return {name: values[name] for layer in layers for name in _names(quantity, layer)}


def _statistics(outputs: Tensor) -> tuple[Tensor, ...]:
    """Return each neuron's statistics of outputs (sample, neuron[, position]), in the order of `STATISTICS`.

    Centred squares and the sign are several times faster on a CPU than `std` and a sum of booleans; so is one temporary
    at a time, which takes the memory of the one before. The sign of NaN is 0, which would count as not active: where an
    output is missing, so is the share, like the minimum.
    """
    dims = (0,) if outputs.ndim == 2 else (0, 2)
    active = outputs.sign().relu_().sum(dims) / prod(outputs.shape[dim] for dim in dims)
    smallest = outputs.amin(dims)
    active = torch.where(smallest.isnan(), smallest, active)
    mean = outputs.mean(dims, keepdim=True)
    centred = outputs - mean
    deviation = centred.mul_(centred).mean(dims).sqrt()
    return mean.reshape(-1), deviation, smallest, outputs.amax(dims), active


@lru_cache(maxsize=1024)
def _names(quantity: str, layer: Layer) -> tuple[str, ...]:
    return tuple(_label(quantity, layer, statistic).name for statistic in STATISTICS)


def _label(quantity: str, layer: Layer, statistic: str) -> Variable:
    name = f"{quantity}_{statistic}_{identifier(layer.path)}"
    dims = (f"neuron_{identifier(layer.path)}",)
    long_name = STATISTICS[statistic].format(quantity.replace("_", " ").removesuffix("s"))
    return Variable(name, quantity, long_name, "1", statistic, dims, layer.path, layer.module)


def _has_positions(layer: Layer) -> bool:
    return len(layer.shape) > 1


def _full_label(layer: Layer) -> Variable:
    name = identifier(layer.path)
    dims = (f"sample_{name}", f"neuron_{name}") + ((f"position_{name}",) if _has_positions(layer) else ())
    return Variable(f"activations_{name}", "activations", "activation", "1", VALUES, dims, layer.path, layer.module)


@specification
class Outputs(Probe):
    """Outputs and targets of every sample, in evaluation mode; at the last step by default.

    Attributes
    ----------
    when : cadence
    inputs : also record the inputs, flattened after the sample
    """

    when: When = At((-1,))
    inputs: bool = False
    needs = frozenset[Need]({"evaluation"})

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return the labels of ``outputs`` (sample, output), ``targets`` (the same, or sample, target), ``inputs``."""
        of_target = "output" if structure.target_size == structure.output_size else "target"
        both = (
            Variable("outputs", "outputs", "output", dims=("sample", "output")),
            Variable("targets", "targets", "target", dims=("sample", of_target)),
        )
        return (*both, Variable("inputs", "inputs", "input", dims=("sample", "input"))) if self.inputs else both

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return outputs and targets, flattened after the sample."""
        if moment.outputs is None or moment.targets is None or moment.inputs is None:
            raise InputError("Outputs must be measured with an evaluation of the data; the moment has none.")
        tensors = {"outputs": moment.outputs, "targets": moment.targets}
        tensors |= {"inputs": moment.inputs} if self.inputs else {}
        return {name: tensor.reshape(tensor.shape[0], -1) for name, tensor in tensors.items()}, state
