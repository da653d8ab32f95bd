"""Records of known truth, of data and networks of a user's own."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from lrscope.records import MEMBER, concatenate, step_dimension
from lrscope.studies.sweep import STUDY, Options
from lrscope.training import stream


@pytest.fixture
def own() -> str:
    """Return the name of the module with data and networks of a user's own."""
    return "own_things"


SMALL = {"epochs": 4, "seeds": 3, "batch_size": 16, "crossed_seeds": 2}
RATES = (0.0001, 0.001, 0.01)


@pytest.fixture(scope="session")
def train() -> Callable[..., dict[str, xr.Dataset]]:
    """Return the function that gives the records of a small run on data and a network of a user's own."""
    made: dict[str, dict[str, xr.Dataset]] = {}

    def records(**chosen: Any) -> dict[str, xr.Dataset]:
        options = own_options(**chosen)
        if repr(options) not in made:
            trained = {name: stream(each, device="cpu") for name, each in STUDY.experiments(options).items()}
            made[repr(options)] = {name: concatenate(blocks) for name, blocks in trained.items()}
        return {name: records.copy(deep=True) for name, records in made[repr(options)].items()}

    return records


def own_options(**chosen: Any) -> Options:
    return Options(**{"data": "own_things:ARRAYS", "model": "own_things:network", **SMALL, **chosen})


@pytest.fixture
def options() -> Callable[..., Options]:
    """Return the function that gives the options of `train`."""
    return own_options


@pytest.fixture
def known(train) -> Callable[..., dict[str, xr.Dataset]]:
    """Return the function that gives records whose validation losses and divergences are told it.

    All come of one training at three rates: fewer seeds are left out, and rates are called as in the course.

    Parameters
    ----------
    course : lr -> validation losses (epoch), of every seed
    diverged : (lr, seed) -> step at which it diverged
    """

    def records(course: dict[float, list[float]], diverged: dict[tuple[float, int], int], **chosen: Any):
        seeds = chosen.pop("seeds", SMALL["seeds"])
        found = {name: _some(one, tuple(course), seeds) for name, one in train(lrs=RATES, **chosen).items()}
        for name in ("grid", "crossed"):
            if name in found:
                found[name] = _with_course(found[name], course)
        for place, step in diverged.items():
            found["grid"] = ended(found["grid"], step, place)
        return found

    return records


def _some(records: xr.Dataset, lrs: tuple[float, ...], seeds: int) -> xr.Dataset:
    """Return the records of the first rates and seeds of a training at `RATES`, with other rates in their place."""
    numbers = np.searchsorted(RATES, records["lr"].values) if records["lr"].values[0] in RATES else None
    kept = np.ones(records.sizes[MEMBER], bool) if "seed" not in records.coords else records["seed"].values < seeds
    if numbers is None:  # the range test has a rate of its own
        return records.isel({MEMBER: np.flatnonzero(kept)})
    places = np.flatnonzero(kept & (numbers < len(lrs)))
    lr = records["lr"].isel({MEMBER: places})
    return records.isel({MEMBER: places}).assign_coords(lr=lr.copy(data=np.array(lrs)[numbers[places]]))


def _with_course(records: xr.Dataset, course: dict[float, list[float]]) -> xr.Dataset:
    """Return records with other validation losses, a little larger for later seeds; loss and accuracy go with them."""
    records = records.copy(deep=True)
    seeds = records["seed" if "seed" in records.coords else "init_seed"].values
    for number, lr in enumerate(records["lr"].values.tolist()):
        losses = np.array(course[lr]) * (1 + 0.01 * seeds[number])
        validation = records["val_loss"]
        validation[number] = losses[-validation.shape[1] :]
        steps = records.sizes["step"] // len(losses)
        if steps and records.sizes["step"] == steps * len(losses):
            records["loss"][number] = np.repeat(losses, steps)
        if "val_accuracy" in records:
            records["val_accuracy"][number] = 1 / (1 + losses)
    return records


def ended(records: xr.Dataset, step: int, place: tuple[float, int]) -> xr.Dataset:
    """Return records of which one network diverged at a step, as training records it: nothing is known after it."""
    records = records.copy(deep=True)
    member = np.flatnonzero((records["lr"].values == place[0]) & (records["seed"].values == place[1]))
    for array in records.data_vars.values():
        later = {MEMBER: member, step_dimension(array): np.flatnonzero(array[step_dimension(array)].values > step)}
        if array.dtype.kind == "f":
            array[later] = np.nan
    records["loss"][{MEMBER: member, "step": step}] = np.inf
    records["diverged_at"][{MEMBER: member, "step": slice(step, None)}] = step
    return records
