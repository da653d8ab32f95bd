"""Sets whose dimension is known, maps whose boundary is, and the source's training in plain PyTorch."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import xarray as xr

from lrscope.papers.boundary import Map
from lrscope.papers.boundary._training import DATA_SEED, initial_weights

WIDTH = 16
HIDDEN = {
    "relu": lambda z: math.sqrt(2) * torch.relu(z),
    "linear": lambda z: z,
}
MAP_STEPS = 100


def axis(name: str, low: float, high: float, resolution: int) -> xr.DataArray:
    values = np.logspace(low, high, resolution)
    return xr.DataArray(values, dims=name, attrs={"long_name": f"rate {name}", "units": "1", "scale": "log"})


def map_of(converged: np.ndarray, low: float = -3.0, high: float = 6.0, **attrs) -> xr.Dataset:
    """Return a map (seed, y, x) whose values have the signs that they should, and vary smoothly."""
    good = np.asarray(converged, dtype=bool)
    seeds, height, width = good.shape
    slow = np.add.outer(np.linspace(0, 1, height), np.linspace(0, 1, width)) / 2
    value = np.where(good, -1 - (MAP_STEPS - 1) * slow, MAP_STEPS * (1 - slow))
    coords = {"seed": np.arange(seeds), "x": axis("x", low, high, width), "y": axis("y", low, high, height)}
    variables = {
        "value": value,
        "converged": good,
        "trained": np.ones_like(good),
        "steps_used": np.where(good, MAP_STEPS, 7),
    }
    attrs = {
        "x_name": "lr_input",
        "y_name": "lr_output",
        "condition": "tanh",
        "frame": 0,
        "noise": False,
        "offset": "each-step",
    } | attrs
    return xr.Dataset({name: (("seed", "y", "x"), values) for name, values in variables.items()}, coords, attrs)


@pytest.fixture(scope="session")
def make_map() -> Callable[..., xr.Dataset]:
    return map_of


def koch(turn: float, resolution: int) -> np.ndarray:
    """Return the pixels of a Koch curve, turned by an angle."""
    points = np.array([-0.4 + 0j, 0.4 + 0j])
    while np.abs(np.diff(points)).max() > 0.3 / resolution:
        step = np.diff(points) / 3
        peak = points[:-1] + step + step * np.exp(1j * np.pi / 3)
        points = np.append(np.stack([points[:-1], points[:-1] + step, peak, points[1:] - step], 1), points[-1])
    points = points * np.exp(1j * turn)
    image = np.zeros((resolution, resolution), dtype=bool)
    image[tuple(((part + 0.5) * resolution).astype(int) for part in (points.imag, points.real))] = True
    return image


@pytest.fixture(scope="session")
def koch_curve() -> Callable[[float, int], np.ndarray]:
    return koch


def plain_losses(asked: Map, pixel: int, turned: bool = False) -> np.ndarray:
    """Return the losses (step) of one pixel; with samples and units in another order only the rounding is another."""
    x, y = (axis.values(asked.resolution) for axis in asked.axes)
    across, along = float(x[pixel % asked.resolution]), float(y[pixel // asked.resolution % asked.resolution])
    offset = across if asked.condition == "init-offset" else 0.0
    rates = (along, along) if offset else (across, along)
    drawn = torch.randn(
        asked.network.samples, WIDTH + 1, generator=torch.Generator().manual_seed(DATA_SEED), dtype=torch.float64
    )
    inputs, targets = (each.flip(0) if turned else each for each in (drawn[:, :WIDTH], drawn[:, WIDTH:]))
    batches = torch.randint(
        asked.network.samples, (asked.steps, 16), generator=torch.Generator().manual_seed(DATA_SEED + 1)
    )
    start = initial_weights(int(pixel) // asked.resolution**2)
    if turned:
        batches = (asked.network.samples - 1 - batches).flip(1)
        start = torch.cat([start[:WIDTH].flip(0), start[WIDTH:].flip(1)])
    weights = [start[:WIDTH].T.clone().requires_grad_(), start[WIDTH:].T.clone().requires_grad_()]
    hidden = HIDDEN.get(asked.condition, lambda z: torch.tanh(math.sqrt(2) * z))

    def loss(some: torch.Tensor | slice) -> torch.Tensor:
        units = hidden(inputs[some] @ weights[0] / math.sqrt(WIDTH))
        return ((units @ weights[1] / math.sqrt(WIDTH) / math.sqrt(WIDTH) - targets[some]) ** 2).mean()

    losses = []
    for step in range(asked.steps):
        if offset and (step == 0 or asked.offset == "each-step"):
            with torch.no_grad():
                weights[0] += offset
        losses.append(loss(slice(None)).item())
        learned = batches[step] if asked.condition == "minibatch" else slice(None)
        gradients = torch.autograd.grad(loss(learned), weights)
        with torch.no_grad():
            for weight, rate, gradient in zip(weights, rates, gradients, strict=True):
                weight -= rate * gradient
    return np.array(losses)


@pytest.fixture(scope="session")
def plain() -> Callable[..., np.ndarray]:
    return plain_losses


@pytest.fixture(scope="session")
def small() -> Callable[..., Map]:
    """Return a small map of the source's first frame, with anything of it changed."""

    def made(**changes) -> Map:
        fields = {"condition": "tanh", "x": (1e-3, 1e6), "y": (1e-3, 1e6), "resolution": 24, "steps": 30}
        return Map(**fields | changes)

    return made
