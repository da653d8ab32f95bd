"""Definitions of fluctuation: each is what it says, and none is judged on the tables that chose it."""

import numpy as np
import pytest
import xarray as xr

from lrscope import analysis
from lrscope.papers.fluctuation._definitions import (
    DEFINITIONS,
    MODULES,
    QUANTITIES,
    STANDARD,
    candidates,
    compared,
    name_of,
    published_counts,
)
from lrscope.records import DIVERGED_AT, LOSS, Variable, new_block

STEPS, INPUTS = 7, 4
SIZES = {"encoder.0": 5, "encoder.2": 3, "decoder.0": 4}
SWEEP = {"lr": {"long_name": "learning rate", "units": "1", "scale": "log"}}


@pytest.fixture(scope="module")
def records():
    """Weights of two networks, of which the second diverged at its fifth step."""
    rng = np.random.default_rng(0)
    arrays = {LOSS: np.ones((2, STEPS)), DIVERGED_AT: np.array([[-1] * STEPS, [-1] * 4 + [4] * 3])}
    variables = {name: Variable(name, name, name) for name in arrays}
    for layer, size in SIZES.items():
        name = f"weights_{layer.replace('.', '_')}"
        dims = tuple(f"{kind}_{layer.replace('.', '_')}" for kind in ("neuron", "input"))
        arrays[name] = rng.standard_normal((2, STEPS, size, INPUTS))
        arrays[name][1, 5:] = np.nan
        variables[name] = Variable(name, "weights", "weights", dims=dims, layer=layer, module=layer.split(".")[0])
    members = {"member": np.arange(2), "lr": np.array([0.1, 0.2])}
    return new_block(arrays, variables, {"step": np.arange(STEPS)}, members, SWEEP, dict.fromkeys(arrays, "step"))


def expected(records, member, definition):
    """Return the fluctuations of a network, neuron by neuron, as the words of the definition say."""
    spread, movement, course, largest_of = definition
    steps = STEPS if member == 0 else 4
    moved, layers = [], []
    for layer in SIZES:
        weights = records[f"weights_{layer.replace('.', '_')}"].values[member, :steps]
        for neuron in range(weights.shape[1]):
            series = weights[:, neuron].std(1) if spread == "deviation" else weights[:, neuron].var(1)
            series = np.diff(series) if course == "changes" else series
            by_name = {
                "variance": series.var(),
                "deviation": series.std(),
                "range": series.max() - series.min(),
                "mean deviation": np.abs(series - series.mean()).mean(),
            }
            moved.append(by_name[movement])
            layers.append(layer)
    groups = np.array(layers if largest_of == "layer" else [layer.split(".")[0] for layer in layers])
    values = np.array(moved)
    return np.array([value / values[groups == group].max() for value, group in zip(values, groups, strict=True)])


@pytest.mark.parametrize("definition", DEFINITIONS, ids=map(name_of, DEFINITIONS))
def test_a_definition_is_what_its_name_says(records, definition):
    found = candidates(records, "weights").sel(definition=name_of(definition))
    for member in (0, 1):
        np.testing.assert_allclose(found.isel(member=member), expected(records, member, definition), rtol=1e-12)


def test_the_standard_definition_is_that_of_the_library(records):
    found = candidates(records, "weights").sel(definition=name_of(STANDARD), drop=True)
    usual = analysis.fluctuation(records, "weights")
    np.testing.assert_allclose(found, usual, rtol=1e-12)
    np.testing.assert_array_equal(found["steps_used"], usual["steps_used"])


def test_a_network_without_two_steps_has_no_fluctuation(records):
    diverged = records.assign({DIVERGED_AT: records[DIVERGED_AT] * 0 + 1})
    assert candidates(diverged, "weights").isnull().all()


def test_what_does_not_move_has_zero(records):
    still = records.map(
        lambda array: array * 0 + 1 if str(array.name).startswith("weights") else array, keep_attrs=True
    )
    assert (candidates(still.isel(member=[0]), "weights") == 0).all()


def of_distances(distances, quantities=("weights", "biases")):
    """Return counts and published tables whose total variation is `distances` (definition, shape)."""
    definitions, shapes = [name_of(one) for one in DEFINITIONS[:2]], ["circle", "square", "octagon"]
    low = xr.DataArray(1 - np.array(distances), {"definition": definitions, "shape": shapes})
    ours = xr.concat([low, 1 - low, 0 * low], "bin").expand_dims(lr=[0.1], seed=[0], module=["encoder"])
    theirs = xr.ones_like(ours.isel(definition=0, seed=0, drop=True)) * xr.DataArray([1.0, 0, 0], dims="bin")
    return dict.fromkeys(quantities, ours), dict.fromkeys(quantities, theirs)


def test_each_shape_is_judged_with_the_definition_that_fits_the_others():
    result = compared(*of_distances([[0.0, 0.0, 0.9], [0.4, 0.4, 0.1]]))
    first, second = (name_of(one) for one in DEFINITIONS[:2])
    assert result["chosen"].values.tolist() == [second, second, first]
    for quantity in ("weights", "biases"):
        np.testing.assert_allclose(result["validated"].sel(quantity=quantity, seed=0), [0.4, 0.4, 0.9])
    np.testing.assert_allclose(result["distance"].sel(quantity="weights", seed=0), [[0, 0, 0.9], [0.4, 0.4, 0.1]])


def test_a_shape_that_is_alone_is_not_judged():
    ours, theirs = of_distances([[0.1] * 3] * 2)
    alone = {name: table.isel(shape=[0]) for name, table in ours.items()}
    result = compared(alone, theirs)
    assert result["validated"].isnull().all()
    assert result["chosen"].values.tolist() == [""]


def test_the_yardstick_is_the_distance_between_the_published_tables_of_two_shapes():
    """Computed here row by row, without labelled arrays."""
    theirs = published_counts()
    ours = {name: table.expand_dims(definition=["one"], seed=[0]) for name, table in theirs.items()}
    yardstick = compared(ours, theirs)["yardstick"]
    for quantity in QUANTITIES:
        table = theirs[quantity]
        shares = (table / table.sum("bin")).transpose("shape", "lr", "module", "bin").values
        for place, shape in enumerate(table["shape"].values):
            distances = [
                0.5 * np.abs(shares[place, lr, module] - shares[other, lr, module]).sum()
                for other in range(len(shares))
                if other != place
                for lr in range(3)
                for module in range(len(MODULES))
            ]
            expected = np.nanmean([distance for distance in distances if np.isfinite(distance)])
            np.testing.assert_allclose(yardstick.sel(quantity=quantity, shape=shape), expected, rtol=1e-9)
