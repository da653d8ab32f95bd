"""Trainings in pieces, and the files that keep what is done, so that it survives whatever happens to the rest."""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from lrscope.data._arrays import described
from lrscope.engines import Engine, InProcess
from lrscope.errors import InputError
from lrscope.store import load_arrays, save_piece
from lrscope.training import Experiment, build, worth_starting

Arrays = dict[str, np.ndarray]
_TRAINING = "training"
_ADDRESS = re.compile(r"0x[0-9a-f]+")


class Pieces:
    """The folder with the pieces of a training, each there as a whole or not at all.

    Parameters
    ----------
    folder : it need not exist yet; without one nothing is kept
    form : what the pieces must be of, as JSON
    experiment : if given, they must also be of the samples that its data set has today, and of the network that its
        model makes today, whatever their names are
    """

    def __init__(self, folder: Path | None, form: Mapping[str, Any], experiment: Experiment | None = None) -> None:
        self._folder = folder
        self._form = dict(form)
        if folder and experiment:
            data = experiment.data
            samples = data.arrays(), data.validation() if hasattr(data, "validation") else None
            self._form |= {"network": _network(experiment), "samples": [described(each) for each in samples if each]}

    def read(self, name: str) -> Arrays | None:
        """Return a piece, None if it is not there.

        Raises
        ------
        InputError : the file is damaged, or is of another training or of other samples.
        """
        file = self._folder / f"{name}.npz" if self._folder else None
        if file is None or not file.exists():
            return None
        held = load_arrays(file)
        if held is None or _TRAINING not in held:
            raise InputError(f"{file} must hold a piece of a training as lrscope writes it; it is damaged. Delete it.")
        form = json.loads(str(held.pop(_TRAINING)))
        if form == self._form:
            return held
        if {**form, "samples": ""} == {**self._form, "samples": ""}:
            remedy = f"Put the files back that it was trained with, or delete {self._folder} to train all again."
            raise InputError(f"{file} must be of the samples as they are now; the data have changed. {remedy}")
        remedy = f"Delete {self._folder}, or give another folder."
        raise InputError(f"{file} must hold a piece of this training; it holds one of another. {remedy}")

    def write(self, name: str, piece: Arrays) -> None:
        """Write a piece; it is on the disk when this returns.

        Raises
        ------
        StoreError : the disk is full, or the folder cannot be written.
        """
        if self._folder:
            save_piece(self._folder / f"{name}.npz", {_TRAINING: np.array(json.dumps(self._form)), **piece})


def _network(experiment: Experiment) -> str:
    """Return a number of the network under seed 0: its name may be that of other code tomorrow."""
    module = build(experiment.model, 0, getattr(torch, experiment.dtype))
    digest = hashlib.blake2b(_ADDRESS.sub("", repr(module)).encode(), digest_size=16)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {tensor.requires_grad}".encode())
        digest.update(tensor.double().numpy(force=True).tobytes())
    return digest.hexdigest()


class PieceTraining(Iterator[xr.Dataset], ABC):
    """A training in pieces, as an iterator of one block (member, step, ...), like a `lrscope.training.Stream`.

    Parameters
    ----------
    total : networks
    engine : where to train, see `lrscope.engines`; in this process by default, and where there is too little to do
    progress : called with the networks that are done, and with all
    device : in this process: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``
    """

    def __init__(
        self,
        total: int,
        engine: Engine | None = None,
        progress: Callable[[int, int], None] | None = None,
        device: str = "auto",
    ) -> None:
        self.total = total
        self.finished = False
        self.state: dict[str, np.ndarray] = {}  # a resume continues from the pieces
        self._given_engine, self._device = engine, device
        self._progress = progress or (lambda _done, _total: None)
        self._stopping = False
        self._blocks = self._train()

    @property
    @abstractmethod
    def done(self) -> int:
        """Networks that are done; of ``total``."""

    @abstractmethod
    def _seconds(self) -> float:
        """Return about how long one core takes for everything."""

    @abstractmethod
    def _train(self) -> Iterator[xr.Dataset]:
        """Train what is missing, and yield the block, unless the training was asked to stop."""

    @cached_property
    def _engine(self) -> Engine:
        """What trains: the workers that were given, where there is enough to do for them."""
        given = self._given_engine
        if given and (not given.startup_seconds or worth_starting(given, self._seconds(), self.total)):
            return given
        return InProcess()

    @property
    def workers(self) -> str:
        """What trains, in words."""
        return str(self._engine)

    def stop(self) -> None:
        """Ask the training to end after the pieces in hand."""
        self._stopping = True

    def __next__(self) -> xr.Dataset:
        return next(self._blocks)
