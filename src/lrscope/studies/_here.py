"""Trainings of this process and its engines, with PyTorch: what `run` needs for studies that do not start commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from lrscope import engines, store
from lrscope.engines import Engine, Processes
from lrscope.studies._folder import Folder
from lrscope.studies._where import Where
from lrscope.training import Experiment, Stream, device_of, estimate, stream

__all__ = ["described", "estimate", "opened", "processes", "started"]


def described(where: Where) -> dict[str, str]:
    """Return the device and the threads of this process, for the report."""
    cuda = where.device != "cpu" and torch.cuda.is_available()
    return {
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "threads": str(torch.get_num_threads()),
    }


@contextmanager
def opened(where: Where, folder: Folder) -> Iterator[Engine | None]:
    """Provide the engine, None for this process, and end its workers afterwards."""
    if where.engine == "slurm":
        engine: Engine | None = engines.Slurm(
            folder.slurm, where.workers, where.sbatch, device=where.device, address=where.address
        )
    elif where.engine == "ray":
        if where.address is None:
            device_of(where.device)  # refused before a Ray is started for nothing
        engine = engines.Ray(where.address, where.workers, where.device)
    else:
        engine = processes(where)
    done = False
    try:
        yield engine
        done = True
    finally:
        if engine:
            engine.shutdown(cancel_futures=not done)


def processes(where: Where) -> Processes | None:
    """Return the processes of this machine, not started yet; None if it trains on a GPU, which one keeps busy."""
    if device_of(where.device).type != "cpu":
        return None
    return Processes() if where.workers is None else Processes(where.workers, startup_seconds=0.0)


def started(experiment: Experiment, folder: Folder, name: str, resume: bool, **shared: Any) -> Stream:
    """Return the training of an experiment, where it stands."""
    files = folder.records(name) if resume else []
    begun = any(file.with_suffix(".state.npz").exists() for file in files)  # before its first block: none
    return stream(experiment, checkpoint=store.load_state(files) if begun else None, **shared)
