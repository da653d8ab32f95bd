"""The numbers of the study, computed once: what claims, tables and figures are made of."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.fluctuation._options import Options
from lrscope.papers.fluctuation._published import QUANTITIES, published_counts
from lrscope.records import on_grid, outcomes, step_dimension

SEED = "seed"


@dataclass(frozen=True)
class Results:
    """Everything measured, on the grid (shape, lr, seed, ...).

    Attributes
    ----------
    options : of the run
    fluctuation : quantity -> normalised fluctuation (shape, lr, seed, neuron)
    counts : quantity -> neurons in each bin (shape, lr, seed, part, bin)
    published : quantity -> the paper's counts (shape, lr, part, bin), of its seven shapes
    participation : quantity -> Dataset of `analysis.participation` by part
    by_layer : quantity -> the same by layer
    distance : quantity -> total-variation distance to the published tables (shape, lr, seed, part)
    scatter : quantity -> the same of each published table to the mean of its quantity, part and rate
    loss : (shape, lr, seed, step)
    error : reconstruction error at the last step (shape, lr, seed)
    outputs, targets : at the last step (shape, lr, seed, sample, output)
    outcome : Dataset of `records.outcomes` (shape, lr, seed)
    dead : Dataset of `analysis.dead`
    """

    options: Options
    fluctuation: dict[str, xr.DataArray]
    counts: dict[str, xr.DataArray]
    published: dict[str, xr.DataArray]
    participation: dict[str, xr.Dataset]
    by_layer: dict[str, xr.Dataset]
    distance: dict[str, xr.DataArray]
    scatter: dict[str, xr.DataArray]
    loss: xr.DataArray
    error: xr.DataArray
    outputs: xr.DataArray
    targets: xr.DataArray
    outcome: xr.Dataset
    dead: xr.Dataset

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return self.loss.sizes[SEED]


def results(records: xr.Dataset, options: Options) -> Results:
    """Return the numbers of the study from its records (member, step, ...).

    Raises
    ------
    InputError : a quantity was not recorded.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        return _results(records, options)


def _results(records: xr.Dataset, options: Options) -> Results:
    fluctuation = {quantity: on_grid(analysis.fluctuation(records, quantity)) for quantity in QUANTITIES}
    counts = {quantity: analysis.binned(values) for quantity, values in fluctuation.items()}
    published = published_counts()
    by_part, by_layer = (
        {quantity: analysis.participation(values, options.threshold, by) for quantity, values in fluctuation.items()}
        for by in ("part", "layer")
    )
    return Results(
        options=options,
        fluctuation=fluctuation,
        counts=counts,
        published=published,
        participation=by_part,
        by_layer=by_layer,
        distance={name: analysis.total_variation(counts[name], published[name]) for name in QUANTITIES},
        scatter={name: _scatter(published[name]) for name in QUANTITIES},
        loss=_on_grid(records, "loss"),
        error=_last(on_grid(analysis.reconstruction_error(records))),
        outputs=_last(_on_grid(records, "outputs")),
        targets=_last(_on_grid(records, "targets")),
        outcome=on_grid(outcomes(records)),
        dead=on_grid(analysis.dead(records)),
    )


def _on_grid(records: xr.Dataset, name: str) -> xr.DataArray:
    return on_grid(records[[name]])[name]


def _last(array: xr.DataArray) -> xr.DataArray:
    return array.isel({step_dimension(array): -1})


def _scatter(published: xr.DataArray) -> xr.DataArray:
    """Return each published table's distance to the mean share of its quantity, part and rate over the shapes."""
    shares = analysis.shares(published)
    return analysis.total_variation(shares, shares.mean("shape"))
