"""What of a network can be measured: its parameters and its layers, by name, and where their neurons are."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from math import prod
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.rnn import PackedSequence

from lrscope.errors import InputError, unknown
from lrscope.probes._kinds import INPUTS_FIRST, is_activation, is_of_channels, width_of
from lrscope.records import Variable, identifier

_COMPUTED = {"parametrizations", "weight_fake_quant", "activation_post_process"}
"""Where PyTorch keeps modules that compute a layer's weights, or round its weights and outputs."""
_WRAPPED = ("_orig_mod", "_forward_module", "_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Where torch.compile, Fabric, Opacus and PyTorch's wrappers keep the module that they wrap."""

ROOT = "network"
"""Name of the layer, and of its top-level module, in a network that is itself one module without children."""


@dataclass(frozen=True)
class Parameter:
    """One parameter tensor.

    Attributes
    ----------
    name : in the module, e.g. ``encoder.0.weight``
    layer, module : the layer it belongs to (``encoder.0``), and its top-level module (``encoder``)
    shape : of the tensor
    inputs_first : whether it is (input, neuron, ...), as in transposed convolutions and embeddings
    groups : of a transposed convolution, whose inputs and neurons are dealt to groups
    own_neurons : whether it has another number of neurons than the layer's output, or than the layer's first parameter
        where no output is known: ``nn.PReLU()`` has one slope for its whole output
    path : its name as if nothing wrapped the modules, if that is another
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    inputs_first: bool = False
    groups: int = 1
    own_neurons: bool = False
    path: str = ""

    @property
    def module(self) -> str:
        """First level of the layer's path."""
        return self.layer.split(".")[0]

    @cached_property
    def is_bias(self) -> bool:
        """Whether the tensor is a bias, one number a neuron; also ``in_proj_bias`` and ``bias_ih_l0``."""
        return "bias" in self.name.rpartition(".")[2].split("_")

    @cached_property
    def neurons(self) -> int:
        """Length of what `by_neuron` returns."""
        if self.is_bias or not self.shape:
            return prod(self.shape)
        return self.groups * self.shape[1] if self.inputs_first else self.shape[0]

    @property
    def neuron_dim(self) -> str:
        """Name of the dimension of its neurons: ``neuron_encoder_0``, or one of its own: ``neuron_1_weights``."""
        own = ("_biases" if self.is_bias else "_weights") if self.own_neurons else ""
        return f"neuron_{identifier(self.layer)}{own}"

    def by_neuron(self, tensor: Tensor) -> Tensor:
        """Return the tensor as (neuron) for a bias, (neuron, input) for a weight."""
        if len(self.shape) == (1 if self.is_bias else 2) and not self.inputs_first:
            return tensor
        if self.is_bias or not self.shape:
            return tensor.reshape(-1) if self.is_bias else tensor.reshape(1, 1)
        if not self.inputs_first:
            return tensor.reshape(self.neurons, prod(self.shape[1:]))
        inputs, positions = self.shape[0] // self.groups, prod(self.shape[2:])
        by_group = tensor.reshape(self.groups, inputs, self.shape[1], positions)
        return by_group.movedim(2, 1).reshape(self.neurons, inputs * positions)


@dataclass(frozen=True)
class Layer:
    """One module whose output can be recorded.

    Attributes
    ----------
    path : in the network, e.g. ``encoder.1``; ``encoder.1:2`` is the second call of that module
    shape : of its output for one sample
    is_activation : whether it is an activation function, or a recurrent layer, which has them inside
    channels_first : whether its output is (sample, neuron, position ...), as of a convolution, and not
        (sample, position ..., neuron), as of a linear layer
    aliases : other paths of the module, where several parts of the network share it
    """

    path: str
    shape: tuple[int, ...]
    is_activation: bool
    channels_first: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """First level of the path."""
        return self.path.partition(":")[0].split(".")[0]

    @property
    def neurons(self) -> int:
        """How many neurons its output has."""
        return self.shape[0 if self.channels_first else -1]

    def by_sample(self, output: Tensor) -> Tensor:
        """Return an output as (sample, neuron, position)."""
        neurons_last = output.movedim(1, -1) if self.channels_first else output
        flat = neurons_last.reshape(output.shape[0], prod(neurons_last.shape[1:-1]), neurons_last.shape[-1])
        return flat.movedim(1, 2)


@dataclass(frozen=True, eq=False)
class Structure:
    """What can be measured of a network; equal only to itself, so that what follows from it can be kept.

    Attributes
    ----------
    parameters, layers : trained parameters in the order of the network's definition; layers in that of their calls
    output_size, target_size : numbers in the output and in the target of one sample
    """

    parameters: tuple[Parameter, ...]
    layers: tuple[Layer, ...]
    output_size: int = 1
    target_size: int = 1


def wrapped(module: nn.Module) -> nn.Module | None:
    """Return the module inside of what compiles, distributes or checkpoints it; None if it wraps none."""
    names = (*_WRAPPED, "module") if isinstance(module, nn.DataParallel | DistributedDataParallel) else _WRAPPED
    return next((child for name, child in module.named_children() if name in names), None)


def paths_of(module: nn.Module) -> dict[str, str]:
    """Return for the path of each module inside the path that it has if nothing is wrapped.

    So the names in the records are the same whether a part of the model is compiled or not.
    """
    modules, paths = dict(module.named_modules()), {"": ""}
    for path, one in modules.items():
        outer, _, name = path.rpartition(".")
        if path:
            parent = paths[outer]
            paths[path] = parent if wrapped(modules[outer]) is one else f"{parent}.{name}" if parent else name
    return paths


def modules_of(module: nn.Module) -> dict[str, nn.Module]:
    """Return the modules inside by path; of one that is wrapped, itself."""
    paths = paths_of(module)
    return {paths[path]: one for path, one in module.named_modules()}


def parameters_of(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters by name, each once, as if nothing wrapped the modules inside."""
    paths = paths_of(module)
    return {_renamed(name, paths): parameter for name, parameter in module.named_parameters()}


def _renamed(name: str, paths: Mapping[str, str]) -> str:
    """Return the name of a parameter as if nothing wrapped the modules inside."""
    outer, _, short = name.rpartition(".")
    return f"{paths[outer]}.{short}" if paths[outer] else short


def layers_of(module: nn.Module) -> dict[str, nn.Module]:
    """Return the modules whose outputs are those of a layer, by path: those without children, and attention.

    The child of ``nn.MultiheadAttention`` is never called, and the outputs of what computes weights
    (``parametrizations``, and fake quantization) are weights.
    """
    modules: dict[str, nn.Module] = {}
    for path, one in modules_of(module).items():
        children = {name for name, _ in one.named_children()}
        inside = path.rpartition(".")[0] in modules or _COMPUTED & set(path.split("."))
        if not inside and (children <= _COMPUTED or isinstance(one, nn.MultiheadAttention)):
            modules[path or ROOT] = one
    return modules


def output_of(returned: object) -> Tensor | None:
    """Return what counts as the output of a layer: a tensor (sample, ...), or the first of several (recurrent layers,
    attention), of packed sequences their items (item, ...); None if there is no such thing.
    """
    first = returned[0] if type(returned) is tuple and returned else returned
    if isinstance(first, PackedSequence):
        return first.data
    return first if isinstance(first, Tensor) and first.ndim >= 2 else None


def structure_of(
    module: nn.Module,
    outputs: Mapping[str, Tensor],
    output_size: int = 1,
    target_size: int = 1,
    *,
    trained: Container[str] | None = None,
) -> Structure:
    """Return the structure of a module.

    Parameters
    ----------
    module : the network
    outputs : path of a submodule, `ROOT` for the network itself -> its output for a batch (sample, ...), in the order
        of the calls
    output_size, target_size : numbers in the output and in the target of one sample
    trained : names of the parameters that belong to it, as of `parameters_of`; by default those that require a gradient
    """
    paths = paths_of(module)
    submodules = modules_of(module)
    named = {name: _renamed(name, paths) for name, _ in module.named_parameters()}
    tensors = dict(module.named_parameters())
    own = {path for name, path in named.items() if tensors[name].requires_grad} if trained is None else trained
    layers = tuple(_layers(outputs, submodules))
    chosen = (_parameter(name, path, tensors[name], submodules) for name, path in named.items() if path in own)
    parameters = tuple(_with_own_neurons(chosen, layers))
    return Structure(parameters, layers, output_size, target_size)


def _layers(outputs: Mapping[str, Tensor], submodules: Mapping[str, nn.Module]) -> Iterator[Layer]:
    aliases: dict[int, list[str]] = {}
    for path, module in submodules[""].named_modules(remove_duplicate=False):
        aliases.setdefault(id(module), []).append(".".join(name for name in path.split(".") if name not in _WRAPPED))
    known: Layer | None = None  # the last one whose kind says where its neurons are
    before: tuple[int, ...] = ()
    for path, output in outputs.items():
        module = submodules.get(path.partition(":")[0], submodules[""])
        shape = tuple(output.shape[1:])
        if prod(shape):
            first = len(shape) > 1 and _are_channels_first(module, shape, known)
            activation = is_activation(module, keeps_shape=shape == before)
            layer = Layer(path, shape, activation, first, tuple(aliases[id(module)][1:]))
            known = known if is_of_channels(module) is None else layer
            yield layer
        before = shape


def _are_channels_first(module: nn.Module, shape: tuple[int, ...], known: Layer | None) -> bool:
    """Return where the neurons of an output are; `shape` is that of one sample.

    The kind of a module says it, or the layer before it if that has as many dimensions; else (position, channel) and
    (channel, row, column) are usual. The number of neurons decides where it is the length of one of the two dimensions:
    ``nn.LayerNorm`` may be applied to transposed images, and what follows a convolution may be tokens.
    """
    kind = is_of_channels(module)
    if kind is not None:
        neurons = width_of(module)
    else:
        neurons = None if known is None else known.neurons
        kind = known.channels_first if known and len(known.shape) == len(shape) else len(shape) > 2
    first, last = shape[0] == neurons, shape[-1] == neurons
    return kind if first == last else first


def _parameter(name: str, path: str, tensor: Tensor, submodules: Mapping[str, nn.Module]) -> Parameter:
    outer, _, short = path.rpartition(".")
    layer = (outer or ROOT) if short in ("weight", "bias") else path
    owner = submodules[outer]
    inputs_first = isinstance(owner, INPUTS_FIRST) and tensor.ndim > 1
    groups = getattr(owner, "groups", 1) if inputs_first else 1
    return Parameter(name, layer, tuple(tensor.shape), inputs_first, groups, path="" if path == name else path)


def _with_own_neurons(parameters: Iterable[Parameter], layers: Iterable[Layer]) -> Iterator[Parameter]:
    """Yield the parameters; those whose neurons are not those of their layer have their own."""
    neurons = {layer.path: layer.neurons for layer in layers}
    for one in parameters:
        yield replace(one, own_neurons=one.neurons != neurons.setdefault(one.layer, one.neurons))


def refuse_collisions(labels: Iterable[Variable]) -> None:
    """Raise an `InputError` for two layers whose names become the same in a file: ``fc.0`` and ``fc_0``."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(identifier(label.layer), label.layer)
        if other != label.layer:
            remedy = f"Leave one of them out: exclude=({label.layer!r},)."
            raise InputError(f"layers {other!r} and {label.layer!r} have the same name in a file. {remedy}")


Named = TypeVar("Named", bound=Parameter | Layer)


def select(layers: Iterable[Named], include: tuple[str, ...], exclude: tuple[str, ...]) -> list[Named]:
    """Return those whose layer matches one of the patterns `include` and none of `exclude` (shell patterns).

    Without `include`, all match.
    """
    candidates = list(layers)
    paths = {
        candidate: candidate.layer if isinstance(candidate, Parameter) else candidate.path for candidate in candidates
    }
    for pattern in include:
        if not any(fnmatchcase(path, pattern) for path in paths.values()):
            raise unknown("include", pattern, dict.fromkeys(paths.values()))
    wanted = include or ("*",)
    return [one for one in candidates if _matches(paths[one], wanted) and not _matches(paths[one], exclude)]


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def share_labels(quantity: str, long_name: str, structure: Structure) -> tuple[Variable, ...]:
    """Return a label a layer: ``<quantity>_<layer>`` (neuron); parameters with neurons of their own have their own."""
    labels: dict[str, Variable] = {}
    for one in structure.parameters:
        name, dims = _name(quantity, one), (one.neuron_dim,)
        labels[name] = Variable(name, quantity, long_name, "1", "values", dims, _owner(one), one.module)
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
    return (parameter.path or parameter.name) if parameter.own_neurons else parameter.layer
