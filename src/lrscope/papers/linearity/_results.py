"""The numbers of the study, computed once: what claims, tables and figures are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope.analysis import difference
from lrscope.papers.linearity import analysis
from lrscope.papers.linearity._lacking import BATCH, CHANGE, LAWS, LR, PATH, SENSITIVITY, reasons
from lrscope.papers.linearity._options import Options, Rates
from lrscope.papers.linearity._sheets import Sheets, sheets_of
from lrscope.records import on_grid

WANTED = (0.9, 0.99, 0.999)
"""Values of R² of which is told how many trainings they need."""


@dataclass(frozen=True)
class Path:
    """What is known of the path of mean outputs through eta, eta + a and eta + b.

    Attributes
    ----------
    law, saved, second : of the analyses `law`, `seeds_saved`, `second_order`; of the last one shares that noise takes
        below 0 are 0, as the ends of their intervals are
    deltas, course : of `deltas` and `law_by_replicates` (replicates, ...)
    needed : wanted R² -> replicates
    """

    law: xr.Dataset
    saved: xr.Dataset
    second: xr.Dataset
    deltas: xr.Dataset
    course: xr.Dataset
    needed: Mapping[float, float]


@dataclass(frozen=True)
class Change:
    """What is known of the change from eta to eta + b.

    Attributes
    ----------
    compared : of `analysis.difference`: the accuracy at eta + b less that at eta, batch by batch
    relation, favoured : of the analyses `delta_against_output`, `favoured`
    sheets : images of the samples that are favoured; none where there are none, and then `why`
    """

    compared: xr.Dataset
    relation: xr.Dataset
    favoured: xr.Dataset
    sheets: Sheets


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
    accuracy : (lr) mean validation accuracy; NaN where all trainings diverged
    seconds : mean time of a training of one worker; NaN if all diverged
    path, sensitivity, change : what is known at the three rates, of `analysis.output_sensitivity` from eta to eta + a,
        and from eta to eta + b; None where too few trainings came to their end
    laws : of `analysis.laws`, if there is a grid of rates; else None
    lacking : part that is None because of trainings that diverged -> why, in words
    """

    name: str
    rates: Rates
    replicates: xr.DataArray
    diverged: xr.DataArray
    updates: int
    accuracy: xr.DataArray
    seconds: float
    path: Path | None
    sensitivity: xr.Dataset | None
    change: Change | None
    laws: xr.Dataset | None
    lacking: Mapping[str, str]


def path_of(network: Network) -> Path:
    """Return the path of a network of which it is known."""
    assert network.path is not None, network.lacking
    return network.path


def change_of(network: Network) -> Change:
    """Return the change of a network of which it is known."""
    assert network.change is not None, network.lacking
    return network.change


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
    InputError : the records are not those of replicated trainings.
    """
    return Results(options, [_network(name, one, options) for name, one in records.items()])


def _network(name: str, records: xr.Dataset, options: Options) -> Network:
    sums = _sums(records)
    rates = options.rates(options.networks[name])
    counts, lacking = sums["replicates"].sum(BATCH), reasons(sums, rates)
    trained = counts.where(counts > 0)
    return Network(
        name=name,
        rates=rates,
        replicates=counts,
        diverged=sums["diverged"].sum(BATCH),
        updates=int(records["step"].values[-1]),
        accuracy=sums["accuracy_sum"].sum(BATCH) / trained,
        seconds=float(sums["seconds_sum"].sum() / trained.sum(min_count=1)),
        path=None if PATH in lacking else _path(sums, rates),
        sensitivity=None if SENSITIVITY in lacking else analysis.output_sensitivity(sums, rates.eta, rates.a),
        change=None if CHANGE in lacking else _change(sums, rates, options),
        laws=analysis.laws(sums) if options.grid and LAWS not in lacking else None,
        lacking=lacking,
    )


def _sums(records: xr.Dataset) -> xr.Dataset:
    """Return the sums (lr, batch, ...) of records; where all trainings diverged there is nothing but their number."""
    if "replicates" not in records or bool((records["replicates"] > 0).any()):
        return analysis.summed(records)
    grid = on_grid(records) if "member" in records.dims else records
    return grid.isel(step=0, drop=True).transpose(LR, BATCH, ...)


def _path(sums: xr.Dataset, rates: Rates) -> Path:
    three = rates.eta, rates.a, rates.b
    return Path(
        law=analysis.law(sums, *three),
        saved=analysis.seeds_saved(sums, *three),
        second=_not_negative(analysis.second_order(sums, *three)),
        deltas=analysis.deltas(sums, *three),
        course=analysis.law_by_replicates(sums, *three),
        needed={r2: float(analysis.replicates_for(sums, *three, r2)) for r2 in WANTED},
    )


def _not_negative(second: xr.Dataset) -> xr.Dataset:
    """Return terms of second order whose mean squares are at least 0: so the estimate lies in its interval."""
    return second.assign({name: second[name].clip(min=0, keep_attrs=True) for name in ("share", "ratio")})


def _change(sums: xr.Dataset, rates: Rates, options: Options) -> Change:
    eta, b = rates.eta, rates.b
    favoured = analysis.favoured(sums, eta, b)
    return Change(
        compared=_compared(sums, eta, eta + b, options.pairing == "common"),
        relation=analysis.delta_against_output(sums, eta, b),
        favoured=favoured,
        sheets=sheets_of(favoured, sums["learned_targets"], options),
    )


def _compared(sums: xr.Dataset, lr: float, other: float, common: bool) -> xr.Dataset:
    """Return how much the mean accuracies of the batches differ between two rates."""
    counts = sums["replicates"]
    means = (sums["accuracy_sum"] / counts.where(counts > 0)).rename({BATCH: "seed"})
    return difference(means.assign_coords(seed=np.arange(means.sizes["seed"])), other, lr, paired=common)
