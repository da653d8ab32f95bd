"""The memory of a process that trains many replicates: apart, since JAX is not loaded here."""

import resource
import sys
from typing import Any

from torch import nn

from benchmarks.rounds import Figures
from lrscope.data import Digits
from lrscope.optim import SGD
from lrscope.papers.linearity import Replication, replicate
from lrscope.sweep import Sweep
from lrscope.training import Experiment

FEW_SAMPLES = 64
"""Replicates are trained for one step on so many samples, since only their number counts."""
MEMORY = "MiB"


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def remembered(replicates: int) -> Figures:
    """Train one step of many replicates; return the peak of this process's memory."""
    asked: dict[str, Any] = {"loss": "cross_entropy", "optimizer": SGD(momentum=0.9), "batch_size": FEW_SAMPLES}
    data = Digits(samples=FEW_SAMPLES)
    experiment = Experiment(data=data, model=network, sweep=Sweep(lr=[0.2]), epochs=1, **asked)
    replicate(Replication(experiment, replicates), device="cpu")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {MEMORY: peak / (2**20 if sys.platform == "darwin" else 2**10)}
