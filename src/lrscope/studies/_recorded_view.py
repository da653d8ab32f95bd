"""Records of any training as a page wants them: networks by learning rate and repetition, and no more than it needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lrscope import analysis, store
from lrscope.records import (
    DIVERGED_AT,
    LOSS,
    MEMBER,
    VALUES,
    of_quantity,
    on_grid,
    outcomes,
    quantities,
    step_dimension,
)

LR, SEED = "lr", "seed"
POINTS = 1000
"""Points of a curve at most."""
READ_BYTES = 2**28
"""Of one quantity no more than about so much is read: of longer records every second, third, ... step."""
MOVING = ("weights", "biases", "activations", "weight_gradients", "bias_gradients")
"""Quantities whose fluctuation is told."""
WINDOWS = 50
"""A neuron is dead once it is silent for one in so many recorded steps."""
UNKNOWN = "not recorded"
"""Stands for the learning rate of records without one."""
TIMES = ("recording_seconds", "training_seconds")
"""What a recorder in somebody's own loop writes down of its cost."""
ONE_STEP = "one step"
"""Outcome of a network of which one loss was recorded: nothing can be said about how it went on."""
_NO_CURVES = (DIVERGED_AT, "rate_reason", *TIMES)
_END = "step_end"


@dataclass(frozen=True)
class View:
    """The records of one file, or of several that continue each other.

    Attributes
    ----------
    records : (member, step, ...), read when used, on two axes: ``lr``, and ``seed`` for everything else in which the
        networks differ: they count as repetitions
    labels : axis of the sweep -> its value of each member, as recorded
    files : what each file holds
    """

    records: xr.Dataset
    labels: Mapping[str, Sequence[Any]]
    files: tuple[store.FileSummary, ...]

    @property
    def complete(self) -> bool:
        """Whether the last file was closed rather than killed."""
        return self.files[-1].complete

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Of the first file; what later files say of the whole (its cost) of the last."""
        return {**self.files[0].metadata, **{key: self.files[-1].metadata[key] for key in self.files[-1].metadata}}

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return self.records.sizes[MEMBER]

    def has(self, *names: str) -> bool:
        """Tell whether one of these quantities was recorded."""
        return not set(names).isdisjoint(quantities(self.records))

    def followed(self, quantity: str) -> bool:
        """Tell whether a quantity was recorded at two steps or more."""
        arrays = (array for array in self.records.values() if array.attrs.get("quantity") == quantity)
        return not all(map(has_one_step, arrays))

    def gridded(self, name: str) -> xr.DataArray:
        """Return a variable (lr, seed, step, ...), read."""
        return on_grid(self.records[[name]].compute())[name]

    def outcome(self) -> xr.Dataset | None:
        """Return how each network ended (lr, seed); None where loss or divergence were not recorded.

        Behind a single loss, one that has not diverged has ended as `ONE_STEP`.
        """
        if not {LOSS, DIVERGED_AT} <= set(self.records):
            return None
        found = outcomes(self.records[[LOSS, DIVERGED_AT]].compute())
        if has_one_step(self.records[LOSS]):
            found["outcome"] = xr.where(found["outcome"] == "diverged", "diverged", ONE_STEP)
        return on_grid(found)

    def scalars(self) -> list[str]:
        """Return the names of what is one number a step for the whole network, the losses first."""
        found = [str(name) for name, array in self.records.items() if _is_curve(array) and name not in _NO_CURVES]
        return sorted(found, key=lambda name: not name.endswith(LOSS))

    def some(self, *wanted: str) -> tuple[xr.Dataset, int]:
        """Return the variables of some quantities, and of how many recorded steps one was kept."""
        names = [name for name, array in self.records.items() if array.attrs.get("quantity") in wanted]
        size = max((self.records[names].nbytes, 1))
        every = ceil(size / READ_BYTES)
        kept = [name for name in (*names, DIVERGED_AT) if name in self.records]
        steps = {str(dim) for name in names for dim in self.records[name].dims if str(dim).startswith("step")}
        return self.records[kept].isel({dim: slice(None, None, every) for dim in steps}), every

    def statistics(self, quantity: str) -> set[str]:
        """Return which statistics of a quantity were recorded."""
        found = (array for array in self.records.values() if array.attrs.get("quantity") == quantity)
        return {str(array.attrs["statistic"]) for array in found}

    @cached_property
    def lives(self) -> tuple[xr.Dataset, int]:
        """The lives of the neurons (lr, seed, ...), and of how many recorded steps one was read.

        Raises
        ------
        InputError : activations were not recorded, or not in a way that tells it.
        """
        some, every = self.some("activations")
        steps = max(some.sizes[step_dimension(array)] for array in of_quantity(some, "activations"))
        return on_grid(analysis.lives(some, window=ceil(steps / WINDOWS))), every

    @cached_property
    def moved(self) -> tuple[dict[str, xr.DataArray], int]:
        """Quantity -> normalised fluctuation (lr, seed, neuron) where any is known, and of how many steps one was read.

        Raises
        ------
        InputError : the layers of a quantity were recorded at different steps.
        """
        found, most = {}, 1
        for quantity in MOVING:
            if not {"std", VALUES}.isdisjoint(self.statistics(quantity)):
                some, every = self.some(quantity)
                values = on_grid(analysis.fluctuation(some, quantity))
                if bool(values.notnull().any()):
                    found[quantity], most = values, max(most, every)
        return found, most


def opened(files: Sequence[Path]) -> View:
    """Return what the files hold; only their heads are read.

    Raises
    ------
    InputError : a file is missing, empty, not ROOT, not of lrscope, cut off, or without a single block.
    """
    records = store.open_records(files)
    axes = [axis for axis in records.attrs.get("axes", []) if axis in records.coords]
    labels = {axis: records[axis].values.tolist() for axis in axes}
    return View(_regrouped(records, axes), labels, tuple(store.summary(file) for file in files))


def thinned(array: xr.DataArray, points: int = POINTS) -> tuple[xr.DataArray, int]:
    """Return every n-th step of an array, so that no more than `points` are left, and n."""
    dim = step_dimension(array)
    every = max(1, ceil(array.sizes[dim] / points))
    return array.isel({dim: slice(None, None, every)}), every


def has_one_step(array: xr.DataArray) -> bool:
    """Tell whether a variable was recorded at one step only, so that there is no curve of it."""
    return bool(array.sizes[step_dimension(array)] < 2)


def _is_curve(array: xr.DataArray) -> bool:
    dims = [str(dim) for dim in array.dims]
    return len(dims) == 2 and dims[0] == MEMBER and dims[1].startswith("step") and array.dtype.kind == "f"


def _regrouped(records: xr.Dataset, axes: Sequence[str]) -> xr.Dataset:
    """Return records whose axes are ``lr`` and ``seed``, the number of a network among those of the same rate."""
    rates = _rates(records)
    seen: dict[Any, int] = {}
    numbers = []
    for rate in rates.values.tolist():
        numbers.append(seen.get(rate, 0))
        seen[rate] = numbers[-1] + 1
    own = [name for name in {*axes, SEED, LR} if name in records.coords]
    result = records.drop_vars(own).assign_coords({LR: rates, SEED: (MEMBER, numbers, {"long_name": "repetition"})})
    return _with_short_divergence(result).assign_attrs(axes=[LR, SEED])


def _rates(records: xr.Dataset) -> xr.Variable:
    if LR in records.coords and records[LR].dims == (MEMBER,):
        rates = records[LR].variable
        if rates.dtype.kind not in "fiu" or bool(np.isfinite(rates.values).all()):
            return rates
    return xr.Variable(MEMBER, [UNKNOWN] * records.sizes[MEMBER], {"long_name": "learning rate"})


def _with_short_divergence(records: xr.Dataset) -> xr.Dataset:
    """Return records whose ``diverged_at`` has one step, so that it stays whole when steps are left out."""
    if DIVERGED_AT not in records:
        return records
    array = records[DIVERGED_AT]
    last = array.max(step_dimension(array)).expand_dims({_END: 1}, 1).assign_attrs(array.attrs)
    return records.drop_vars(DIVERGED_AT).assign({DIVERGED_AT: last})
