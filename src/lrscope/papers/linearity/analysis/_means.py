"""Sums over repeated trainings, and the mean outputs of networks that follow from them.

A *replicate* is one repetition of a training, at each learning rate; *batches* of neighbouring replicates are summed
separately, so that batches can be left out (jackknife), resampled, or multiplied with each other.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from lrscope.errors import must_be
from lrscope.records import MEMBER, STEP, on_grid

LR, BATCH, OTHER_LR = "lr", "batch", "other_lr"
SAMPLE, OUTPUT, LEARNED = "sample", "output", "learned_sample"
REPLICATES, OUTPUTS, PRODUCTS, CLASS_OUTPUT = "replicates", "outputs_sum", "outputs_product_sum", "class_output_sum"
DIVERGED = "diverged"
TARGETS = ("targets", "learned_targets")
POINT = (SAMPLE, OUTPUT)
CLOSE = 1e-9
"""Rates that differ by no more than this share of them are the same."""
TRAIN = "Give the records of replicated trainings, as the study linearity writes them."


def summed(records: xr.Dataset) -> xr.Dataset:
    """Return the sums over replicates that are in the records, after the last update: what the analyses here take.

    Parameters
    ----------
    records : (lr, batch, step) after `lrscope.records.on_grid`, or (member, step); one step. ``replicates``, and of
        ``outputs_sum``, ``outputs_product_sum``, ``class_output_sum``, ``accuracy_sum``, ``loss_sum``, ``diverged``,
        ``targets``, ``learned_targets`` what was recorded

    Returns
    -------
    Dataset (lr, batch, ...) : the same without ``step``; rates and batches ascend; sums of no replicates are zero,
        but for the number of those that diverged. ``targets`` (sample), ``learned_targets`` (learned_sample). All
        values are in memory but those of ``outputs_product_sum``, which are read when they are needed

    Raises
    ------
    InputError : the records are not those of replicated trainings, have several steps, or nothing was trained.
    """
    grid = on_grid(records) if MEMBER in records.dims else records
    steps = [dim for dim in grid.dims if str(dim) == STEP or str(dim).startswith(f"{STEP}_")]
    if REPLICATES not in grid or set(grid[REPLICATES].dims) - set(steps) != {LR, BATCH}:
        got = ", ".join(map(str, grid)) or "nothing"
        raise must_be("records", "sums over replicates (lr, batch)", got, TRAIN)
    for dim in steps:
        if grid.sizes[dim] != 1:
            raise must_be(str(dim), "of length 1", grid.sizes[dim], "Select one step first.")
    return _in_order(grid.isel(dict.fromkeys(steps, 0), drop=True))


def _in_order(grid: xr.Dataset) -> xr.Dataset:
    """Return the sums with rates and batches ascending, what was not trained as zero, and targets once.

    Raises
    ------
    InputError : nothing was trained.
    """
    if PRODUCTS in grid and OTHER_LR not in grid.coords:
        grid = grid.assign_coords({OTHER_LR: grid[LR].values})
    named = [dim for dim in (LR, BATCH, OTHER_LR) if dim in grid.coords and dim in grid.dims]
    mixed = [dim for dim in named if not grid.indexes[dim].is_monotonic_increasing]  # sorting copies
    ordered = (grid.sortby(mixed) if mixed else grid).transpose(LR, BATCH, OTHER_LR, ..., missing_dims="ignore")
    counts = ordered[REPLICATES].fillna(0).astype(np.int64).load()
    if not (counts > 0).any():
        raise must_be("replicates", "one training at least", 0, "All have diverged, or nothing was trained.")
    result = ordered.assign({REPLICATES: counts})
    for name in ordered.data_vars:
        if name in TARGETS and LR in ordered[name].dims:
            result[name] = ordered[name].isel(_first_trained(counts), drop=True).astype(np.int64).load()
        elif name == DIVERGED:  # where all diverged, their number is all that there is
            result[name] = ordered[name].fillna(0).astype(np.int64).load()
        elif name not in (REPLICATES, PRODUCTS):
            result[name] = _without_gaps(ordered[name].load(), counts)
    return result


def _first_trained(counts: xr.DataArray) -> dict[str, int]:
    positions = np.argwhere(counts.transpose(LR, BATCH).values > 0)
    return {LR: int(positions[0][0]), BATCH: int(positions[0][1])}


def _without_gaps(sums: xr.DataArray, counts: xr.DataArray) -> xr.DataArray:
    complete = bool((counts > 0).all()) or not {LR, BATCH} <= set(sums.dims)
    return sums if complete else sums.where(counts > 0, 0).transpose(*sums.dims)


def positions_of(sums: xr.Dataset, eta: float, **offsets: float) -> list[int]:
    """Return the positions of eta and eta + each offset among the rates.

    Raises
    ------
    InputError : an offset is zero, two are equal, nothing was trained at one of the rates, or these are not `summed`
        records.
    """
    if REPLICATES not in sums or set(sums[REPLICATES].dims) != {LR, BATCH}:
        raise must_be("sums", "those that analysis.summed returns", ", ".join(map(str, sums)) or "nothing")
    for name, offset in offsets.items():
        if not (offset != 0 and np.isfinite(offset)):
            raise must_be(name, "a finite number other than zero", offset)
    if len(set(offsets.values())) < len(offsets):
        raise must_be(" and ".join(offsets), "different", list(offsets.values()))
    rates = sums[LR].values
    positions = []
    for name, wanted in {"eta": eta, **{f"eta + {name}": eta + offset for name, offset in offsets.items()}}.items():
        place = int(np.argmin(np.abs(rates - wanted)))
        if not abs(rates[place] - wanted) <= CLOSE * abs(wanted):
            known = ", ".join(f"{one:.6g}" for one in rates)
            raise must_be(name, f"one of the rates {known}", float(f"{wanted:.9g}"))
        positions.append(place)
    if len(set(positions)) < len(positions):
        raise must_be(" and ".join(offsets), "different from each other and from zero", list(offsets.values()))
    return positions


def recorded(sums: xr.Dataset, name: str) -> xr.Dataset:
    """Return the sums, of which the variable is one.

    Raises
    ------
    InputError : it was not recorded.
    """
    if name not in sums:
        raise must_be("sums", f"sums with {name}", ", ".join(map(str, sums)), TRAIN)
    return sums


def trained_at(sums: xr.Dataset, positions: Sequence[int], name: str = OUTPUTS) -> xr.Dataset:
    """Return ``replicates`` and the variable at these rates, in this order, of batches with replicates at all of them.

    Raises
    ------
    InputError : the variable was not recorded, or there is no such batch.
    """
    counts = recorded(sums, name)[REPLICATES].isel({LR: list(positions)})
    whole = np.flatnonzero((counts > 0).all(LR).values)
    if not len(whole):
        raise must_be("replicates", "one training at least at each of the rates", counts.sum(BATCH).values.tolist())
    in_order = list(positions) == list(range(sums.sizes[LR]))  # selecting would copy
    some = sums[[REPLICATES, name]].isel({} if in_order else {LR: list(positions)})
    return some if len(whole) == sums.sizes[BATCH] else some.isel({BATCH: whole})


def is_common(sums: xr.Dataset) -> bool:
    """Tell whether a replicate had the same seeds at every rate: products of outputs at two rates were recorded."""
    if PRODUCTS not in sums or sums.sizes[LR] < 2:
        return False
    trained = _first_trained(sums[REPLICATES])
    row = sums[PRODUCTS].isel({**trained, SAMPLE: 0, OUTPUT: 0})
    return bool(row.notnull().all())


def mean_outputs(sums: xr.Dataset) -> xr.DataArray:
    """Return the mean output of the networks at each rate.

    Parameters
    ----------
    sums : of `summed`

    Returns
    -------
    DataArray (lr, sample, output) : mean over all replicates; NaN at a rate at which none was trained to the end

    Raises
    ------
    InputError : outputs were not recorded.
    """
    return means_of(sums, OUTPUTS, "mean output")


def means_of(sums: xr.Dataset, name: str, long_name: str) -> xr.DataArray:
    """Return the mean over all replicates of a variable of which sums were recorded (lr, ...).

    Raises
    ------
    InputError : the variable was not recorded.
    """
    counts = recorded(sums, name)[REPLICATES].sum(BATCH)
    means: xr.DataArray = sums[name].sum(BATCH) / counts.where(counts > 0)
    return means.rename(long_name.replace(" ", "_")).assign_attrs(long_name=long_name, units="1")


def deltas(sums: xr.Dataset, eta: float, a: float, b: float) -> xr.Dataset:
    """Return by how much mean outputs at two rates differ from those at eta, over more and more replicates.

    Parameters
    ----------
    sums : of `summed`
    eta, a, b : eta, eta + a and eta + b are among the rates

    Returns
    -------
    Dataset (replicates, sample, output)
        x, y : mean output at eta + a, and at eta + b, minus that at eta, over the first 1, 2, ... batches
        replicates : how many at each rate (the fewest); batches in which all diverged at one of the rates are left out

    Raises
    ------
    InputError : a or b is zero, both are equal, or a rate is not among the rates.
    """
    some = trained_at(sums, positions_of(sums, eta, a=a, b=b))
    counts = some[REPLICATES].cumsum(BATCH)
    means = some[OUTPUTS].cumsum(BATCH) / counts
    base = means.isel({LR: 0}, drop=True)
    result = xr.Dataset({name: means.isel({LR: place}, drop=True) - base for name, place in {"x": 1, "y": 2}.items()})
    result = result.drop_vars(BATCH, errors="ignore").rename({BATCH: REPLICATES})
    result = result.assign_coords({REPLICATES: (REPLICATES, counts.min(LR).values)})
    result[REPLICATES].attrs = {"long_name": "replicates at each rate", "units": "replicates"}
    for name, offset in {"x": a, "y": b}.items():
        label = f"mean output at {eta + offset:.4g} minus that at {eta:.4g}"
        result[name].attrs = {"long_name": label, "units": "1"}
    return result.assign_attrs(eta=eta, a=a, b=b)


def labelled(result: xr.Dataset, texts: Mapping[str, str], units: Mapping[str, str] | None = None) -> xr.Dataset:
    """Return the result with a long name and a unit for each variable, and for both ends of its interval."""
    for name in result.variables:  # one that is named as a dimension, such as output, is a coordinate
        base, _, end = str(name).rpartition("_")
        text = texts.get(str(name)) or (f"{texts[base]}, {end} end of the interval" if base in texts else None)
        if text:
            result[name].attrs |= {"long_name": text, "units": (units or {}).get(str(name), "1")}
    return result
