"""Replicated training, as the study `linearity` does it: networks a second, and memory for many replicates."""

import importlib.util
import os
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.many_replicates import FEW_SAMPLES, MEMORY, network, remembered
from benchmarks.rounds import Case, Figures, Measured, measure
from lrscope.data import Digits
from lrscope.engines import Processes
from lrscope.optim import SGD, Linear
from lrscope.papers.linearity import Replication, replicate
from lrscope.sweep import Sweep
from lrscope.training import Experiment

HAS_JAX = importlib.util.find_spec("jax") is not None
if HAS_JAX:
    from benchmarks import jax_replicates

ROUNDS = 3
LR, EPOCHS, BATCH_SIZE = 0.2, 8, 64
PLAIN_NETWORKS, NETWORKS, JAX_MEMBERS, JAX_CALLS = 16, 8192, 64, 4
FEW, MANY = 1000, 100_000
"""Replicates whose memory is compared."""
PLAIN, OURS = "plain PyTorch loop, nothing evaluated", "lrscope, evaluated and summed"
JAX = f"JAX vmap and scan, {JAX_MEMBERS} networks, nothing evaluated"
JAX_TWO = "the same program called by two threads at the same time"
MILLISECONDS, BEFORE, ACCURACY = "ms a network", "seconds before", "accuracy"
TWO = " (two threads)"
"""Behind the names of the figures of `JAX_TWO`."""
AS_ACCURATE = 0.01


def page() -> str:
    """Measure, and return the section of docs/benchmarks.md."""
    measured, memory = speed(), peak_memory()
    _refuse_different(measured)
    few, many = (memory.median(name, MEMORY) for name in memory.figures)
    return f"""## Replicated training: perceptrons 64-32-10 on digits, {EPOCHS} epochs in batches of {BATCH_SIZE}

SGD with momentum, learning rate {LR} falling to zero, float32; {len(Digits().arrays().inputs)} samples.
On {os.cpu_count()} cores, medians of {ROUNDS} rounds; ratios are to the plain loop of the same round.

{_table(measured)}

Seconds before: until the first piece of lrscope's {NETWORKS} networks is done, less the time of a later one (tracing
and compiling, which pay for so many), of JAX compiling. Behind them, networks a second relative to JAX:
{_relative(measured)}.
lrscope's time includes what a replication is for: outputs on the validation samples and learned from, and sums of them.
JAX trains only. Its program keeps one core busy, and takes about the same time a network for
16 to 128 networks a call; a user who calls it from two threads gets the last row, which lrscope does not reach.

Peak memory of a process that trains replicates (of one epoch of {FEW_SAMPLES} samples): {few:.0f} MiB for {FEW},
{many:.0f} MiB for {MANY}, {many / few:.2f} times as much (must be at most 1.10).
"""


def speed() -> Measured:
    cases: dict[str, Case] = {PLAIN: plain, OURS: replicated}
    if HAS_JAX:
        cases[JAX] = in_jax
    return measure(cases, ROUNDS)


def peak_memory() -> Measured:
    return measure({f"{replicates} replicates": partial(remembered, replicates) for replicates in (FEW, MANY)}, 1)


def replication(replicates: int) -> Replication:
    shared = {"loss": "cross_entropy", "optimizer": SGD(momentum=0.9), "schedule": Linear(), "batch_size": BATCH_SIZE}
    experiment = Experiment(data=Digits(), model=network, sweep=Sweep(lr=[LR]), epochs=EPOCHS, **shared)
    return Replication(experiment, replicates)


def plain() -> Figures:
    """What a user would write."""
    arrays, validation = Digits().arrays(), Digits().validation()
    images, digits = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
    loop(network, images, digits, PLAIN_NETWORKS)  # the first is slower
    start = time.perf_counter()
    trained = [loop(network, images, digits, seed) for seed in range(PLAIN_NETWORKS)]
    seconds = time.perf_counter() - start
    with torch.no_grad():
        found = [
            model(torch.from_numpy(validation.inputs)).argmax(1).numpy() == validation.targets for model in trained
        ]
    return {MILLISECONDS: 1e3 * seconds / PLAIN_NETWORKS, ACCURACY: float(np.mean(found))}


def loop(
    factory: Callable[[], nn.Module], images: torch.Tensor, digits: torch.Tensor, seed: int, lr: float = LR
) -> nn.Module:
    torch.manual_seed(seed)
    model, criterion = factory(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH_SIZE):
            optimizer.zero_grad()
            criterion(model(images[rows]), digits[rows]).backward()
            optimizer.step()
            schedule.step()
    return model


def replicated() -> Figures:
    arrived: list[tuple[int, float]] = []
    start = time.perf_counter()
    with Processes() as engine:
        records = replicate(
            replication(NETWORKS),
            engine=engine,
            progress=lambda done, _total: arrived.append((done, time.perf_counter())),
        )
    (first, begun), (last, ended) = arrived[0], arrived[-1]
    each = (ended - begun) / (last - first)
    before = begun - start - first * each
    accuracy = float(records.accuracy_sum.sum() / records.replicates.sum())
    return {MILLISECONDS: 1e3 * each, BEFORE: before, ACCURACY: accuracy}


def in_jax() -> Figures:
    arrays, validation = Digits().arrays(), Digits().validation()
    x, x_validation = (one.inputs.reshape(len(one.inputs), -1) for one in (arrays, validation))
    program, before = jax_replicates.compiled(x, arrays.targets, LR, (EPOCHS, BATCH_SIZE), JAX_MEMBERS)
    one, trained = jax_replicates.timed(program, JAX_MEMBERS, 1, JAX_CALLS)
    two, _ = jax_replicates.timed(program, JAX_MEMBERS, 2, 2 * JAX_CALLS)
    accuracy = jax_replicates.accuracy(trained, x_validation, validation.targets)
    return {MILLISECONDS: 1e3 * one, MILLISECONDS + TWO: 1e3 * two, BEFORE: before, ACCURACY: accuracy}


def _table(measured: Measured) -> str:
    lines = ["| case | ms a network | networks a second, ratio | must be | seconds before | accuracy |"]
    lines += ["|---|---:|---:|---|---:|---:|"]
    limits = {OURS: "at least 12, and at least JAX's"}
    for case in measured.figures:
        lines.append(_line(measured, case, case, MILLISECONDS, limits.get(case, "")))
    if HAS_JAX:
        lines.append(_line(measured, JAX, JAX_TWO, MILLISECONDS + TWO, ""))
    return "\n".join(lines)


def _line(measured: Measured, case: str, name: str, figure: str, limit: str) -> str:
    each, reference = measured.values(case, figure), measured.values(PLAIN, MILLISECONDS)
    ratio = float(np.median([theirs / mine for mine, theirs in zip(each, reference, strict=True)]))
    before = f"{measured.median(case, BEFORE):.1f}" if case != PLAIN else ""
    accuracy = f"{measured.median(case, ACCURACY):.3f}"
    return f"| {name} | {np.median(each):.2f} | {ratio:.1f} | {limit} | {before} | {accuracy} |"


def _relative(measured: Measured) -> str:
    if not HAS_JAX:
        return "JAX is not installed"
    ours = np.array(measured.values(OURS, MILLISECONDS))
    one, two = (np.median(np.array(measured.values(JAX, MILLISECONDS + more)) / ours) for more in ("", TWO))
    return f"{one:.2f} times as many, and {two:.2f} times as many as its program called by two threads"


def _refuse_different(measured: Measured) -> None:
    """Raise an error where the cases did not learn the same: initial weights and orders differ, their law does not."""
    found = {case: measured.median(case, ACCURACY) for case in measured.figures}
    if max(found.values()) - min(found.values()) > AS_ACCURATE:
        raise RuntimeError(f"all cases must be as accurate, within {AS_ACCURATE}; got {found}.")
