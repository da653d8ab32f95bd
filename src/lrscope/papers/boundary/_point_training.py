"""A point of a map and its neighbours across the edge, trained by the vectorised trainer and recorded in full."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from lrscope import probes
from lrscope.data import Samples
from lrscope.optim import SGD
from lrscope.papers.boundary import _own_training
from lrscope.papers.boundary._conditions import WIDTH
from lrscope.papers.boundary._map import MAP_ATTRIBUTE, Map
from lrscope.papers.boundary._point import PIXELS_ATTRIBUTE, Point
from lrscope.papers.boundary._training import samples_of, values
from lrscope.probes import Probe, every
from lrscope.records import MEMBER, concatenate
from lrscope.sweep import Points
from lrscope.training import Experiment, Stream, stream

MOMENTS, SHARP_MOMENTS = 1000, 50
"""How often weights and their like, and the sharpness, are recorded at least, if there are so many steps."""


class Network(nn.Module):
    """The source's network of two layers without biases.

    Its initial weights are those that the engine for maps draws with the same seed.
    """

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


class PointTraining(Iterator[xr.Dataset]):
    """The training of a point, as an iterator of one block (member, step), like a `lrscope.training.Stream`.

    Parameters
    ----------
    asked : the pixels
    progress : called with the pixels that are done, and of all
    device : ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    """

    workers = "this process"

    def __init__(
        self,
        asked: Point,
        *,
        progress: Callable[[int, int], None] | None = None,
        device: str = "auto",
        **_others: Any,
    ) -> None:
        self.asked = asked
        self.total, self.done = len(asked.pixels), 0
        self.finished = False
        self.state: dict[str, np.ndarray] = {}  # a resume trains it anew
        self._progress = progress or (lambda _done, _total: None)
        self._device = device
        self._running: Stream | None = None
        self._stopping = False
        self._blocks = self._train()

    def stop(self) -> None:
        """Ask the training to end; nothing of it is kept."""
        self._stopping = True
        if self._running:
            self._running.stop()

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)

    def _train(self) -> Iterator[xr.Dataset]:
        pixels = np.array(self.asked.pixels)
        blocks = []
        for places, experiment in _experiments(self.asked.of, pixels):
            self._running = stream(experiment, device=self._device)
            trained = concatenate(self._running)
            if self._stopping or not self._running.finished:
                return
            blocks.append(_labelled(trained, self.asked.of, pixels, places))
            self.done += len(places)
            self._progress(self.done, self.total)
        attrs = {MAP_ATTRIBUTE: json.dumps(self.asked.of.to_json()), PIXELS_ATTRIBUTE: json.dumps(pixels.tolist())}
        yield concatenate(blocks).assign_attrs(attrs)
        self.finished = True


def _experiments(asked: Map, pixels: np.ndarray) -> Iterator[tuple[np.ndarray, Experiment]]:
    """Yield the trainings of the pixels, with their places among these: one for each batch size."""
    measured = _probes(asked)
    if asked.own is None:
        yield np.arange(len(pixels)), _of_source(asked, pixels, measured)
        return
    for size, places in _own_training.by_batch_size(asked, pixels):
        yield places, _own_training.experiment_of(asked, pixels[places], size, measured)


def _of_source(asked: Map, pixels: np.ndarray, measured: tuple[Probe, ...]) -> Experiment:
    learned = samples_of(asked)
    across, along = values(asked, pixels)
    seeds = pixels // asked.resolution**2
    return Experiment(
        data=Samples(learned.inputs.T.numpy(), learned.targets.numpy()[:, None], "normal"),
        model=lambda: Network(asked.network.activation),
        optimizer=SGD(),
        sweep=Points(lr=np.ones(len(pixels)), lr_input=across, lr_output=along, seed=seeds),
        steps=asked.steps,
        probes=measured,
        dtype=asked.dtype,
    )


def _probes(asked: Map) -> tuple[Probe, ...]:
    often, seldom = (every(math.ceil(asked.steps / moments)) for moments in (MOMENTS, SHARP_MOMENTS))
    of_moment = (probes.Weights(when=often), probes.Biases(when=often), probes.Gradients(when=often))
    return (*of_moment, probes.Activations(when=often), probes.PreconditionedSharpness(when=seldom))


def _labelled(records: xr.Dataset, asked: Map, pixels: np.ndarray, places: np.ndarray) -> xr.Dataset:
    """Return records whose members are numbered by their places, with the axes of the map."""
    x, y = asked.axes
    across, along = values(asked, pixels[places])
    bare = records.drop_vars([name for name in records.coords if MEMBER in records[name].dims])
    coords = {
        MEMBER: (MEMBER, places, {"long_name": "pixel"}),
        "seed": (MEMBER, pixels[places] // asked.resolution**2, {"long_name": "seed", "scale": "category"}),
        x.name: (MEMBER, across, x.attrs()),
        y.name: (MEMBER, along, y.attrs()),
    }
    return bare.assign_coords(coords).assign_attrs(axes=["seed", x.name, y.name])
