"""Which hidden neurons are duplicates, from when on and until when."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import xarray as xr

from lrscope import analysis
from lrscope.records import MEMBER, step_dimension
from lrscope.studies.stability._results import Trained

LAYER = "hidden"


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
        records = _weights(trained, lr)
        found, alike = analysis.duplicates(records, LAYER), analysis.similarity(records, LAYER)
        last = alike.isel({step_dimension(alike): -1})
        for one, other in itertools.combinations(range(found.sizes["neuron"]), 2):
            merged, parted = (int(found[name][0, one, other]) for name in ("merged", "parted"))
            if merged >= 0:
                yield Pair(trained.configuration.name, lr, one, other, merged, parted, float(last[0, one, other]))


def similarities(trained: Trained, lr: float) -> tuple[xr.DataArray, xr.DataArray]:
    """Return how alike each two hidden neurons of a network of seed 0 are, and whether they are duplicates.

    Returns
    -------
    two arrays (step, pair), the second true or false
    """
    records = _weights(trained, lr)
    alike = analysis.similarity(records, LAYER).isel({MEMBER: 0})
    group = analysis.duplicates(records, LAYER)["group"].isel({MEMBER: 0})
    pairs = list(itertools.combinations(range(alike.sizes["neuron"]), 2))
    names = xr.Variable("pair", [f"{one} and {other}" for one, other in pairs])
    first, second = (xr.DataArray([pair[place] for pair in pairs], dims="pair") for place in (0, 1))
    of_pairs = alike.isel(neuron=first, other=second).assign_coords(pair=names)
    together = group.isel(neuron=first) == group.isel(neuron=second)
    return of_pairs, together.assign_coords(pair=names)


def _weights(trained: Trained, lr: float) -> xr.Dataset:
    return trained.records.isel({MEMBER: [trained.member(lr)]})
