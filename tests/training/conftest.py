"""What is compared against: the loop that a user would write with `torch.optim`, one network at a time."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lrscope.data import Samples
from lrscope.optim import loss_function
from lrscope.training import batch_order, stream

State = dict[str, Tensor]


class Small(nn.Module):
    """Two modules of fully connected layers."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))
        self.decoder = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.decoder(self.encoder(inputs))


class Pooling(nn.Module):
    """Convolutions with both kinds of pooling between them, overlapping or not, and running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Tanh(), nn.MaxPool2d(3, 1, 1)),
            *(nn.AvgPool2d(2, 1), nn.Conv2d(4, 4, 2), nn.ReLU()),
        )
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.conv(images))


class Normalised(nn.Module):
    """With running statistics.

    A bias in front of them would have no gradient but rounding errors, which Adam divides by their own size.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layers(inputs)


class Noisy(nn.Module):
    """With dropout and running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 8), nn.Dropout(0.2)
        )
        self.last = nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(self.layers(inputs))


def _regression() -> Samples:
    inputs = np.random.default_rng(1).normal(size=(11, 3))
    return Samples(inputs, np.tanh(inputs[:, ::-1] * 2), "regression")


def _images() -> Samples:
    draw = np.random.default_rng(2)
    return Samples(draw.normal(size=(11, 1, 6, 6)), draw.integers(0, 3, size=11), "images")


CASES = {
    "mlp": (Small, _regression(), "mse"),
    "pooling": (Pooling, _images(), "cross_entropy"),
    "batch norm": (Normalised, _regression(), "mse"),
    "dropout": (Noisy, _regression(), "mse"),
}
"""Name -> a model, data of 11 samples for it, and a loss."""


@pytest.fixture(scope="session")
def cases() -> dict[str, tuple[Callable[[], nn.Module], Samples, str]]:
    return CASES


@pytest.fixture(scope="session")
def plain_loop() -> Callable[..., list[State]]:
    return _plain_loop


def _plain_loop(
    case: str,
    make_optimizer: Callable[..., torch.optim.Optimizer],
    steps: int,
    seed: int = 0,
    batch_size: int | None = None,
    order_seed: int | None = None,
    make_schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler] | None = None,
) -> list[State]:
    """Return the state of the network before each step and after the last, in float64."""
    factory, data, loss_name = CASES[case]
    torch.manual_seed(seed)
    module = factory().double()
    optimizer = make_optimizer(module.parameters())
    schedule = make_schedule(optimizer) if make_schedule else None
    arrays, loss = data.arrays(), loss_function(loss_name)
    inputs, targets = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
    states = [_copied(module)]
    for rows in _batches(len(inputs), batch_size, seed if order_seed is None else order_seed, steps):
        optimizer.zero_grad()
        loss(module(inputs[rows]), targets[rows]).backward()
        optimizer.step()
        if schedule:
            schedule.step()
        states.append(_copied(module))
    return states


def _batches(samples: int, batch_size: int | None, order_seed: int, steps: int) -> list[Tensor]:
    if batch_size is None:
        return [torch.arange(samples)] * steps
    epochs = range(-(-steps * batch_size // samples) + 1)
    batches = [piece for epoch in epochs for piece in batch_order(order_seed, epoch, samples).split(batch_size)]
    return batches[:steps]


def _copied(module: nn.Module) -> State:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.fixture(scope="session")
def final_states() -> Callable[..., list[State]]:
    return _final_states


def _final_states(experiment, **options) -> list[State]:
    """Return the final parameters and buffers of each member, in the order of the members; one chunk."""
    run = stream(experiment, device="cpu", **{"chunk_size": 10**6, **options})
    numbers = next(run).member.values
    for _ in run:
        pass
    module = experiment.model()
    shapes = {name: tensor.shape for name, tensor in module.named_parameters()}
    states = []
    for row in np.argsort(numbers):
        pieces = torch.from_numpy(run.state["chunk/0/parameters"][row]).split(
            [shape.numel() for shape in shapes.values()]
        )
        state = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        buffers = {
            name: torch.from_numpy(run.state[f"chunk/0/buffers/{name}"][row : row + 1])[0]
            for name, _ in module.named_buffers()
        }
        states.append({**state, **buffers})
    return states


@pytest.fixture(scope="session")
def farthest() -> Callable[[State, State], float]:
    return _farthest


def _farthest(one: State, other: State) -> float:
    """Return the largest difference between the tensors of two states of the same names."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)
