"""Finished results of two shapes, three learning rates and a network of four layers."""

import numpy as np
import pytest
import xarray as xr

LRS = [0.0001, 0.001, 0.01]
SHAPES = ["circle", "spiral"]
LAYERS = ["encoder.0"] * 3 + ["encoder.2"] * 2 + ["decoder.0"] * 4 + ["decoder.2"]
PARTS = [layer.split(".")[0] for layer in LAYERS]
NEURONS = {"layer": ("neuron", LAYERS), "part": ("neuron", PARTS), "index": ("neuron", [0, 1, 2, 0, 1, 0, 1, 2, 3, 0])}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def fluctuation(rng):
    """(shape, lr, neuron)"""
    coords = {"shape": SHAPES, "lr": LRS, "steps_used": (("shape", "lr"), np.full((2, 3), 100)), **NEURONS}
    values = rng.random((2, 3, 10))
    attrs = {"long_name": "normalised fluctuation of weights", "units": "1"}
    return xr.DataArray(values, dims=("shape", "lr", "neuron"), coords=coords, attrs=attrs)


@pytest.fixture
def counts(rng):
    """(shape, lr, part, bin)"""
    coords = {
        "shape": SHAPES,
        "lr": LRS,
        "part": ["encoder", "decoder"],
        "bin": ["0 to 0.3", "0.3 to 0.7", "0.7 to 1"],
        "lower": ("bin", [0, 0.3, 0.7]),
        "upper": ("bin", [0.3, 0.7, 1.0]),
    }
    dims = ("shape", "lr", "part", "bin")
    return xr.DataArray(rng.integers(1, 90, (2, 3, 2, 3)), dims=dims, coords=coords, attrs={"long_name": "neurons"})


def summary_of(mean: xr.DataArray) -> xr.Dataset:
    return xr.Dataset({"mean": mean, "low": mean * 0.9, "high": mean * 1.1}).assign_attrs(seeds=4)


@pytest.fixture
def losses(rng):
    """(shape, lr, step)"""
    step = xr.Variable("step", [0, 10, 20, 30], {"long_name": "step", "units": "updates"})
    coords = {"shape": SHAPES, "lr": LRS, "step": step}
    values = rng.random((2, 3, 4)) + 0.1
    loss = xr.DataArray(values, dims=("shape", "lr", "step"), coords=coords, attrs={"long_name": "loss", "units": "1"})
    return _with_labels(loss)


@pytest.fixture
def shares(rng):
    """(lr, layer)"""
    coords = {"lr": LRS, "layer": ["encoder.0", "encoder.2", "decoder.0"]}
    attrs = {"long_name": "share of inactive neurons", "units": "1"}
    return _with_labels(xr.DataArray(rng.random((3, 3)), dims=("lr", "layer"), coords=coords, attrs=attrs))


def _with_labels(mean: xr.DataArray) -> xr.Dataset:
    result = summary_of(mean)
    for array in result.values():
        array.attrs = mean.attrs
    return result


@pytest.fixture
def measured(rng):
    """(quantity, part, shape, lr)"""
    coords = {"quantity": ["weights", "bias_gradients"], "part": ["encoder", "decoder"], "shape": SHAPES, "lr": LRS}
    attrs = {"long_name": "share of neurons", "units": "1"}
    mean = xr.DataArray(rng.random((2, 2, 2, 3)), dims=tuple(coords), coords=coords, attrs=attrs)
    return _with_labels(mean).assign_coords(bin="0 to 0.3")


@pytest.fixture
def published(measured):
    return measured["mean"].sel(shape=["circle"]) * 0.8


@pytest.fixture
def points(rng):
    """outputs, targets (shape, lr, sample, output)"""
    coords = {"shape": SHAPES, "lr": LRS}
    dims = ("shape", "lr", "sample", "output")
    return tuple(xr.DataArray(rng.random((2, 3, 7, 2)), dims=dims, coords=coords) for _ in range(2))


@pytest.fixture
def error(points):
    outputs, _ = points
    values = xr.DataArray(np.full((2, 3), 0.01234), dims=("shape", "lr"), coords=outputs.coords)
    return values.assign_attrs(long_name="reconstruction error", units="1")


@pytest.fixture
def activity(rng):
    """(step, neuron)"""
    step = xr.Variable("step", np.arange(6), {"long_name": "step", "units": "updates"})
    values = rng.random((6, 10))
    attrs = {"long_name": "active share", "units": "1"}
    return xr.DataArray(values, dims=("step", "neuron"), coords={"step": step, **NEURONS}, attrs=attrs)


STEP_ATTRS = {"long_name": "step", "units": "updates"}


@pytest.fixture
def survived(rng):
    """(layer, lr, step), what `lrscope.analysis.survival` gives"""
    step = xr.Variable("step", np.arange(0, 50, 10), STEP_ATTRS)
    falling = 1 - np.cumsum(rng.random((2, 2, 5)), 2) / 6
    coords = {"layer": ["0", "2"], "lr": [0.001, 0.1], "step": step}
    attrs = {"long_name": "share of surviving neurons", "units": "1"}
    return _with_labels(xr.DataArray(falling, dims=("layer", "lr", "step"), coords=coords, attrs=attrs))


@pytest.fixture
def histories():
    """(step, neuron), what `lrscope.analysis.lives` gives of one network that diverged"""
    values = np.ones((6, 10))
    values[:2, 3], values[3:, 1], values[5:] = 0, 2, np.nan
    step = xr.Variable("step", np.arange(6), STEP_ATTRS)
    state = xr.DataArray(
        values, dims=("step", "neuron"), coords={"step": step, **NEURONS}, attrs={"long_name": "state"}
    )
    return xr.Dataset({"state": state})


RATES = [0.0001, 0.001, 0.01, 0.1]


def labelled(values, name, dims=("lr", "seed"), lrs=RATES, **coords):
    """An array over the learning rates with a long name."""
    known = {"lr": xr.Variable("lr", lrs, {"long_name": "learning rate", "scale": "log"})} | coords
    return xr.DataArray(values, {dim: known[dim] for dim in dims if dim in known}, dims, attrs={"long_name": name})


@pytest.fixture
def outcomes_of_seeds(rng):
    """(lr, seed) validation losses of 6 seeds: the highest rate lost four, one was not trained at the lowest."""
    values = np.array([[0.5], [0.1], [0.12], [2.0]]) * (1 + 0.1 * rng.random((4, 6)))
    values[3, :4] = np.inf
    values[0, 5] = np.nan
    return labelled(values, "validation loss", seed=np.arange(6))


@pytest.fixture
def accuracies(outcomes_of_seeds):
    """(lr, seed)"""
    finite = outcomes_of_seeds.where(np.isfinite(outcomes_of_seeds))
    return (1 - finite / 4).assign_attrs(long_name="validation accuracy")


@pytest.fixture
def recommended():
    """(lr) of which the second and the third belong to the range."""
    columns = {
        "score": [0.52, 0.105, 0.125, 2.1],
        "score_low": [0.5, 0.1, 0.12, np.nan],
        "score_high": [0.55, 0.11, 0.13, np.nan],
        "members": [5, 6, 6, 6],
        "diverged": [0, 0, 0, 4],
        "diverged_share": [0, 0, 0, 4 / 6],
        "diverged_low": [0, 0, 0, 0.3],
        "diverged_high": [0.4, 0.4, 0.4, 0.9],
        "difference": [1.6, 0, 0.17, np.nan],
        "difference_low": [1.4, 0, -0.01, np.nan],
        "difference_high": [1.8, 0, 0.4, np.nan],
        "plausible": [False, True, True, False],
    }
    table = xr.Dataset({name: labelled(values, name, ("lr",)) for name, values in columns.items()})
    return table.assign(best=0.001, low=0.001, high=0.01, decided=False, at_edge="")


@pytest.fixture
def course(rng):
    """(lr, step) of four rates over 60 steps, of which the last loses its seeds at steps 20 and 40."""
    step = xr.Variable("step", np.arange(60), STEP_ATTRS)
    fall = np.exp(-np.arange(60) / 15) * (1 + 0.1 * rng.random((4, 60)))
    fall[3, 40:] = np.nan
    parts = {"centre": fall, "low": fall * 0.9, "high": fall * 1.1}
    table = xr.Dataset({name: labelled(values, "validation loss", ("lr", "step")) for name, values in parts.items()})
    members = np.full((4, 60), 2)
    members[3, 20:], members[3, 40:] = 1, 0
    return table.assign_coords(step=step).assign(members=(("lr", "step"), members))


@pytest.fixture
def tested():
    """(seed, step) losses of two range tests, of which one stops early; (rule, seed) what two rules suggest."""
    rates = np.geomspace(1e-5, 1, 30)
    smoothed = np.stack([1 / (1 + rates * 100), 1.5 / (1 + rates * 80)])
    smoothed[1, 25:] = np.nan
    data = {
        "smoothed": (("seed", "step"), smoothed, {"long_name": "smoothed loss"}),
        "learning_rate": ("step", rates),
        "suggestion": (("rule", "seed"), [[0.002, 0.05], [np.nan, 0.0002]]),
    }
    return xr.Dataset(data, {"seed": [0, 1], "rule": ["valley", "minimum / 10"]})


@pytest.fixture
def split():
    """(source)"""
    names = {"source": ["learning rate", "initialisation", "order of the data"]}
    share = xr.Variable("source", [0.7, 0.2, np.nan], {"long_name": "share of the variance"})
    return xr.Dataset({"share": share, "low": share - 0.1, "high": share + 0.1}, names)


@pytest.fixture
def found(rng):
    """(lr, seed) steps to a target: the lowest rate never got there, one seed of the highest did not."""
    steps = rng.integers(20, 500, (4, 6))
    steps[0], steps[3, 2] = -1, -1
    columns = {"reached": [0, 1, 1, 5 / 6], "mean": [np.nan, 100, 90, 200], "low": [np.nan, 80, 70, 100]}
    columns["high"] = [np.nan, 150, 100, np.nan]
    table = xr.Dataset({name: labelled(np.array(values), name, ("lr",)) for name, values in columns.items()})
    target = xr.DataArray(0.15, attrs={"long_name": "validation loss"})
    return table.assign(steps=labelled(steps, "steps to the target", seed=np.arange(6)), target=target)


@pytest.fixture
def insides(rng):
    """(lr, seed) of four quantities, one with a centre and one with something to compare with."""
    names = {
        "gradient_angle": "gradient angle",
        "dead_share": "share of dead neurons",
        "gradient_norm": "gradient norm",
    }
    values = {name: labelled(rng.random((4, 6)) + 0.1, text, seed=np.arange(6)) for name, text in names.items()}
    over = labelled(np.geomspace(0.1, 10, 24).reshape(4, 6), "sharpness over its limit", seed=np.arange(6))
    over.attrs["reference"] = 1.0
    table = xr.Dataset(values | {"sharpness_over_limit": over})
    return table.assign(sharpness_over_limit_centre=labelled([0.2, 0.5, 1.5, 5.0], "", ("lr",)))
