"""The numbers of the study, computed once: what claims, tables and figures are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.studies.linearity._options import Options, Rates
from lrscope.studies.linearity._sheets import Sheets, sheets_of

LR, BATCH = "lr", "batch"
WANTED = (0.9, 0.99, 0.999)
"""Values of R² of which is told how many trainings they need."""


@dataclass(frozen=True)
class Network:
    """Everything measured of one network's trainings.

    Attributes
    ----------
    name : of the network
    rates : that it was trained at
    replicates : (lr) trainings summed
    diverged : (lr) trainings left out
    updates : of a training
    accuracy : (lr) mean held-out accuracy
    seconds : mean time of a training of one worker
    compared : of `analysis.difference`: the accuracy at eta + b less that at eta, batch by batch
    law, saved, second, sensitivity, relation, favoured : of the analyses `law`, `seeds_saved`, `second_order`,
        `output_sensitivity`, `delta_against_output`, `favoured`
    deltas, course : of `deltas` and `law_by_replicates` (replicates, ...)
    needed : wanted R² -> replicates
    laws : of `laws`, if there is a grid of rates; else None
    sheets : images of the samples that are favoured; None where there are none, and then `why`
    """

    name: str
    rates: Rates
    replicates: xr.DataArray
    diverged: xr.DataArray
    updates: int
    accuracy: xr.DataArray
    seconds: float
    compared: xr.Dataset
    law: xr.Dataset
    saved: xr.Dataset
    second: xr.Dataset
    sensitivity: xr.Dataset
    relation: xr.Dataset
    favoured: xr.Dataset
    deltas: xr.Dataset
    course: xr.Dataset
    needed: Mapping[float, float]
    laws: xr.Dataset | None
    sheets: Sheets


@dataclass(frozen=True)
class Results:
    """Everything measured.

    Attributes
    ----------
    options : of the run
    networks : that were trained
    """

    options: Options
    networks: list[Network]


def results(records: Mapping[str, xr.Dataset], options: Options) -> Results:
    """Return the numbers of the study from the records (member, step, ...) of its replications.

    Raises
    ------
    InputError : the records are not those of replicated trainings; all trainings diverged at a rate.
    """
    return Results(options, [_network(name, one, options) for name, one in records.items()])


def _network(name: str, records: xr.Dataset, options: Options) -> Network:
    sums = analysis.summed(records)
    rates = options.rates(options.networks[name])
    eta, a, b = rates.eta, rates.a, rates.b
    counts = sums["replicates"].sum(BATCH)
    favoured = analysis.favoured(sums, eta, b)
    return Network(
        name=name,
        rates=rates,
        replicates=counts,
        diverged=sums["diverged"].sum(BATCH),
        updates=int(records["step"].values[-1]),
        accuracy=sums["accuracy_sum"].sum(BATCH) / counts,
        seconds=float(sums["seconds_sum"].sum() / counts.sum()),
        compared=_compared(sums, eta, eta + b, options.pairing == "common"),
        law=analysis.law(sums, eta, a, b),
        saved=analysis.seeds_saved(sums, eta, a, b),
        second=analysis.second_order(sums, eta, a, b),
        sensitivity=analysis.output_sensitivity(sums, eta, a),
        relation=analysis.delta_against_output(sums, eta, b),
        favoured=favoured,
        deltas=analysis.deltas(sums, eta, a, b),
        course=analysis.law_by_replicates(sums, eta, a, b),
        needed={r2: float(analysis.replicates_for(sums, eta, a, b, r2)) for r2 in WANTED},
        laws=analysis.laws(sums) if options.grid else None,
        sheets=sheets_of(favoured, sums["learned_targets"], options),
    )


def _compared(sums: xr.Dataset, lr: float, other: float, common: bool) -> xr.Dataset:
    """Return how much the mean accuracies of the batches differ between two rates."""
    counts = sums["replicates"]
    means = (sums["accuracy_sum"] / counts.where(counts > 0)).rename({BATCH: "seed"})
    return analysis.difference(means.assign_coords(seed=np.arange(means.sizes["seed"])), other, lr, paired=common)
