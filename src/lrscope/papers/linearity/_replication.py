"""One training, repeated at several learning rates: what is trained, how often, and which seeds each repetition has."""

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from lrscope.errors import must_be
from lrscope.optim import SGD, Constant
from lrscope.specification import specification, to_json
from lrscope.sweep import Sweep
from lrscope.training import Experiment

Positive = Annotated[int, Field(ge=1)]
APART = 10**9
"""How far the seeds of the second rate are from those of the first, where each rate has seeds of its own."""
MAX_BATCHES = 32
"""Batches of replicates, at most, unless another number is given."""


@specification
class Replication:
    """One training, repeated many times at each of several learning rates; only sums over the repetitions are kept.

    Attributes
    ----------
    data : a data set with validation samples, see `lrscope.data`
    model : a callable without arguments that returns an ``nn.Module``
    lrs : learning rates, ascending
    replicates : repetitions at each rate
    pairing : ``common``, a repetition has the same seed at every rate, and so the same initial weights and order of
        the data; ``independent``, each rate has seeds of its own
    loss, optimizer, schedule, epochs, batch_size, dtype : as in an `Experiment`
    batches : into how many batches of neighbours the replicates are dealt; sums are kept of each

    Raises
    ------
    InputError : a field that is not allowed; fewer replicates than batches.

    Examples
    --------
    >>> from lrscope.data import Digits
    >>> from lrscope.models import CNN
    >>> replication = Replication(data=Digits(), model=CNN(1, 8, 8), lrs=[0.1, 0.2], replicates=64, epochs=1)
    >>> replication.batches
    32
    >>> replication.batch_of(np.array([0, 1, 2, 63]))
    array([ 0,  0,  1, 31])
    """

    data: Any
    model: Any
    lrs: tuple[float, ...]
    replicates: Positive
    epochs: Positive
    pairing: Literal["common", "independent"] = "common"
    loss: Any = "cross_entropy"
    optimizer: Any = SGD(momentum=0.9)
    schedule: Any = Constant()
    batch_size: Positive | None = None
    batches: Positive = MAX_BATCHES
    dtype: Literal["float32", "float64"] = "float32"

    @field_validator("lrs")
    @classmethod
    def _rates(cls, lrs: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(Sweep(lr=lrs).axes["lr"]))

    @model_validator(mode="after")
    def _consistent(self) -> "Replication":
        if self.replicates < self.batches:
            remedy = "Ask for more replicates, or for fewer batches."
            raise must_be("replicates", f"at least the {self.batches} batches", self.replicates, remedy)
        if self.replicates > APART:
            raise must_be("replicates", f"at most {APART}", self.replicates)
        self.experiments(range(1))
        return self

    def __len__(self) -> int:
        """Return how many networks are trained."""
        return len(self.lrs) * self.replicates

    def batch_of(self, replicates: np.ndarray) -> np.ndarray:
        """Return the batch (replicate) of each of some replicates."""
        return replicates * self.batches // self.replicates

    def experiments(self, replicates: range) -> list[Experiment]:
        """Return the trainings of some replicates at every rate: one experiment, or one a rate."""
        if self.pairing == "common":
            return [self._experiment(Sweep(lr=self.lrs, seed=replicates))]
        starts = (number * APART for number in range(len(self.lrs)))
        own = (range(start + replicates.start, start + replicates.stop) for start in starts)
        return [self._experiment(Sweep(lr=[lr], seed=seeds)) for lr, seeds in zip(self.lrs, own, strict=True)]

    def _experiment(self, sweep: Sweep) -> Experiment:
        return Experiment(
            data=self.data,
            model=self.model,
            sweep=sweep,
            loss=self.loss,
            optimizer=self.optimizer,
            schedule=self.schedule,
            epochs=self.epochs,
            batch_size=self.batch_size,
            dtype=self.dtype,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the replication as JSON: class names and plain values."""
        form: dict[str, Any] = to_json(self)
        return form


def cut(replicates: range, most: int) -> Iterator[range]:
    """Yield replicates in pieces of at most `most`, of one size if that takes few more pieces.

    Pieces of one size share what was traced for the first.
    """
    least = math.ceil(len(replicates) / most)
    even = (len(replicates) // pieces for pieces in range(least, 2 * least) if len(replicates) % pieces == 0)
    size = next(even, most)
    edges = [*range(replicates.start, replicates.stop, size), replicates.stop]
    yield from (range(*pair) for pair in itertools.pairwise(edges))
