"""Finished results of two shapes, three learning rates and a network of four layers."""

import numpy as np
import pytest
import xarray as xr

LRS = [0.0001, 0.001, 0.01]
SHAPES = ["circle", "spiral"]
LAYERS = ["encoder.0"] * 3 + ["encoder.2"] * 2 + ["decoder.0"] * 4 + ["decoder.2"]
MODULES = [layer.split(".")[0] for layer in LAYERS]
NEURONS = {
    "layer": ("neuron", LAYERS),
    "module": ("neuron", MODULES),
    "index": ("neuron", [0, 1, 2, 0, 1, 0, 1, 2, 3, 0]),
}


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
    """(shape, lr, module, bin)"""
    coords = {
        "shape": SHAPES,
        "lr": LRS,
        "module": ["encoder", "decoder"],
        "bin": ["0 to 0.3", "0.3 to 0.7", "0.7 to 1"],
        "lower": ("bin", [0, 0.3, 0.7]),
        "upper": ("bin", [0.3, 0.7, 1.0]),
    }
    dims = ("shape", "lr", "module", "bin")
    return xr.DataArray(rng.integers(1, 90, (2, 3, 2, 3)), dims=dims, coords=coords, attrs={"long_name": "neurons"})


RATES = [0.0001, 0.001, 0.01, 0.1]


def labelled(values, name, dims=("lr", "seed"), **coords):
    """An array over the learning rates with a long name."""
    known = {"lr": xr.Variable("lr", RATES, {"long_name": "learning rate", "scale": "log"})} | coords
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
