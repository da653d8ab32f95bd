"""The configurations of the source, those of 50 000 iterations cut short, trained once for all tests."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.stability import STUDY, Options
from lrscope.papers.stability import _configurations as grids
from lrscope.papers.stability._configurations import Configuration
from lrscope.papers.stability._experiments import experiments
from lrscope.records import MEMBER, concatenate
from lrscope.training import Experiment, stream

SHORT = 60
"""Iterations of what takes longer than figure 1 in the source."""
SEEDS = 2


def recorded(asked: dict[str, Experiment]) -> dict[str, xr.Dataset]:
    return {name: concatenate(stream(experiment, device="cpu")) for name, experiment in asked.items()}


def shorten(patch: pytest.MonkeyPatch) -> None:
    """Make short trainings and small grids of the study."""
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


def cut_short(chosen: Configuration) -> Configuration:
    """Return the configuration with fewer steps, if they are many, and with fewer measurements of what takes long."""
    if chosen.epochs > grids.FIGURE_1_OF_F2.epochs:
        return dataclasses.replace(chosen, epochs=SHORT, cadence=5)
    return dataclasses.replace(chosen, cadence=10 if chosen == grids.FIGURE_1 else 50)


@pytest.fixture(scope="session")
def trained_shortly() -> dict[str, xr.Dataset]:
    """Return the records of all experiments; to save time some have those of others."""
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        asked = experiments(Options(seeds=SEEDS))
    stands_in = {grids.TENTH_OF_F1.name: grids.FIGURE_6.name, grids.TENTH_OF_F2.name: grids.FIGURE_1_OF_F2.name}
    for name in asked:
        if name.startswith("bench"):
            stands_in[name] = grids.bench_name("f1", grids.GUIDED if "gradient" in name else grids.CONSTANT)
    records = recorded({name: asked[name] for name in asked if stands_in.get(name, name) == name})
    records = {name: records[stands_in.get(name, name)] for name in asked}
    tenth = records[grids.TENTH_OF_F2.name]
    records[grids.TENTH_OF_F2.name] = tenth.assign_coords(lr=tenth["lr"].copy(data=tenth["lr"].values / 10))
    return records


@pytest.fixture
def shortly(trained_shortly, monkeypatch) -> Iterator[dict[str, xr.Dataset]]:
    """Return the records of all experiments of the default study, some cut short; the study knows them as short."""
    shorten(monkeypatch)
    return {name: records.copy() for name, records in trained_shortly.items()}


@pytest.fixture(scope="session")
def results_once(trained_shortly) -> xr.DataTree:
    with pytest.MonkeyPatch.context() as patch:
        shorten(patch)
        return STUDY.results(trained_shortly, Options(seeds=SEEDS))


@pytest.fixture
def results_shortly(results_once, monkeypatch) -> xr.DataTree:
    """Return the results of the records of `shortly`, computed once; the study knows them as short."""
    shorten(monkeypatch)
    return results_once


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
    """Return records of which some members diverged at a step, as training records it: NaN afterwards."""
    records = records.copy(deep=True)
    for array in records.data_vars.values():
        dim = next(str(dim) for dim in array.dims if str(dim).startswith("step"))
        afterwards = {MEMBER: members, dim: np.flatnonzero(array[dim].values > step)}
        if array.dtype.kind == "f":
            array[afterwards] = np.nan
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


STEP_ATTRS = {"long_name": "step", "units": "updates"}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def one_run(rng, steps=60, lr=0.5, diverged=None):
    """Records of one member of a network with two hidden neurons, or three with its bias."""

    def of(dims, values, name, units="1"):
        return xr.Variable(dims, values, {"long_name": name, "units": units})

    every, each, slow = np.arange(steps), np.arange(0, steps, 2), np.arange(0, steps, 5)
    fall = np.exp(-every / 20) * (1 + 0.1 * rng.random(steps))
    turned = 180 * rng.random(steps)
    turned[0] = np.nan
    outputs = rng.random((len(slow), 9, 1))
    data = {
        "loss": of("step", fall, "training error"),
        "val_loss": of("step", 1.2 * fall, "test error"),
        "gradient_norm": of("step", fall + 0.1 * rng.random(steps), "gradient norm"),
        "gradient_angle": of("step", turned, "angle between gradients", "degrees"),
        "gradient_path": of(("step", "path_axis"), np.cumsum(rng.random((steps, 2)), 0), "gradient path"),
        "learning_rate": of("step", np.full(steps, lr), "learning rate"),
        "weights_hidden": of(("step_each", "neuron_hidden", "input_hidden"), rng.random((len(each), 2, 1)), "weights"),
        "biases_hidden": of(("step_each", "neuron_hidden"), rng.random((len(each), 2)), "biases"),
        "weights_output": of(("step_each", "neuron_output", "input_output"), rng.random((len(each), 1, 2)), "weights"),
        "biases_output": of(("step_each", "neuron_output"), rng.random((len(each), 1)), "biases"),
        "outputs": of(("step_slow", "sample", "output"), outputs, "output"),
        "targets": of(("step_slow", "sample", "output"), np.zeros((len(slow), 9, 1)) + rng.random((9, 1)), "target"),
        "inputs": of(("sample", "input"), rng.permutation(9).astype(float)[:, None], "input"),
        "sharpness": of("step_slow", 2 + slow / 10, "sharpness"),
        "stability_limit": of("step_slow", np.full(len(slow), 2 / lr), "2 / learning rate"),
    }
    along = {"step": every, "step_each": each, "step_slow": slow}
    coords = {name: xr.Variable(name, values, STEP_ATTRS) for name, values in along.items()} | {"lr": lr}
    run = xr.Dataset(data, coords)
    if diverged is not None:
        for name, array in run.data_vars.items():
            dim = next((dim for dim in array.dims if str(dim).startswith("step")), None)
            if dim is not None:
                run[name] = array.where(array[dim] < diverged).assign_attrs(array.attrs)
    return run


@pytest.fixture
def run(rng):
    """Records of one network that did not diverge."""
    return one_run(rng)


@pytest.fixture
def failed(rng):
    """Records of one network that diverged at step 40."""
    return one_run(rng, diverged=40)


@pytest.fixture
def onsets():
    return {"angle": 34, "gradient_norm": 36, "error": 41, "sharpness": 30, "oscillation": -1}
