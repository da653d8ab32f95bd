"""One network as pure functions of its parameter vector: loss, gradient, outputs of its layers."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy

from lrscope.errors import InputError, must_be
from lrscope.optim import LOSSES, Loss, takes_classes
from lrscope.probes import Curvature, Need, Structure, structure_of
from lrscope.training._activations import ActivationCapture, Tree
from lrscope.training._noise import MemberNoise
from lrscope.trees import Layout, flatten

EVALUATED = 1000
"""Samples that are evaluated at a time, unless batches are larger."""
IGNORED = -100
"""The target of samples that PyTorch's cross-entropy leaves out."""
ModelFactory = Callable[[], nn.Module]
REFUSALS = (RuntimeError, ValueError, IndexError, TypeError, AttributeError)
"""What PyTorch raises when a module does not like its inputs."""


@dataclass(frozen=True)
class Batch:
    """The samples of one step: inputs and targets, (sample, ...)."""

    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class StepOutput:
    """Results of one forward and backward pass.

    Attributes
    ----------
    loss : scalar
    gradient : (parameter)
    buffers : running statistics after the pass
    outputs : (sample, ...) in training mode
    activations, activation_gradients : path -> (sample, ...); empty unless asked for
    """

    loss: Tensor
    gradient: Tensor
    buffers: Tree
    outputs: Tensor
    activations: Tree
    activation_gradients: Tree


def build(factory: ModelFactory, seed: int, dtype: torch.dtype) -> nn.Module:
    """Return the module that the factory makes under ``torch.manual_seed(seed)``; the global generator is left alone.

    Raises
    ------
    InputError : the factory returns something that is not a module with parameters that can be trained.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        module = factory()
    if not isinstance(module, nn.Module):
        raise must_be("model", "a callable that returns an nn.Module", type(module).__name__)
    if any(is_lazy(parameter) for parameter in module.parameters()):
        raise must_be("model", "a module whose parameters have shapes", type(module).__name__, "Avoid lazy modules.")
    if not trained_parameters(module):
        raise must_be("model", "a module with parameters that require a gradient", type(module).__name__)
    return module.to(dtype)


class Network:
    """A module and a loss, as functions of a vector of parameters and a dictionary of buffers.

    Attention is computed by its formula: the fused kernels cannot be lifted over members.

    Parameters
    ----------
    module : gives the architecture; its own values are not used
    loss : of outputs and targets
    example : a batch of the shapes that will be given

    Raises
    ------
    InputError : the module does not accept the inputs, or its outputs do not fit the targets.
    """

    def __init__(self, module: nn.Module, loss: Loss, example: Batch) -> None:
        self._training = copy.deepcopy(module).train()
        self._evaluating = copy.deepcopy(module).eval()
        self._loss = loss
        self._evaluated_at_once = max(len(example.inputs), EVALUATED)
        self.layout = Layout.of(trained_parameters(module))
        self.structure = self._explored(example)

    def evaluate(self, parameters: Tensor, buffers: Tree, inputs: Tensor) -> Tensor:
        """Return the outputs (sample, ...) in evaluation mode, of so many samples at a time that they fit."""
        tensors = {**self.layout.tree(parameters), **buffers}
        with sdpa_kernel(SDPBackend.MATH):
            outputs = [
                functional_call(self._evaluating, tensors, (some,)) for some in inputs.split(self._evaluated_at_once)
            ]
        return torch.cat(outputs) if len(outputs) > 1 else outputs[0]

    def loss_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of outputs (sample, ...) and targets."""
        return self._loss(outputs, targets)

    def curvature(self, parameters: Tensor, buffers: Tree, batch: Batch, key: Tensor) -> Curvature:
        """Return the second derivative of the loss of a batch in training mode, with the noise of `key`."""

        def loss(vector: Tensor) -> Tensor:
            fresh = {name: buffer.clone() for name, buffer in buffers.items()}
            with MemberNoise(key), sdpa_kernel(SDPBackend.MATH):
                outputs = functional_call(self._training, {**self.layout.tree(vector), **fresh}, (batch.inputs,))
            return self._loss(outputs, batch.targets)

        return Curvature(loss, parameters)

    def forward_backward(
        self, parameters: Tensor, buffers: Tree, batch: Batch, key: Tensor, needs: frozenset[Need]
    ) -> StepOutput:
        """Return loss, gradient and what else is needed, of one batch in training mode.

        Parameters
        ----------
        parameters : (parameter)
        buffers : running statistics; they are not changed
        key : scalar int64, of the noise of this step
        needs : ``activations``, ``activation_gradients``
        """
        offsets = self._zero_offsets(batch, parameters) if "activation_gradients" in needs else {}
        captures = bool(needs & {"activations", "activation_gradients"})

        def loss_of(vector: Tensor, offsets: Tree) -> tuple[Tensor, tuple[Tree, Tensor, Tree]]:
            tensors = {**self.layout.tree(vector), **{name: buffer.clone() for name, buffer in buffers.items()}}
            capture = ActivationCapture(self._training, offsets, captures)
            with capture, MemberNoise(key), sdpa_kernel(SDPBackend.MATH):
                outputs = functional_call(self._training, tensors, (batch.inputs,))
            # `functional_call` writes what `forward` assigned (``self.count = self.count + 1``) back into `tensors`.
            updated = {name: tensors[name] for name in buffers}
            return self._loss(outputs, batch.targets), (updated, outputs, capture.outputs)

        (gradient, by_layer), (loss, aux) = grad_and_value(loss_of, argnums=(0, 1), has_aux=True)(parameters, offsets)
        updated, outputs, activations = aux
        return StepOutput(loss, gradient, updated, outputs, activations, by_layer)

    def check_classes(self, targets: Tensor) -> None:
        """Make sure that each class (sample) has an output, where the loss is a cross-entropy.

        Raises
        ------
        InputError : the largest class is not below the number of outputs, or one is below 0.
        """
        if not takes_classes(self._loss) or targets.is_floating_point() or not targets.numel():
            return
        counted = targets[targets != IGNORED]
        lowest, highest = (int(each) for each in (counted.min(), counted.max())) if len(counted) else (0, 0)
        if lowest < 0:
            raise must_be("targets", "classes 0, 1, ...", lowest)
        if highest >= self._outputs[0]:
            allowed = f"one number for each of the {highest + 1} classes of the targets"
            raise must_be("the model's output for a sample", allowed, f"shape {self._outputs}")

    def _zero_offsets(self, batch: Batch, like: Tensor) -> Tree:
        """Return zeros to add to each layer's output: the loss's gradient for them is that for the activations."""
        samples = batch.inputs.shape[0]
        return {layer.path: like.new_zeros((samples, *layer.shape)) for layer in self.structure.layers}

    def _explored(self, example: Batch) -> Structure:
        shapes = f"inputs {tuple(example.inputs.shape)} and targets {tuple(example.targets.shape)}"
        try:
            with torch.no_grad(), ActivationCapture(self._evaluating) as capture:
                outputs = self._evaluating(example.inputs)
            self._check_outputs(outputs, example)
            loss = self._loss(outputs, example.targets)
        except InputError:
            raise
        except REFUSALS as error:
            raise InputError(f"model and loss must accept {shapes}; {in_words(error)}") from error
        if loss.ndim:
            raise must_be("loss", "one number for a batch", f"a tensor of shape {tuple(loss.shape)}")
        self._outputs = tuple(outputs.shape[1:])
        layers = {path: output for path, output in capture.outputs.items() if len(output) == len(example.inputs)}
        sizes = [tensor[0].numel() for tensor in (outputs, example.targets)]
        return structure_of(self._evaluating, layers, *sizes)

    def _check_outputs(self, outputs: object, example: Batch) -> None:
        if not isinstance(outputs, Tensor):
            raise must_be("the model's output", "one tensor", type(outputs).__name__, "Wrap the model and choose one.")
        named = self._loss in LOSSES.values() and example.targets.is_floating_point()
        if named and outputs.shape != example.targets.shape:
            got = f"{tuple(outputs.shape[1:])} for {tuple(example.targets.shape[1:])}"
            flat = tuple(outputs.shape) == (*example.targets.shape, 1)
            remedy = "Give targets as (sample, 1), or leave the last dimension of the output out." if flat else ""
            raise must_be("the model's output for a sample", "of the shape of the target", got, remedy)


def in_words(error: Exception) -> str:
    """Return what PyTorch says, its first line only."""
    return f"PyTorch says: {str(error).strip().partition(chr(10))[0]}"


def initial_tree(module: nn.Module) -> tuple[Tensor, Tree]:
    """Return a module's trained parameters as a vector, and what training does not move: buffers, frozen parameters."""
    frozen = {name: tensor.detach() for name, tensor in module.named_parameters() if not tensor.requires_grad}
    buffers = {name: tensor.detach() for name, tensor in module.named_buffers()}
    return flatten(trained_parameters(module)), {**frozen, **buffers}


def trained_parameters(module: nn.Module) -> Tree:
    """Return the parameters that require a gradient, detached."""
    return {name: tensor.detach() for name, tensor in module.named_parameters() if tensor.requires_grad}


def tied_parameters(module: nn.Module) -> dict[str, str]:
    """Return each further name of a parameter that requires a gradient, and the name that it has in the vector."""
    first = {id(tensor): name for name, tensor in module.named_parameters() if tensor.requires_grad}
    named = ((name, first.get(id(tensor))) for name, tensor in module.named_parameters(remove_duplicate=False))
    return {name: known for name, known in named if known is not None and known != name}
