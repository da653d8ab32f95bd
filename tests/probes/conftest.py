"""Moments made by hand: plain PyTorch, hooks and autograd on one network."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from lrscope.probes import ROOT, Moment, structure_of


class Attending(nn.Module):
    """Outputs of a layer (sample, token, feature)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(2, 4)
        self.act = nn.GELU()
        self.head = nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.act(self.embed(inputs)).mean(1))


class Reusing(nn.Module):
    """One activation module, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.relu = nn.ReLU()
        self.second = nn.Linear(4, 4)
        self.last = nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.relu(self.second(self.relu(self.first(inputs)))))


class Residual(nn.Module):
    """Writes over its activations: ReLU in place, and a sum in place."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Linear(4, 4)
        self.last = nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        skip = self.relu(self.first(inputs))
        out = self.second(skip)
        out += skip
        return self.last(out)


def _dense() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 1), nn.Tanh(), nn.Linear(1, 3))


def _linear() -> nn.Module:
    return nn.Linear(3, 3)


def _convolutional() -> nn.Module:
    return nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


def _transposed() -> nn.Module:
    up = nn.ConvTranspose2d(2, 6, 2, groups=2)
    return nn.Sequential(up, nn.LeakyReLU(), nn.Flatten(), nn.Linear(6 * 25, 3))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "dense": (_dense, (7, 3)),
    "root": (_linear, (7, 3)),
    "convolution": (_convolutional, (7, 2, 4, 4)),
    "transposed": (_transposed, (7, 2, 4, 4)),
    "tokens": (Attending, (7, 5, 2)),
    "called twice": (Reusing, (7, 3)),
    "in place": (Residual, (7, 3)),
}
"""Name -> how it is made, and the shape of its inputs."""


@pytest.fixture(scope="session")
def networks() -> dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]]:
    return NETWORKS


@pytest.fixture(scope="session")
def moment_of() -> Callable[..., Moment]:
    return _moment_of


@dataclass
class Curved:
    """The second derivative of the mean squared error in training mode: backward through backward."""

    module: nn.Module
    inputs: Tensor
    targets: Tensor

    @cached_property
    def _derivatives(self) -> tuple[list[Tensor], Tensor]:
        """Return the parameters, and the gradient as a vector that can be differentiated again."""
        state = {name: tensor.detach().clone().requires_grad_() for name, tensor in self.module.named_parameters()}
        loss = nn.functional.mse_loss(functional_call(self.module, state, (self.inputs,)), self.targets)
        gradients = torch.autograd.grad(loss, list(state.values()), create_graph=True)
        return list(state.values()), torch.cat([gradient.reshape(-1) for gradient in gradients])

    def product(self, vector: Tensor) -> Tensor:
        parameters, gradient = self._derivatives
        rows = torch.autograd.grad(gradient, parameters, vector, retain_graph=True, materialize_grads=True)
        return torch.cat([row.reshape(-1) for row in rows])

    def matrix(self) -> Tensor:
        _, gradient = self._derivatives
        return torch.stack([self.product(direction) for direction in torch.eye(len(gradient), dtype=gradient.dtype)])


VALIDATION = 3
"""The first so many samples stand for those for validation."""


def _moment_of(module: nn.Module, inputs: Tensor, targets: Tensor, lr: float = 0.1) -> Moment:
    """Return what plain PyTorch knows about one step of gradient descent on the mean squared error."""
    before = copy.deepcopy(module)  # before the pass changes running statistics
    evaluated = copy.deepcopy(module).eval()(inputs).detach()
    copies: dict[str, Tensor] = {}

    def hook_for(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            copies[path if path not in copies else f"{path}:2"] = output.detach().clone()

        return hook

    handles = [
        child.register_forward_hook(hook_for(path or ROOT))
        for path, child in module.named_modules()
        if not list(child.children())
    ]
    outputs = module(inputs)
    for handle in handles:
        handle.remove()
    loss = nn.functional.mse_loss(outputs, targets)
    module.zero_grad()
    loss.backward()
    parameters = {name: tensor.detach().clone() for name, tensor in module.named_parameters()}
    gradients = {name: tensor.grad.clone() for name, tensor in module.named_parameters()}
    gradient = torch.cat([tensor.reshape(-1) for tensor in gradients.values()])
    return Moment(
        structure=structure_of(module, copies, outputs[0].numel(), targets[0].numel()),
        loss=loss.detach(),
        learning_rate=torch.tensor(lr, dtype=torch.float64),
        parameters=parameters,
        gradients=gradients,
        gradient=gradient,
        update=-lr * gradient,
        activations=copies,
        activation_gradients=_gradients(module, inputs, targets, copies),
        inputs=inputs,
        outputs=evaluated,
        targets=targets,
        batch_outputs=outputs.detach(),
        batch_targets=targets,
        val_loss=nn.functional.mse_loss(evaluated[:VALIDATION], targets[:VALIDATION]),
        val_outputs=evaluated[:VALIDATION],
        val_targets=targets[:VALIDATION],
        curvature=(curved := Curved(before, inputs, targets)),
        batch_curvature=curved,
        stability_limit=torch.tensor(2 / lr, dtype=torch.float64),
    )


def _gradients(module: nn.Module, inputs: Tensor, targets: Tensor, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the loss's derivative for each output, by adding a variable of zeros to it."""
    found = {}
    for path, output in outputs.items():
        zeros = torch.zeros_like(output, requires_grad=True)
        name, _, call = path.partition(":")
        calls = []

        def nudge(_module, _inputs, out, zeros=zeros, calls=calls, wanted=int(call or 1)):
            calls.append(1)
            return out + zeros if len(calls) == wanted else out

        leaf = module if name == ROOT else module.get_submodule(name)
        handle = leaf.register_forward_hook(nudge)
        state = {key: value.clone() for key, value in module.state_dict().items()}
        (found[path],) = torch.autograd.grad(nn.functional.mse_loss(module(inputs), targets), zeros)
        module.load_state_dict(state)  # running statistics
        handle.remove()
    return found
