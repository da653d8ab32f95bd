"""Outputs of trained networks, for callers that need no records of the training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lrscope.records import DIVERGED_AT, LOSS, MEMBER
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
    train_outputs : (member, sample, ...) on the training samples
    diverged : (member) bool; the outputs of these are those of the last finite parameters
    """

    columns: dict[str, np.ndarray]
    outputs: Tensor
    loss: Tensor
    train_outputs: Tensor
    diverged: Tensor


class Trainer:
    """Outputs of trained networks, for experiments that differ in the values of their sweep only.

    Parameters
    ----------
    experiment : one of them; its data must have validation samples
    device : ``auto``, ``cpu`` or ``cuda``
    uses : about how many experiments of this size will be trained, which decides whether compiling pays

    Attributes
    ----------
    targets, train_targets : (sample, ...) of the validation and of the training samples

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

    def __init__(self, experiment: Experiment, device: str = "auto", *, uses: int = 1) -> None:
        self._device = device_of(device)
        self._prepared = Prepared(experiment, self._device, uses)
        self._prepared.check_lifted()
        self._traced: set[int] = set()
        data = next(iter(self._prepared.sets.values()))
        if data.validation is None:
            raise holds_nothing_out(experiment.data)
        self.targets: np.ndarray = data.validation.targets.numpy(force=True)
        self.train_targets: np.ndarray = data.train.targets.numpy(force=True)

    @property
    def at_once(self) -> int:
        """How many members are trained at the same time, where there are as many."""
        return fitting(self._device, self._prepared.bytes_each)

    def seconds(self, experiment: Experiment) -> float:
        """Return about how long one core takes for an experiment, without measuring it."""
        return self._chunks(experiment).seconds()

    def trace(self, experiment: Experiment) -> None:
        """Trace what an experiment of this size needs, unless that is done: steps, the last of an epoch, evaluation."""
        if len(experiment.sweep) in self._traced:
            return
        self._traced.add(len(experiment.sweep))
        chunks = self._chunks(experiment)
        for number, table in enumerate(chunks.tables):
            ensemble, state, orders = chunks.ensemble(number), chunks.initial_state(number), chunks.orders(number)
            for step in (0, min(table.per_epoch, table.total) - 1):
                order = orders.at(step).to(self._device) if experiment.batch_size else None
                ensemble.step(state, step, 1.0, (), order)
            ensemble.evaluated(state)

    def _chunks(self, experiment: Experiment) -> Chunks:
        return Chunks(experiment, self._device, self.at_once, 1, self._prepared, recorded=False)

    def outputs(self, experiment: Experiment) -> Iterator[Trained]:
        """Train an experiment, and yield its members as they were trained together."""
        chunks = self._chunks(experiment)
        for number, members in enumerate(chunks.members):
            ensemble, state = chunks.ensemble(number), chunks.initial_state(number)
            for _, _, after, _ in chunks.steps(number, state, 0):
                state = after
            yield _of(members, {**ensemble.evaluated(state), DIVERGED_AT: state[DIVERGED_AT]})

    def losses(self, experiment: Experiment) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Train an experiment, and yield members that were trained together: their numbers and losses.

        Losses (step, member) are those of the step's batch, before the update; NaN after a divergence.
        """
        chunks = Chunks(experiment, self._device, self.at_once, 1, self._prepared)
        for number, members in enumerate(chunks.members):
            steps = [values for _, _, _, values in chunks.steps(number, chunks.initial_state(number), 0)]
            losses = torch.stack([values[LOSS] for values in steps]).double().numpy(force=True)
            diverged_at = steps[-1][DIVERGED_AT].numpy(force=True)
            after = (diverged_at >= 0) & (np.arange(len(losses))[:, None] > diverged_at)
            yield members.columns[MEMBER], np.where(after, np.nan, losses)


def _of(members: Members, values: Values) -> Trained:
    outputs, train_outputs = values["outputs"], values["train_outputs"]
    finite = torch.isfinite(outputs).flatten(1).all(1) & torch.isfinite(train_outputs).flatten(1).all(1)
    diverged = (values[DIVERGED_AT] >= 0) | ~finite
    return Trained(members.columns, outputs, values["loss"], train_outputs, diverged)
