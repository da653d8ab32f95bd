"""Pixels as members of the vectorised trainer of lrscope: of maps of your own network, and those recorded in full."""

import dataclasses
import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lrscope import probes
from lrscope.data import Samples, data_set
from lrscope.models import Imported
from lrscope.optim import OPTIMIZERS, SGD
from lrscope.papers.boundary._axes import BATCH_SIZE
from lrscope.papers.boundary._conditions import WIDTH
from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._own import Own
from lrscope.papers.boundary._point import POINT
from lrscope.papers.boundary._training import samples_of
from lrscope.probes import Loss, Probe, every
from lrscope.specification import specification
from lrscope.studies._samples import has_classes
from lrscope.sweep import GROUP, Points
from lrscope.training import Experiment, Trainer, estimate

AT_ONCE = 64
"""Pixels that are taken for trained together when pieces are cut, whatever the machine."""
TINY = 1e-300
MOMENTS, SHARP_MOMENTS = 1000, 50
"""How often weights and their like, and the sharpness, are recorded at least, if there are so many steps."""


def losses(asked: Map, pixels: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Train pixels of a map of your own network, and return the losses (step, pixel) of the steps' batches.

    They are NaN after one that is not finite.

    Parameters
    ----------
    pixels : (pixel) numbers ``(seed * resolution + row) * resolution + column``
    """
    result = np.full((asked.steps, len(pixels)), np.nan)
    sizes = np.array(asked.batch_sizes(pixels))
    for size in dict.fromkeys(sizes.tolist()):
        some = np.flatnonzero(sizes == size)
        for members, own in _trainer(asked, size, device).losses(experiment_of(asked, pixels[some])):
            result[:, some[members]] = own
    result = np.where(np.isfinite(result), result, np.nan)
    # What cannot be compared with its first loss did not converge.
    result[0] = np.where(np.isnan(result[0]), TINY, np.maximum(result[0], TINY))
    return result


def experiment_of(asked: Map, pixels: np.ndarray, measured: tuple[Probe, ...] = ()) -> Experiment:
    """Return the training of pixels that have the same batch size."""
    of_map = _of_source(asked, pixels) if asked.own is None else _of_own(asked, asked.own, pixels)
    size = asked.batch_sizes(pixels)[0]
    return Experiment(**of_map, steps=asked.steps, batch_size=size, probes=(Loss(), *measured), dtype=asked.dtype)


def _of_own(asked: Map, own: Own, pixels: np.ndarray) -> dict[str, Any]:
    along: dict[str, Any] = dict(zip(own.axes, asked.values(pixels), strict=True))
    lr = along.pop("lr", np.full(len(pixels), own.lr))
    along.pop(BATCH_SIZE, None)
    # a rate here, a multiple of lr there
    columns = {name: column / lr if name.startswith(GROUP) else column for name, column in along.items()}
    data = data_set(own.data, own.root)
    classes = "cross_entropy" if has_classes(data.arrays().targets) else "mse"
    return {
        "data": data,
        "model": Imported(own.model),
        "loss": classes if own.loss == "auto" else own.loss,
        "optimizer": OPTIMIZERS[own.optimizer],
        "sweep": Points(lr=lr, **columns, seed=asked.seeds_of(pixels)),
    }


def _of_source(asked: Map, pixels: np.ndarray) -> dict[str, Any]:
    inputs, targets = samples_of(asked)
    across, along = asked.values(pixels)
    return {
        "data": Samples(inputs.T.numpy(), targets.numpy()[:, None], "normal"),
        "model": SourceNetwork(asked.network.activation),
        "optimizer": SGD(),
        "sweep": Points(lr=np.ones(len(pixels)), lr_input=across, lr_output=along, seed=asked.seeds_of(pixels)),
    }


@specification
class SourceNetwork:
    """What makes the source's network of two layers without biases.

    Its initial weights are those that the engine for maps draws with the same seed.
    """

    activation: str

    def __call__(self) -> nn.Module:
        """Return a new network."""
        return _Network(self.activation)


class _Network(nn.Module):
    def __init__(self, activation: str) -> None:
        super().__init__()
        drawn = torch.randn(WIDTH + 1, WIDTH, dtype=torch.float64)
        self.input, self.output = (nn.Linear(WIDTH, size, bias=False, dtype=torch.float64) for size in (WIDTH, 1))
        self.hidden = {"tanh": nn.Tanh(), "relu": nn.ReLU(), "linear": nn.Identity()}[activation]
        self.inside = math.sqrt(2) if activation == "tanh" else 1.0
        self.outside = math.sqrt(2) if activation == "relu" else 1.0
        with torch.no_grad():
            self.input.weight.copy_(drawn[:WIDTH])
            self.output.weight.copy_(drawn[WIDTH:])

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs (sample, 1) of inputs (sample, n)."""
        hidden = self.outside * self.hidden(self.inside * self.input(inputs) / math.sqrt(WIDTH))
        outputs: Tensor = self.output(hidden) / WIDTH
        return outputs


def recorded(asked: Map, pixels: list[int]) -> dict[str, Experiment]:
    """Return the trainings of a point and of the pixels across the edge, recorded in full.

    They are one experiment, or, if they may have other batch sizes, one for each.
    """
    often, seldom = (every(math.ceil(asked.steps / moments)) for moments in (MOMENTS, SHARP_MOMENTS))
    of_moment = (probes.Weights(when=often), probes.Biases(when=often), probes.Gradients(when=often))
    measured = (*of_moment, probes.Activations(when=often), probes.PreconditionedSharpness(when=seldom))
    one_by_one = asked.own is not None and BATCH_SIZE in asked.own.axes
    groups = np.array(pixels).reshape(-1, 1) if one_by_one else [np.array(pixels)]
    names = [POINT, *(f"{POINT}{number}" for number in range(2, len(groups) + 1))]
    return {name: experiment_of(asked, some, measured) for name, some in zip(names, groups, strict=True)}


def check(asked: Map) -> None:
    """Make sure that both ends of the axes can be trained, before anything is written.

    Raises
    ------
    InputError : they cannot, with the reason.
    """
    for pixel in (0, asked.resolution**2 - 1):
        estimate(experiment_of(asked, np.array([pixel])), device="cpu", steps=1)


@lru_cache(maxsize=8)
def _trainer(asked: Map, batch_size: int | None, device: str) -> Trainer:
    """Return what trains pixels of a batch size, made once in a process, with everything that it has traced."""
    experiment = dataclasses.replace(experiment_of(asked, np.array([0])), batch_size=batch_size)
    return Trainer(experiment, device, uses=max(1, asked.pixels // (8 * AT_ONCE)))
