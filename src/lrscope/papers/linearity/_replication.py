"""One training, repeated at several learning rates: what is trained, how often, and which seeds each repetition has."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from lrscope.errors import must_be
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
    experiment : the training, on data with validation samples; its sweep has the axis ``lr`` and no other, its probes
        are not measured
    replicates : repetitions at each rate
    pairing : ``common``, a repetition has the same seed at every rate, and so the same initial weights and order of
        the data; ``independent``, each rate has seeds of its own
    batches : into how many batches of neighbours the replicates are dealt; sums are kept of each

    Raises
    ------
    InputError : a field that is not allowed; another axis of the sweep; fewer replicates than batches.

    Examples
    --------
    >>> from lrscope.data import Digits
    >>> from lrscope.models import CNN
    >>> learned = {"data": Digits(), "model": CNN(1, 8, 8), "loss": "cross_entropy", "epochs": 1}
    >>> replication = Replication(Experiment(**learned, sweep=Sweep(lr=[0.1, 0.2])), replicates=64)
    >>> replication.batches
    32
    >>> replication.batch_of(np.array([0, 1, 2, 63]))
    array([ 0,  0,  1, 31])
    """

    experiment: Experiment
    replicates: Positive
    pairing: Literal["common", "independent"] = "common"
    batches: Positive = MAX_BATCHES

    @model_validator(mode="after")
    def _consistent(self) -> "Replication":
        if list(self.experiment.sweep.axes) != ["lr"]:
            raise must_be("experiment", "one whose sweep has the axis lr alone", self.experiment.sweep)
        if self.replicates < self.batches:
            remedy = "Ask for more replicates, or for fewer batches."
            raise must_be("replicates", f"at least the {self.batches} batches", self.replicates, remedy)
        if self.replicates > APART:
            raise must_be("replicates", f"at most {APART}", self.replicates)
        return self

    @property
    def lrs(self) -> tuple[float, ...]:
        """Learning rates, ascending."""
        return tuple(sorted(self.experiment.sweep.axes["lr"]))

    def __len__(self) -> int:
        """Return how many networks are trained."""
        return len(self.lrs) * self.replicates

    def batch_of(self, replicates: np.ndarray) -> np.ndarray:
        """Return the batch (replicate) of each of some replicates."""
        return replicates * self.batches // self.replicates

    def experiments(self, replicates: range) -> list[Experiment]:
        """Return the trainings of some replicates at every rate: one experiment, or one a rate."""
        if self.pairing == "common":
            sweeps = [Sweep(lr=self.lrs, seed=replicates)]
        else:
            starts = (number * APART for number in range(len(self.lrs)))
            own = (range(start + replicates.start, start + replicates.stop) for start in starts)
            sweeps = [Sweep(lr=[lr], seed=seeds) for lr, seeds in zip(self.lrs, own, strict=True)]
        return [replace(self.experiment, sweep=sweep) for sweep in sweeps]

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
