"""Which hidden neurons are duplicates, from when on and until when."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.stability._results import Trained
from lrscope.records import MEMBER, step_dimension

LAYER = "hidden"
ALIKE = 0.99
"""Two neurons of this similarity or more are duplicates."""


@dataclass(frozen=True)
class Pair:
    """Two hidden neurons that once were duplicates.

    Attributes
    ----------
    configuration, lr : of their network, of seed 0
    one, other : numbers of the neurons
    merged, parted : first step at which they are duplicates, and from which on they are not any more; -1 for never
    last : similarity at the end
    """

    configuration: str
    lr: float
    one: int
    other: int
    merged: int
    parted: int
    last: float


def pairs_of(trained: Trained) -> Iterator[Pair]:
    """Yield the pairs of a configuration's networks of seed 0 that ever were duplicates."""
    for lr in dict.fromkeys(lr for lr, _ in trained.members()):
        alike, together = similarities(trained, lr)
        steps = alike[step_dimension(alike)].values
        for place, (one, other) in enumerate(itertools.combinations(range(_neurons(trained)), 2)):
            when = np.flatnonzero(together.isel(pair=place))
            if len(when):
                parted = int(steps[when[-1] + 1]) if when[-1] + 1 < len(steps) else -1
                last = float(alike.isel(pair=place)[-1])
                yield Pair(trained.configuration.name, lr, one, other, int(steps[when[0]]), parted, last)


def similarities(trained: Trained, lr: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return how alike each two hidden neurons of a network of seed 0 are, and whether they are duplicates.

    Returns
    -------
    two arrays (step, pair), the second true or false
    """
    records = trained.records.isel({MEMBER: [trained.member(lr)]})
    alike = analysis.similarity(records, LAYER).isel({MEMBER: 0})
    pairs = list(itertools.combinations(range(_neurons(trained)), 2))
    names = xr.Variable("pair", [f"{one} and {other}" for one, other in pairs])
    first, second = (xr.DataArray(numbers, dims="pair") for numbers in np.array(pairs, dtype=int).reshape(-1, 2).T)
    of_pairs = alike.isel(neuron=first, other=second).assign_coords(pair=names)
    return of_pairs, of_pairs >= ALIKE


def _neurons(trained: Trained) -> int:
    return int(trained.records.sizes[f"neuron_{LAYER}"])
