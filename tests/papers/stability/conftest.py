"""The configurations of the source, those of 50 000 iterations cut short, trained once for all tests."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.stability import Options, experiments, findings
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability import _figures as pictures
from lrscope.papers.stability._configurations import Configuration
from lrscope.records import MEMBER, concatenate
from lrscope.studies import Findings
from lrscope.training import Experiment, stream

SHORT = 60
"""Iterations of what takes longer than figure 1 in the source."""
SEEDS = 2


def recorded(asked: dict[str, Experiment]) -> dict[str, xr.Dataset]:
    return {name: concatenate(stream(experiment, device="cpu")) for name, experiment in asked.items()}


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Make short trainings, small grids and short films of the study."""
    cut = {name: cut_short(value) for name, value in vars(grids).items() if isinstance(value, Configuration)}
    patch.setattr(grids, "SOURCE", tuple(cut_short(each) for each in grids.SOURCE))
    for name, value in cut.items():
        patch.setattr(grids, name, value)
    patch.setattr(grids, "ALARM_SEEDS", 18)
    patch.setattr(grids, "ALARM_LRS", {"f1": (0.7, 1.5), "f2": (0.05, 0.5)})
    patch.setattr(grids, "ALARM_EPOCHS", 100)
    patch.setattr(grids, "BENCH_SEEDS", 2)
    patch.setattr(grids, "BENCH_LRS", (0.01, 100.0))
    patch.setattr(grids, "BENCH_EPOCHS", {"f1": 30, "f2": 30})
    patch.setattr(pictures, "FRAMES", 3)
    patch.setattr(pictures, "STOPS", 3)


def cut_short(chosen: Configuration) -> Configuration:
    """Return the configuration with fewer steps, if they are many, and with fewer measurements of what takes long."""
    if chosen.epochs > grids.FIGURE_1_OF_F2.epochs:
        return dataclasses.replace(chosen, epochs=SHORT, cadence=5)
    return chosen if chosen == grids.FIGURE_1 else dataclasses.replace(chosen, cadence=50)


@pytest.fixture(scope="session")
def trained_shortly() -> dict[str, xr.Dataset]:
    """Return the records of all experiments; on f2 the bench has those of f1, to save time."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        asked = experiments(Options(seeds=SEEDS))
    found = recorded({name: experiment for name, experiment in asked.items() if not name.startswith("bench-f2")})
    return {name: found[name.replace("bench-f2", "bench-f1")] for name in asked}


@pytest.fixture
def shortly(trained_shortly, monkeypatch) -> Iterator[dict[str, xr.Dataset]]:
    """Return the records of all experiments of the default study, some cut short; the study knows them as short."""
    shorten(monkeypatch)
    return {name: records.copy() for name, records in trained_shortly.items()}


@pytest.fixture(scope="session")
def found_shortly(trained_shortly) -> Findings:
    """Return what the study finds in the records of `shortly`; they are found once."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        records = {name: records.copy() for name, records in trained_shortly.items()}
        return findings(records, Options(seeds=SEEDS))


@pytest.fixture(scope="session")
def recording() -> Callable[[dict[str, Experiment]], dict[str, xr.Dataset]]:
    """Return the function that gives the records of experiments."""
    return recorded


@pytest.fixture(scope="session")
def train_all() -> Callable[[Options], dict[str, xr.Dataset]]:
    """Return the function that gives the records of what options ask for."""
    return lambda options: recorded(experiments(options))


def first_seed(records: xr.Dataset) -> xr.Dataset:
    return records.isel({MEMBER: np.flatnonzero(records["seed"].values == 0)})


def ended(records: xr.Dataset, step: int, members: slice) -> xr.Dataset:
    """Return records of which some members diverged at a step, as training records it: nothing is known behind it."""
    records = records.copy(deep=True)
    for array in records.data_vars.values():
        dim = next(str(dim) for dim in array.dims if str(dim).startswith("step"))
        behind = {MEMBER: members, dim: np.flatnonzero(array[dim].values > step)}
        if array.dtype.kind == "f":
            array[behind] = np.nan
    records["loss"][{MEMBER: members, "step": step}] = np.inf
    records["diverged_at"][{MEMBER: members, "step": slice(step, None)}] = step
    return records


CHANGES: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "several seeds": lambda records: records,
    "one seed": first_seed,
    "the first diverges": lambda records: ended(records, 20, slice(1)),
    "all diverge": lambda records: ended(records, 11, slice(None)),
    "all diverge at once": lambda records: ended(records, 0, slice(None)),
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.long] * (name == "all diverge")) for name in CHANGES])
def changed(request, shortly) -> dict[str, xr.Dataset]:
    """Return the records, with all that may become of networks."""
    if request.param == "one seed":  # the alarm is judged by seeds that it was not chosen with
        return {name: records if name.startswith("alarm") else first_seed(records) for name, records in shortly.items()}
    return {name: CHANGES[request.param](records) for name, records in shortly.items()}
