"""The grid of the study `sweep` against what a user would write: 24 convolutional networks, one after the other."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.rounds import Case, Measured, measure, table
from lrscope import store
from lrscope.data import Digits, Samples
from lrscope.engines import Processes
from lrscope.models import CNN
from lrscope.optim import Adam
from lrscope.studies.sweep import STUDY, Options
from lrscope.training import Experiment, Sweep, stream

ROUNDS = 3
OPTIONS = Options()
PLAIN = "24 plain PyTorch loops, nothing recorded"
VECTORISED = "lrscope, nothing recorded but the loss"
ONE_BY_ONE = "lrscope, members one by one"
RECORDING = "lrscope, everything that the study records, into ROOT"
LIMITS = {VECTORISED: "at most 0.33", RECORDING: "at most 0.6"}
LARGE_SAMPLES, LARGE_SEEDS, LARGE_EPOCHS = 1280, 4, 8
"""Of the images of 28 by 28 pixels: few, since only the time of a step counts."""


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    digits: dict[str, Case] = {
        PLAIN: plain,
        VECTORISED: vectorised,
        ONE_BY_ONE: partial(vectorised, 1),
        RECORDING: recording,
    }
    large: dict[str, Case] = {
        LARGE_PLAIN: plain_large,
        LARGE_DEFAULT: large_images,
        LARGE_ONE: partial(large_images, 1),
        LARGE_ALL: partial(large_images, LARGE_SEEDS),
    }
    return _section(measure(digits, ROUNDS), measure(large, ROUNDS))


LARGE_PLAIN = f"{LARGE_SEEDS} plain PyTorch loops"
LARGE_DEFAULT = "lrscope, as it chooses"
LARGE_ONE = "lrscope, members one by one"
LARGE_ALL = f"lrscope, {LARGE_SEEDS} at once"


def _section(digits: Measured, large: Measured) -> str:
    return f"""## The study `sweep`: 3 learning rates x 8 seeds on digits, {OPTIONS.epochs} epochs in batches of 64

{table(digits, LIMITS)}

Ratios are to the plain loops of the same round, median of {ROUNDS} rounds; starting the processes, building the
networks and tracing the step included. Members one by one means chunks of one network, one in each process.

Images of 28 by 28 pixels, as those of MNIST: {LARGE_SEEDS} networks, {LARGE_SAMPLES} images, {LARGE_EPOCHS} epochs.

{table(large, {})}

How many networks are trained at once follows from what fits the cache of a core: twelve of these on digits, one of
those on images of 28 by 28 pixels. Many networks as one are a grouped convolution. As PyTorch lays images by
default, it is slower on a CPU than members one by one; lrscope lays the channels of all members last in memory.
"""


def plain() -> None:
    """What a user would write."""
    arrays = Digits().arrays()
    images, digits = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
    for lr in OPTIONS.lrs:
        for seed in range(OPTIONS.seeds):
            _loop(CNN(height=8, width=8), images, digits, float(lr), seed, OPTIONS.epochs)


def _loop(factory: CNN, images: torch.Tensor, classes: torch.Tensor, lr: float, seed: int, epochs: int) -> None:
    torch.manual_seed(seed)
    model = factory()
    optimizer, criterion = torch.optim.Adam(model.parameters(), lr=lr), nn.CrossEntropyLoss()
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for rows in order.split(OPTIONS.batch_size):
            optimizer.zero_grad()
            loss = criterion(model(images[rows]), classes[rows])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())


def vectorised(chunk_size: int | None = None) -> None:
    sweep = Sweep(lr=OPTIONS.lrs, seed=range(OPTIONS.seeds))
    _trained(Digits(), CNN(height=8, width=8), sweep, OPTIONS.epochs, chunk_size)


def _trained(data: object, model: CNN, sweep: Sweep, epochs: int, chunk_size: int | None) -> None:
    grid = Experiment(
        data=data,
        model=model,
        sweep=sweep,
        loss="cross_entropy",
        optimizer=Adam(),
        epochs=epochs,
        batch_size=OPTIONS.batch_size,
    )
    with Processes() as engine:
        for _ in stream(grid, device="cpu", chunk_size=chunk_size, engine=engine):
            pass


def recording() -> None:
    with (
        Processes() as engine,
        tempfile.TemporaryDirectory() as folder,
        store.Writer(Path(folder) / "records.root", {}) as writer,
    ):
        training = stream(STUDY.experiments(OPTIONS)["grid"], device="cpu", engine=engine)
        for block in training:
            writer.extend(block, training.state)


def _large() -> Samples:
    draw = np.random.default_rng(0)
    images = draw.random((LARGE_SAMPLES, 1, 28, 28), dtype=np.float32)
    return Samples(images, draw.integers(0, 10, LARGE_SAMPLES))


def plain_large() -> None:
    arrays = _large().arrays()
    for seed in range(LARGE_SEEDS):
        both = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
        _loop(CNN(), *both, 0.001, seed, LARGE_EPOCHS)


def large_images(chunk_size: int | None = None) -> None:
    _trained(_large(), CNN(), Sweep(lr=[0.001], seed=range(LARGE_SEEDS)), LARGE_EPOCHS, chunk_size)
