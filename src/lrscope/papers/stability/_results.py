"""The numbers of the study, computed once: what claims, tables and figures are made of."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._analysis import acceleration, alarm_test, bench, duplicates, similarity
from lrscope.papers.stability._configurations import Configuration, Options
from lrscope.records import on_grid, outcomes

Onsets = dict[str, int]
"""Criterion -> step, -1 for never."""
ERRORS = {"train": "loss", "test": "val_loss"}
SHARES = ("sharpness", "oscillation")
"""Quantities whose shares say which neurons dominate an instability."""


def analyse(records: Mapping[str, xr.Dataset], options: Options) -> xr.DataTree:
    """Return the results of the study from the records of its experiments, as far as they are there.

    Returns
    -------
    DataTree
        <configuration>/records : (lr, seed, step, ...) everything that was recorded
        <configuration>/networks : (lr, seed) final and lowest errors with their steps, onsets, outcome
        <configuration>/duplicates : (lr, pair) of hidden neurons of seed 0, see `_analysis.duplicates`
        <configuration>/neurons : (lr, neuron) of seed 0; shares in the sharpest direction and in the oscillation at the
            onset of the angle, or of the error without one
        <configuration>/guided, .../guided_networks : the same as records and networks with a gradient-driven rate, if
            it was tried
        alarm, bench : of the whole study only, see `_analysis.alarm_test` and `_analysis.bench`
    """
    nodes: dict[str, xr.Dataset] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        for chosen in (each for each in grids.configurations(options) if each.name in records):
            grid = on_grid(records[chosen.name].load())
            networks = _networks(grid)
            nodes |= {f"{chosen.name}/records": grid, f"{chosen.name}/networks": networks}
            nodes[f"{chosen.name}/neurons"] = _neurons(grid, networks)
            nodes[f"{chosen.name}/duplicates"] = _duplicates(grid)
            if grids.guided_name(chosen) in records:
                guided = on_grid(records[grids.guided_name(chosen)].load())
                nodes |= {f"{chosen.name}/guided": guided, f"{chosen.name}/guided_networks": _networks(guided)}
        alarms = {target: grids.alarm_name(target) for target in grids.ALARM_LRS}
        if all(name in records for name in alarms.values()):
            of_alarm = {target: records[name] for target, name in alarms.items()}
            nodes |= {"alarm": alarm_test(of_alarm), "bench": bench(records)}
    return xr.DataTree.from_dict(nodes)


def _networks(records: xr.Dataset) -> xr.Dataset:
    """Return how each network ended, its lowest values and its onsets (lr, seed), and where its fall accelerates."""
    result = outcomes(records).drop_vars("step", errors="ignore")
    for name, error in ERRORS.items():
        result[f"final_{name}_error"] = records[error].isel(step=-1, drop=True)
        result = result.assign(_lowest(records[error], f"lowest_{name}_error"))
    result = result.assign(_lowest(records["gradient_norm"], "lowest_norm"))
    of_training, of_test = (analysis.onsets(records, error=error) for error in ERRORS.values())
    for criterion in of_training["criterion"].values:
        result[f"onset_{criterion}"] = of_training["onset"].sel(criterion=criterion, drop=True)
    result["valley"], result["risen"] = of_training["valley"], of_test["risen"]
    fall = acceleration(records)
    return result.assign(faster_from=fall["begins"], fastest_at=fall["steepest"])


def _lowest(values: xr.DataArray, name: str) -> dict[str, xr.DataArray]:
    """Return the lowest finite value of a curve, and its step; NaN and -1 if there is none."""
    finite = values.where(np.isfinite(values))
    return {name: finite.min("step"), f"{name}_step": finite.idxmin("step", fill_value=-1).drop_attrs()}


def _neurons(records: xr.Dataset, networks: xr.Dataset) -> xr.Dataset:
    first = records.sel(seed=[0])
    angle, error = (networks[f"onset_{name}"].sel(seed=[0]) for name in ("angle", "error"))
    at = angle.where(angle >= 0, error)
    shares = {name: analysis.dominant_neurons(first, at, f"{name}_share") for name in SHARES}
    return xr.Dataset(shares).isel(seed=0, drop=True)


def _duplicates(records: xr.Dataset) -> xr.Dataset:
    similar = similarity(records.sel(seed=0, drop=True))
    by_rate = [duplicates(similar.sel(lr=lr)) for lr in similar["lr"].values]
    return xr.concat(by_rate, "lr", join="outer") if similar.sizes["pair"] else xr.Dataset()


def network(results: xr.DataTree, chosen: Configuration, lr: float, kind: str = "networks") -> xr.Dataset:
    """Return one of the nodes of a configuration, such as its ``records``, for one network of seed 0."""
    return results[f"{chosen.name}/{kind}"].to_dataset().sel(lr=lr, seed=0)


def onsets_of(results: xr.DataTree, chosen: Configuration, lr: float) -> Onsets:
    """Return all onsets of one network of seed 0."""
    numbers = network(results, chosen, lr)
    return {str(name).removeprefix("onset_"): int(numbers[name]) for name in numbers if str(name).startswith("onset_")}


def pair_of(results: xr.DataTree, chosen: Configuration, lr: float, pair: str) -> dict[str, float] | None:
    """Return when two hidden neurons ``merged`` and ``parted``; their ``last`` similarity. None if never alike."""
    pairs = results[f"{chosen.name}/duplicates"].to_dataset()
    if "pair" not in pairs.dims or pair not in pairs["pair"]:
        return None
    result = {str(name): float(value) for name, value in pairs.sel(lr=lr, pair=pair).data_vars.items()}
    return result if np.isfinite(result["merged"]) else None
