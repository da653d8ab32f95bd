"""Maps, as the study `boundary` trains them: trainings a second beside JAX and beside the vectorised trainer."""

import importlib.util
import math
import os
import sys
import time
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.rounds import Case, Figures, measure
from lrscope.data import Samples
from lrscope.engines import Processes
from lrscope.optim import SGD
from lrscope.papers.boundary import Map, MapTraining
from lrscope.papers.boundary._training import initial_weights, samples_of
from lrscope.sweep import Sweep
from lrscope.training import Experiment, Trainer

HAS_JAX = importlib.util.find_spec("jax") is not None
if HAS_JAX:
    from benchmarks import jax_boundary

ROUNDS = 1
RESOLUTION, STEPS = 128, 500
PART = 16
"""Pixels along each axis that the vectorised trainer trains, which is too slow for all."""
OURS, JAX, GENERAL = "lrscope, the study's trainer", "JAX vmap and scan", "lrscope, the vectorised trainer"
TRAININGS, CONVERGED = "trainings a second", "share that converges"


def page(resolution: int = RESOLUTION, rounds: int = ROUNDS) -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    cases: dict[str, Case] = {OURS: partial(mapped, resolution)}
    if HAS_JAX:
        cases[JAX] = partial(in_jax, resolution)
    cases[GENERAL] = general
    measured = measure(cases, rounds)
    rows = "\n".join(
        f"| {name} | {measured.median(name, TRAININGS):.0f} | {measured.ratio(name, OURS, TRAININGS):.2f} |"
        for name in cases
    )
    return f"""## Maps: {resolution} by {resolution} trainings of the first frame, tanh, {STEPS} steps, float64

On {os.cpu_count()} cores, medians of rounds: {rounds}; ratios are to lrscope in the same round. Compiling and starting
processes count. Of the vectorised trainer {PART} by {PART} pixels, in one process, tracing counts.

| | trainings a second | relative |
|---|---:|---:|
{rows}

A pixel ends with its first loss that is not finite, in lrscope; in JAX every pixel takes every step.
"""


def first_frame(resolution: int) -> Map:
    return Map(condition="tanh", x=(1e-3, 1e6), y=(1e-3, 1e6), resolution=resolution, steps=STEPS, refined=False)


def mapped(resolution: int) -> Figures:
    start = time.perf_counter()
    with Processes() as engine:
        records = next(MapTraining(first_frame(resolution), engine=engine, device="cpu"))
    return _figures(start, records["converged"].values)


def in_jax(resolution: int) -> Figures:
    asked = first_frame(resolution)
    inputs, targets = samples_of(asked)
    weights = initial_weights(0).numpy()
    rates = np.stack(asked.values(np.arange(asked.pixels)), axis=1)
    arrays = inputs.T.numpy(), targets.numpy()
    start = time.perf_counter()
    scores = jax_boundary.run(arrays, (weights[:-1].T, weights[-1]), rates, STEPS)
    return _figures(start, scores < 0)


class Network(nn.Module):
    """The source's network as a module."""

    def __init__(self) -> None:
        super().__init__()
        weights = initial_weights(0)
        self.hidden, self.output = (nn.Linear(16, width, bias=False) for width in (16, 1))
        with torch.no_grad():
            self.hidden.weight.copy_(weights[:-1])
            self.output.weight.copy_(weights[-1:])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.output(torch.tanh(self.hidden(inputs) * math.sqrt(2 / 16))) / 16


def general() -> Figures:
    inputs, targets = samples_of(first_frame(PART))
    inputs, targets = inputs.T.numpy(), targets.numpy()[:, None]
    grid = np.geomspace(1e-3, 1e6, PART).tolist()
    experiment = Experiment(
        data=Samples(inputs, targets, validation=(inputs[:1], targets[:1])),
        model=Network,
        sweep=Sweep(lr=grid, lr_hidden=grid),
        loss="mse",
        optimizer=SGD(),
        steps=STEPS,
        dtype="float64",
    )
    start = time.perf_counter()
    trainer = Trainer(experiment, "cpu")
    trainer.trace(experiment)
    ended = [trained.diverged.numpy() for trained in trainer.outputs(experiment)]
    return _figures(start, ~np.concatenate(ended))


def _figures(start: float, converged: np.ndarray) -> Figures:
    return {TRAININGS: converged.size / (time.perf_counter() - start), CONVERGED: float(converged.mean())}


if __name__ == "__main__":
    print(page(*map(int, sys.argv[1:])))
