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
