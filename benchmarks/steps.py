"""A step of an ensemble on one core: plain PyTorch, the traced graph, and the graph compiled by `torch.compile`."""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from benchmarks.many_replicates import network
from benchmarks.rounds import Case, Figures, measure
from lrscope.data import Digits, Function, Shape
from lrscope.models import CNN, Autoencoder, Perceptron
from lrscope.optim import SGD, loss_function
from lrscope.training import Experiment, Sweep, _compile, stream

STEPS, FIRST = 120, 20
ROUNDS = 1
KINDS = {"plain PyTorch, one by one": "plain", "traced graph": "graph", "compiled": "compiled"}
MILLISECONDS, BEFORE = "ms of processor", "seconds before"
ENSEMBLES: dict[str, tuple[int, Callable[[], dict[str, object]]]] = {
    "autoencoder, 500 points": (12, lambda: {"data": Shape("circle"), "model": Autoencoder()}),
    "perceptron 64-32-10, 64 digits": (
        64,
        lambda: {
            "data": Digits(),
            "model": network,
            "loss": "cross_entropy",
            "optimizer": SGD(momentum=0.9),
            **BATCHES,
        },
    ),
    "CNN, 64 digits": (
        6,
        lambda: {"data": Digits(), "model": CNN(height=8, width=8), "loss": "cross_entropy", **BATCHES},
    ),
    "perceptron of f1, 1000 points": (
        1,
        lambda: {"data": Function("f1"), "model": Perceptron(3), "loss": "half_mse", "dtype": "float64"},
    ),
}
BATCHES = {"batch_size": 64}


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    cases: dict[str, Case] = {f"{what}: {kind}": partial(step, what, kind) for what in ENSEMBLES for kind in KINDS}
    with tempfile.TemporaryDirectory() as cache:
        measured = measure(cases, ROUNDS, {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": cache})
    lines = ["| members | " + " | ".join(KINDS) + " | compiling, s |", "|---|" + "---:|" * (len(KINDS) + 1)]
    for what, (members, _) in ENSEMBLES.items():
        each = [measured.median(f"{what}: {kind}", MILLISECONDS) for kind in KINDS]
        graph, compiled = (measured.median(f"{what}: {kind}", BEFORE) for kind in list(KINDS)[1:])
        lines.append(f"| {members} x {what} | {' | '.join(f'{ms:.2f}' for ms in each)} | {compiled - graph:.0f} |")
    table = "\n".join(lines)
    return f"""## One step, traced and compiled

Milliseconds of processor time of one step of all members, on one core; only the loss is measured. Compiling is the
processor time until the first steps are done, less that of the traced graph, with an empty cache; it does not count
the C++ compiler's own process. Steps with convolutions are never compiled.

{table}
"""


def step(what: str, kind: str) -> Figures:
    members, fields = ENSEMBLES[what]
    experiment = Experiment(**{"steps": STEPS, "sweep": Sweep(lr=[0.01], seed=range(members)), **fields()})
    if KINDS[kind] == "plain":
        return plain(experiment, members)
    _compile.COMPILE_SECONDS = 0.0 if KINDS[kind] == "compiled" else np.inf
    marks, began = [], time.process_time()
    for _ in stream(experiment, device="cpu", progress=lambda _done, _total: marks.append(time.process_time())):
        pass
    return {MILLISECONDS: 1e3 * statistics.median(np.diff(marks[FIRST:])), BEFORE: marks[FIRST] - began}


def plain(experiment: Experiment, members: int) -> Figures:
    arrays, model = experiment.data.arrays(), experiment.model().to(getattr(torch, experiment.dtype))
    size = experiment.batch_size or len(arrays.inputs)
    inputs, targets = (torch.from_numpy(array[:size]) for array in (arrays.inputs, arrays.targets))
    kind = torch.optim.Adam if type(experiment.optimizer).__name__ == "Adam" else torch.optim.SGD
    optimizer, loss_of = kind(model.parameters(), lr=0.01), loss_function(experiment.loss)
    marks = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model(inputs.to(next(model.parameters()).dtype)), _fitting(targets, model))
        loss.backward()
        optimizer.step()
        loss.item()
        marks.append(time.process_time())
    return {MILLISECONDS: 1e3 * members * statistics.median(np.diff(marks[FIRST:])), BEFORE: 0.0}


def _fitting(targets: torch.Tensor, model: torch.nn.Module) -> torch.Tensor:
    return targets.to(next(model.parameters()).dtype) if targets.is_floating_point() else targets
