"""The waist: names, blocks and how they join, the grid, outcomes."""

import tracemalloc

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.records import (
    LAST_LOSSES,
    Variable,
    concatenate,
    missing,
    new_block,
    of_quantity,
    on_grid,
    outcomes,
    quantities,
    step_dimension,
)

WEIGHTS = Variable(
    "weights_encoder_0",
    "weights",
    "weights of encoder.0",
    dims=("neuron_encoder_0", "input_encoder_0"),
    layer="encoder.0",
    module="encoder",
)
OUTPUTS = Variable("outputs", "outputs", "output of the network", dims=("sample", "output"))
DIVERGED = Variable("diverged_at", "diverged_at", "first step that is not finite", "updates")
LOSS = Variable("loss", "loss", "loss")
LABELS = {label.name: label for label in (WEIGHTS, OUTPUTS, DIVERGED, LOSS)}
DIMS = {"weights_encoder_0": "step", "loss": "step", "diverged_at": "step", "outputs": "step_outputs"}
SWEEP = {
    "shape": {"long_name": "shape", "scale": "category"},
    "lr": {"long_name": "learning rate", "units": "1", "scale": "log"},
}


def records(members: int = 4, steps: int = 10, every: int = 3) -> xr.Dataset:
    """Return records with two cadences; all values differ."""
    own = np.arange(0, steps, every)
    numbers = iter(np.random.default_rng(0).permutation(10**6).astype(np.float32))
    shapes = {
        "weights_encoder_0": (members, steps, 3, 2),
        "loss": (members, steps),
        "outputs": (members, len(own), 5, 2),
    }
    values = {name: np.fromiter(numbers, np.float32, np.prod(shape)).reshape(shape) for name, shape in shapes.items()}
    values["diverged_at"] = np.full((members, steps), -1, np.int64)
    columns = {
        "member": np.arange(members),
        "shape": np.array(["circle", "spiral"])[np.arange(members) // 2 % 2],
        "lr": np.array([0.1, 0.001])[np.arange(members) % 2],
    }
    return new_block(values, LABELS, {"step": np.arange(steps), "step_outputs": own}, columns, SWEEP, DIMS)


def blocks_of(whole: xr.Dataset, member_cuts: set[int], step_cuts: set[int]) -> list[xr.Dataset]:
    """Return the blocks that a training would yield: chunk by chunk of members, each range of steps after range."""
    members = np.split(whole.member.values, sorted(member_cuts))
    ranges = [(part[0], part[-1]) for part in np.split(whole.step.values, sorted(step_cuts)) if len(part)]
    blocks = []
    for chunk in members:
        for first, last in ranges:
            block = whole.sel(member=chunk, step=slice(first, last), step_outputs=slice(first, last))
            blocks.append(block if block.sizes["step_outputs"] else block.drop_dims("step_outputs"))
    return [block for block in blocks if block.sizes["member"]]


def loss_of(values: list[list[float]], diverged_at: list[int]) -> xr.Dataset:
    loss = np.array(values)
    steps = np.arange(loss.shape[1])
    broadcast = np.repeat(np.array(diverged_at)[:, None], loss.shape[1], axis=1)
    return xr.Dataset(
        {"loss": (("member", "step"), loss), "diverged_at": (("member", "step"), broadcast)},
        coords={"member": np.arange(len(values)), "step": steps},
    )


# names and labels


def test_a_block_carries_the_labels_of_its_variables():
    block = records()
    assert block["weights_encoder_0"].dims == ("member", "step", "neuron_encoder_0", "input_encoder_0")
    assert block["weights_encoder_0"].attrs == {
        "quantity": "weights",
        "statistic": "values",
        "layer": "encoder.0",
        "module": "encoder",
        "long_name": "weights of encoder.0",
        "units": "1",
    }
    assert block["lr"].attrs == SWEEP["lr"]
    assert block.attrs["axes"] == ["shape", "lr"]
    assert block["step_outputs"].attrs == {"long_name": "step", "units": "updates"}


def test_step_dimension_of_something_without_steps_is_an_error():
    with pytest.raises(InputError, match=r"must have a step dimension; got \('member', 'stepwise'\)"):
        step_dimension(xr.DataArray(np.zeros((1, 1)), dims=("member", "stepwise")))


# concatenation


@settings(max_examples=40)
@given(st.sets(st.integers(1, 3)), st.sets(st.integers(1, 9)))
def test_blocks_however_cut_join_to_the_whole(member_cuts, step_cuts):
    whole = records()
    joined = concatenate(blocks_of(whole, member_cuts, step_cuts))
    xr.testing.assert_identical(joined, whole)
    assert all(joined[name].dtype == whole[name].dtype for name in whole.variables)


def test_blocks_of_several_chunks_may_come_in_turns():
    whole = records()
    first, second, third, fourth = blocks_of(whole, {2}, {5})
    xr.testing.assert_identical(concatenate([first, third, second, fourth]), whole)


def test_a_member_with_fewer_steps_is_filled_up():
    whole = records()
    blocks = blocks_of(whole, {2}, {6})
    joined = concatenate(blocks[:-1])
    assert joined["loss"].isel(member=slice(2, 4), step=slice(6, None)).isnull().all()
    assert (joined["diverged_at"].isel(member=slice(2, 4), step=slice(6, None)) == -1).all()
    assert joined["diverged_at"].dtype == np.int64
    xr.testing.assert_identical(joined.isel(member=slice(0, 2)), whole.isel(member=slice(0, 2)))


@pytest.mark.parametrize(
    ("dtype", "value"), [("int32", -1), ("uint8", 255), ("bool", False), ("float32", np.nan), ("float64", np.nan)]
)
def test_what_is_missing_fits_into_the_type(dtype, value):
    np.testing.assert_equal(np.full(1, missing(np.dtype(dtype)), dtype)[0], np.dtype(dtype).type(value))


@pytest.mark.parametrize(("member_cuts", "copies"), [(set(), 1), ({2}, 2)])
def test_concatenate_copies_at_most_twice(member_cuts, copies):
    whole = records().drop_vars(["outputs", "weights_encoder_0"])
    big = np.ones((4, 10, 200, 50))
    blocks = blocks_of(
        whole.assign(weights=(("member", "step", "a", "b"), big)).assign_coords(step_outputs=[0]), member_cuts, {5}
    )
    blocks = [block.copy(deep=True) for block in blocks]
    tracemalloc.start()
    joined = concatenate(blocks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert joined["weights"].nbytes == big.nbytes
    assert peak < (copies + 0.1) * big.nbytes


# the grid of the sweep


def test_on_grid_puts_each_member_at_its_place():
    whole = records()
    grid = on_grid(whole)
    assert grid["loss"].dims == ("shape", "lr", "step")
    for member in whole.member.values:
        one = whole.sel(member=member)
        placed = grid.sel(shape=one["shape"].item(), lr=one["lr"].item())
        np.testing.assert_array_equal(placed["weights_encoder_0"], one["weights_encoder_0"])
    assert grid["lr"].attrs == SWEEP["lr"]


def test_names_keep_the_order_of_the_sweep_and_numbers_ascend():
    whole = records()
    shapes = list(dict.fromkeys(whole["shape"].values.tolist()))
    backwards = whole.isel(member=slice(None, None, -1))
    assert on_grid(backwards)["shape"].values.tolist() == shapes[::-1]
    assert on_grid(backwards)["lr"].values.tolist() == sorted(set(whole["lr"].values.tolist()))
    first = [whole["shape"].values.tolist().index(shape) for shape in shapes]
    alone = whole["loss"].isel(member=first[::-1]).drop_vars("lr").assign_attrs(axes=["shape"])
    assert on_grid(alone)["shape"].values.tolist() == shapes[::-1]


def test_a_combination_that_was_not_trained_is_nan_on_the_grid():
    grid = on_grid(records().isel(member=[0, 1, 2]))
    assert grid["loss"].sel(shape="spiral", lr=0.001).isnull().all()
    assert grid["loss"].sel(shape="spiral", lr=0.1).notnull().all()


# outcomes


def test_outcomes_of_each_kind():
    falls, rises = [5.0, 4.0, 3.0], [3.0, 4.0, 5.0]
    found = outcomes(loss_of([falls, rises, [5.0, np.nan, np.nan]], [-1, -1, 1]))
    assert found["outcome"].values.tolist() == ["converged", "not improved", "diverged"]
    assert found["diverged_at"].values.tolist() == [-1, -1, 1]


def test_only_the_last_losses_decide():
    late = [2.0] * LAST_LOSSES
    found = outcomes(loss_of([[3.0, *[9.0] * 50, *late], [3.0, *[0.0] * 50, *[4.0] * LAST_LOSSES]], [-1, -1]))
    assert found["outcome"].values.tolist() == ["converged", "not improved"]


# choosing variables


def test_variables_of_a_quantity_come_in_the_order_of_the_layers():
    whole = records()
    second = whole["weights_encoder_0"].rename("weights_decoder_0").assign_attrs(layer="decoder.0")
    spread = whole["loss"].rename("spread").assign_attrs(quantity="weights", statistic="std")
    whole = whole.assign(weights_decoder_0=second, spread=spread)
    names = [array.name for array in of_quantity(whole, "weights")]
    assert names == ["weights_encoder_0", "weights_decoder_0", "spread"]
    assert quantities(whole) == ["weights", "loss", "outputs", "diverged_at"]


def test_an_unknown_quantity_names_the_nearest():
    with pytest.raises(InputError) as error:
        of_quantity(records(), "weight")
    assert str(error.value) == (
        "quantity must be one of weights, loss, outputs, diverged_at; got 'weight'. Did you mean 'weights'?"
    )
