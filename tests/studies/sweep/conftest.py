"""Data and networks of a user's own, good and bad, where Python finds them; records of known truth."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from lrscope.records import MEMBER, concatenate, step_dimension
from lrscope.studies.sweep import STUDY, Options
from lrscope.training import stream

OWN = '''
import numpy as np
from torch import nn
from lrscope.data import Samples

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(60, 6)).astype(np.float32)
KINDS = RANDOM.integers(0, 4, 60)
SUMS = POINTS.sum(1, keepdims=True)
ARRAYS = (POINTS, KINDS)

def sums():
    return POINTS, SUMS

def shares():
    return POINTS, np.eye(4)[KINDS]

def nothing_out():
    return Samples(POINTS, KINDS)

def unlucky():
    """The class 9 is not in the first batches."""
    return (POINTS, np.where(np.arange(60) == 50, 9, KINDS % 2)), (POINTS[:5], KINDS[:5] % 2)

def validation_alone():
    return (POINTS, KINDS), (POINTS[:5], np.array([0, 1, 7, 2, 3]))

def new_class():
    images = RANDOM.normal(size=(24, 1, 8, 8)).astype(np.float32)
    return (images[:16], KINDS[:16] % 2), (images[16:], KINDS[16:24] % 2 + 1)

def no_number():
    points = POINTS.copy()
    points[::2, 3] = np.nan
    return points, KINDS

def infinite():
    return (POINTS, SUMS), (POINTS[:5], np.full((5, 1), np.inf))

def network(outputs=4):
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))

def one_output():
    return network(1)

def two_outputs():
    return network(2)

class Branches(nn.Linear):
    """Asks for a value."""

    def __init__(self):
        super().__init__(6, 4)

    def forward(self, points):
        out = super().forward(points)
        return out if out.sum() > 0 else -out

class Lost(Branches):
    """Never knows anything."""

    def forward(self, points):
        return nn.Linear.forward(self, points) * float("nan")
'''


@pytest.fixture(scope="session")
def own_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_things.py").write_text(OWN)
    return folder


@pytest.fixture
def own(own_folder, monkeypatch):
    """Put a module with data and networks where Python finds it; return its name."""
    monkeypatch.syspath_prepend(own_folder)
    yield "own_things"
    sys.modules.pop("own_things", None)


SMALL = {"epochs": 4, "seeds": 3, "batch_size": 16, "crossed_seeds": 2}
RATES = (0.0001, 0.001, 0.01)


@pytest.fixture(scope="session")
def train(own_folder) -> Callable[..., dict[str, xr.Dataset]]:
    """Return the function that gives the records of a small run on data and a network of a user's own."""
    made: dict[str, dict[str, xr.Dataset]] = {}

    def records(**chosen: Any) -> dict[str, xr.Dataset]:
        options = own_options(**chosen)
        if repr(options) not in made:
            with pytest.MonkeyPatch.context() as patch:
                patch.syspath_prepend(own_folder)
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
