"""Outputs of trained networks, for callers that need no records of the training."""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lrscope.records import DIVERGED_AT
from lrscope.training._chunks import Chunks
from lrscope.training._experiment import Experiment, holds_nothing_out
from lrscope.training._loop import device_of
from lrscope.training._plan import Members, fitting
from lrscope.training._prepared import Prepared
from lrscope.training._state import Values


@dataclass(frozen=True)
class Trained:
    """Some members of an experiment after their last update, in evaluation mode.

    Attributes
    ----------
    columns : ``member`` and every axis of the sweep, one entry a member
    outputs : (member, sample, ...) on the validation samples
    loss : (member) of these
    learned_outputs : (member, sample, ...) on the samples learned from
    diverged : (member) bool; the outputs of these are those of the last finite parameters
    """

    columns: dict[str, np.ndarray]
    outputs: Tensor
    loss: Tensor
    learned_outputs: Tensor
    diverged: Tensor


class Trainer:
    """Outputs of trained networks, for experiments that differ in the values of their sweep only.

    Parameters
    ----------
    experiment : one of them; its data must have validation samples
    device : ``auto``, ``cpu`` or ``cuda``

    Attributes
    ----------
    targets, learned_targets : (sample, ...) of the validation samples, and of those learned from

    Raises
    ------
    InputError : something in the experiment does not fit together, or there is no such device.

    Examples
    --------
    >>> from lrscope.data import Digits
    >>> from lrscope.models import CNN
    >>> from lrscope.training import Sweep
    >>> experiment = Experiment(
    ...     data=Digits(samples=99), model=CNN(1, 8, 8), loss="cross_entropy", sweep=Sweep(lr=[0.01]), steps=2
    ... )
    >>> [trained] = Trainer(experiment, "cpu").outputs(experiment)
    >>> trained.outputs.shape
    torch.Size([1, 359, 10])
    """

    def __init__(self, experiment: Experiment, device: str = "auto") -> None:
        self._device = device_of(device)
        self._prepared = Prepared(experiment, self._device)
        self._traced: set[int] = set()
        data = next(iter(self._prepared.sets.values()))
        if data.validation is None:
            raise holds_nothing_out(experiment.data)
        self.targets: np.ndarray = data.validation.targets.numpy(force=True)
        self.learned_targets: np.ndarray = data.learned.targets.numpy(force=True)

    @property
    def at_once(self) -> int:
        """How many members are trained at the same time, where there are as many."""
        return fitting(self._device, self._prepared.bytes_each)

    def trace(self, experiment: Experiment) -> None:
        """Trace what an experiment of this size needs, unless that is done: steps, the last of an epoch, evaluation.

        Steps with all samples, which may be compiled many at a time, are compiled when they are first trained.
        """
        members, batch_size = len(experiment.sweep), experiment.batch_size
        if members in self._traced:
            return
        last = len(self.learned_targets) % batch_size if batch_size else 0
        for size in (batch_size, last) if last else (batch_size,):
            self.one_step(dataclasses.replace(experiment, batch_size=size))
        self._traced.add(members)

    def one_step(self, experiment: Experiment) -> float:
        """Return the seconds of one step of an experiment, with all that is before the first and after the last."""
        began = time.perf_counter()
        deque(self.outputs(dataclasses.replace(experiment, epochs=None, steps=1)), maxlen=0)
        return time.perf_counter() - began

    def outputs(self, experiment: Experiment, progress: Callable[[int, int], None] | None = None) -> Iterator[Trained]:
        """Train an experiment, and yield its members as they were trained together.

        Parameters
        ----------
        progress : called after every step with the networks times steps that are done, and of all
        """
        chunks = Chunks(experiment, self._device, self.at_once, 1, self._prepared, recorded=False)
        done = 0
        for number, members in enumerate(chunks.members):
            ensemble, state = chunks.ensemble(number), chunks.initial_state(number)
            for _, _, after, _ in chunks.steps(number, state, 0):
                state = after
                done += len(members)
                if progress:
                    progress(done, chunks.total)
            yield _of(members, {**ensemble.evaluated(state), DIVERGED_AT: state[DIVERGED_AT]})


def _of(members: Members, values: Values) -> Trained:
    outputs, learned = values["outputs"], values["learned_outputs"]
    finite = torch.isfinite(outputs).flatten(1).all(1) & torch.isfinite(learned).flatten(1).all(1)
    diverged = (values[DIVERGED_AT] >= 0) | ~finite
    return Trained(members.columns, outputs, values["loss"], learned, diverged)
