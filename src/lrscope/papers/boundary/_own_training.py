"""Pixels of a map of your own network: members that the vectorised trainer of lrscope trains."""

from functools import lru_cache
from typing import Any

import numpy as np

from lrscope.data import data_set
from lrscope.models import Imported
from lrscope.optim import OPTIMIZERS
from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._own import BATCH_SIZE, Own
from lrscope.papers.boundary._training import values
from lrscope.probes import Loss, Probe
from lrscope.studies._samples import has_classes
from lrscope.sweep import GROUP, Points
from lrscope.training import Experiment, Trainer, estimate

AT_ONCE = 64
"""Pixels that are taken for trained together when pieces are cut, whatever the machine."""
TINY = 1e-300


def losses(asked: Map, pixels: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Train pixels, and return the losses (step, pixel) of the steps' batches; NaN after one that is not finite.

    Parameters
    ----------
    pixels : (pixel) numbers ``(seed * resolution + row) * resolution + column``
    """
    result = np.full((asked.steps, len(pixels)), np.nan)
    for size, some in by_batch_size(asked, pixels):
        experiment = experiment_of(asked, pixels[some], size)
        for members, own in _trainer(asked, size, device).losses(experiment):
            result[:, some[members]] = own
    result = np.where(np.isfinite(result), result, np.nan)
    # What cannot be compared with its first loss did not converge.
    result[0] = np.where(np.isnan(result[0]), TINY, np.maximum(result[0], TINY))
    return result


def experiment_of(asked: Map, pixels: np.ndarray, batch_size: int | None, probes: tuple[Probe, ...] = ()) -> Experiment:
    """Return the training of pixels that have the same batch size."""
    own = _own(asked)
    data = data_set(own.data, own.root)
    classes = "cross_entropy" if has_classes(data.arrays().targets) else "mse"
    return Experiment(
        data=data,
        model=Imported(own.model),
        loss=classes if own.loss == "auto" else own.loss,
        optimizer=OPTIMIZERS[own.optimizer],
        sweep=Points(**_columns(asked, pixels)),
        steps=asked.steps,
        batch_size=batch_size,
        probes=(Loss(), *probes),
        dtype=asked.dtype,
    )


def batch_size_of(asked: Map, pixel: int) -> int | None:
    """Return the batch size of a pixel; None for all samples."""
    ((size, _),) = by_batch_size(asked, np.array([pixel]))
    return size


def check(asked: Map) -> None:
    """Make sure that both ends of the axes can be trained, before anything is written.

    Raises
    ------
    InputError : they cannot, with the reason.
    """
    for pixel in (0, asked.resolution**2 - 1):
        estimate(experiment_of(asked, np.array([pixel]), batch_size_of(asked, pixel)), device="cpu", steps=1)


def _columns(asked: Map, pixels: np.ndarray) -> dict[str, np.ndarray]:
    own = _own(asked)
    along = dict(zip(own.axes, values(asked, pixels), strict=True))
    lr = along.pop("lr", np.full(len(pixels), own.lr))
    columns: dict[str, Any] = {"lr": lr}
    for name, column in along.items():
        if name != BATCH_SIZE:
            columns[name] = column / lr if name.startswith(GROUP) else column  # a rate here, a multiple of lr there
    columns["seed"] = pixels + 1 if asked.noise else pixels // asked.resolution**2
    return columns


def by_batch_size(asked: Map, pixels: np.ndarray) -> list[tuple[int | None, np.ndarray]]:
    """Return each batch size with the places of its pixels."""
    own = _own(asked)
    if BATCH_SIZE not in own.axes:
        return [(own.batch_size, np.arange(len(pixels)))]
    sizes = np.round(values(asked, pixels)[own.axes.index(BATCH_SIZE)]).astype(int)
    return [(int(size), np.flatnonzero(sizes == size)) for size in np.unique(sizes)]


@lru_cache(maxsize=8)
def _trainer(asked: Map, batch_size: int | None, device: str) -> Trainer:
    """Return what trains pixels of a batch size, made once in a process, with everything that it has traced."""
    uses = max(1, asked.pixels // (8 * AT_ONCE))
    return Trainer(experiment_of(asked, np.array([0]), batch_size), device, uses=uses)


def _own(asked: Map) -> Own:
    assert asked.own is not None
    return asked.own
