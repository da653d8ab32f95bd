"""The default study against what a user would write: 24 autoencoders, one after the other or at once."""

import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from benchmarks.rounds import Measured, measure, table
from lrscope import store
from lrscope.data import Shape
from lrscope.engines import Processes
from lrscope.models import Autoencoder
from lrscope.papers.fluctuation import STUDY, Options
from lrscope.training import Experiment, Sweep, stream

HAS_JAX = importlib.util.find_spec("jax") is not None
if HAS_JAX:
    from benchmarks import jax_ensemble

ROUNDS = 3
OPTIONS = Options()
PLAIN = "24 plain PyTorch loops, nothing recorded"
TUTORIAL = "torch.func as in its tutorial, nothing recorded"
JAX = "JAX vmap and scan, nothing recorded (compilation included)"
SILENT = "lrscope, nothing recorded but the loss"
RECORDING = "lrscope, everything recorded into ROOT"
LIMITS = {SILENT: "at most 0.33", RECORDING: "at most 0.55"}


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    cases: dict[str, Callable[[], None]] = {PLAIN: plain, TUTORIAL: tutorial, SILENT: silent, RECORDING: recording}
    if HAS_JAX:
        cases[JAX] = jax_scan
    measured = measure(cases, ROUNDS)
    return f"""## The default study: 8 shapes x 3 learning rates, 1000 epochs of 500 points

{table(measured, LIMITS)}

Ratios are to the plain loops of the same round, median of {ROUNDS} rounds. All rows of lrscope include starting
its processes, building the networks and tracing the step; JAX's row compilation.

Recording everything takes {_share(measured):.0%} of the time of the recording run.
"""


def _share(measured: Measured) -> float:
    return 1 - measured.median(SILENT) / measured.median(RECORDING)


def plain() -> None:
    """What a user would write."""
    for shape in OPTIONS.shapes:
        points = torch.from_numpy(Shape(shape).arrays().inputs).float()
        for lr in OPTIONS.lrs:
            torch.manual_seed(0)
            model = Autoencoder()()
            optimizer = torch.optim.Adam(model.parameters(), lr=float(lr))
            losses = []
            for _ in range(OPTIONS.epochs):
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(model(points), points)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())


def tutorial() -> None:
    """All 24 at once with stacked parameters and vmap, step by step, as PyTorch's tutorial on model ensembling."""
    points = torch.stack([torch.from_numpy(Shape(shape).arrays().inputs).float() for shape in OPTIONS.shapes])
    points = points.repeat_interleave(len(OPTIONS.lrs), 0)
    lrs = torch.tensor([float(lr) for lr in OPTIONS.lrs]).repeat(len(OPTIONS.shapes))
    networks = [Autoencoder()() for _ in lrs]
    base = Autoencoder()()
    parameters = {name: stacked.detach() for name, stacked in stack_module_state(networks)[0].items()}
    mean, square = ({name: torch.zeros_like(value) for name, value in parameters.items()} for _ in range(2))

    def loss_of(tree: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return nn.functional.mse_loss(functional_call(base, tree, (x,)), x)

    gradient_of = vmap(grad_and_value(loss_of))
    for step in range(1, OPTIONS.epochs + 1):
        gradients, _ = gradient_of(parameters, points)
        for name, gradient in gradients.items():
            rate = (lrs / (1 - 0.9**step)).view(-1, *[1] * (gradient.ndim - 1))
            mean[name] = 0.9 * mean[name] + 0.1 * gradient
            square[name] = 0.999 * square[name] + 0.001 * gradient * gradient
            scale = (square[name] / (1 - 0.999**step)).sqrt() + 1e-8
            parameters[name] = parameters[name] - rate * mean[name] / scale


def jax_scan() -> None:
    """The same in JAX, compiled as one program."""
    points = [Shape(shape).arrays().inputs for shape in OPTIONS.shapes]
    jax_ensemble.run(points, [float(lr) for lr in OPTIONS.lrs], OPTIONS.epochs)


def silent() -> None:
    with Processes() as engine:
        for _ in stream(_silent(), device="cpu", engine=engine):
            pass


def _silent() -> Experiment:
    sweep = Sweep(shape=OPTIONS.shapes, lr=OPTIONS.lrs, seed=[0])
    return Experiment(data=Shape("circle"), model=Autoencoder(), sweep=sweep, epochs=OPTIONS.epochs)


def recording() -> None:
    with (
        Processes() as engine,
        tempfile.TemporaryDirectory() as folder,
        store.Writer(Path(folder) / "records.root", {}) as writer,
    ):
        training = stream(STUDY.experiments(OPTIONS)["records"], device="cpu", engine=engine)
        for block in training:
            writer.extend(block, training.state)
