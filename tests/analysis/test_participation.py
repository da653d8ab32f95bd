"""How much neurons move, in which bins they lie, and which take part."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.analysis import binned, dead, fluctuation, participation, share, spread
from lrscope.errors import InputError


def test_it_is_the_variance_over_the_steps_of_the_spread(records):
    result = fluctuation(records, "weights", normalise=False)
    over_steps = spread(records, "weights").values
    mean = over_steps.sum(1) / 7
    expected = ((over_steps - mean[:, None]) ** 2).sum(1) / 7
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("quantity", ["weights", "biases", "activations", "weight_gradients"])
def test_the_largest_of_each_part_is_one(records, quantity):
    result = fluctuation(records, quantity)
    raw = fluctuation(records, quantity, normalise=False)
    for module in ("encoder", "decoder"):
        inside = result.isel(neuron=result["module"] == module)
        ratio = raw.isel(neuron=raw["module"] == module)
        assert (inside.max("neuron") == 1).all()
        np.testing.assert_allclose(inside, ratio / ratio.max("neuron"))


def test_a_part_where_nothing_moves_is_zero(records):
    frozen = records["biases_decoder_0"] * 0 + 0.1
    still = records.assign(biases_decoder_0=frozen.assign_attrs(records["biases_decoder_0"].attrs))
    result = fluctuation(still, "biases")
    assert (result.isel(neuron=result["module"] == "decoder") == 0).all()
    assert (result.isel(neuron=result["module"] == "encoder").max("neuron") == 1).all()


def test_a_diverged_member_is_judged_by_the_steps_before(records, diverge):
    result = fluctuation(diverge(records, member=4, step=5), "weights")
    shorter = fluctuation(records.isel(step=slice(0, 5)), "weights")
    xr.testing.assert_allclose(result.isel(member=4), shorter.isel(member=4))
    assert result["steps_used"].values.tolist() == [7, 7, 7, 7, 5, 7]
    xr.testing.assert_identical(result.isel(member=0), fluctuation(records, "weights").isel(member=0))


def test_values_after_divergence_do_not_count_even_if_finite(records, diverge):
    diverged = diverge(records, member=4, step=5)
    finite = diverged.fillna(1e6)
    xr.testing.assert_identical(fluctuation(finite, "biases"), fluctuation(diverged, "biases"))


@pytest.mark.parametrize("step", [0, 1])
def test_fewer_than_two_steps_are_no_fluctuation(records, diverge, step):
    result = fluctuation(diverge(records, member=2, step=step), "biases")
    assert result.isel(member=2).isnull().all()
    assert result.isel(member=[0, 1, 3, 4, 5]).notnull().all()
    assert binned(result).isel(member=2).sum() == 0


def test_layers_of_different_cadences_are_each_reduced_over_their_own_steps(records):
    slow = records["weights_decoder_0"].isel(step=slice(0, 7, 2)).rename(step="step_slow")
    mixed = records.drop_vars("weights_decoder_0").assign(weights_decoder_0=slow)
    result = fluctuation(mixed, "weights", normalise=False)
    expected = slow.isel(input_decoder_0=0).astype(float)
    np.testing.assert_allclose(result.isel(neuron=result["module"] == "decoder"), abs(expected).var("step_slow"))
    assert (result["steps_used"] == 4).all()


def values(*numbers):
    coords = {"module": ("neuron", ["a"] * len(numbers))}
    return xr.DataArray([list(numbers)], dims=("member", "neuron"), coords=coords)


def test_bins_hold_their_lower_edge_and_the_last_one_also_its_upper():
    counts = binned(values(0.0, 0.2999, 0.3, 0.69, 0.7, 1.0, np.nan))
    assert counts.dims == ("member", "module", "bin")
    assert counts.values.tolist() == [[[2, 2, 2]]]
    assert counts["bin"].values.tolist() == ["0 to 0.3", "0.3 to 0.7", "0.7 to 1"]
    assert counts["lower"].values.tolist() == [0, 0.3, 0.7]


def test_parts_keep_the_order_of_the_network(records):
    counts = binned(fluctuation(records, "weights"))
    assert counts["module"].values.tolist() == ["encoder", "decoder"]
    assert counts.sum("bin").values.tolist() == [[6, 3]] * 6
    assert counts.attrs["axes"] == ["lr", "seed"]


@settings(max_examples=30, deadline=None)
@given(
    numbers=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    inner=st.lists(st.floats(0.01, 0.99), max_size=4, unique=True),
)
def test_every_neuron_is_in_one_bin(numbers, inner):
    edges = [0, *sorted(inner), 1]
    expected, _ = np.histogram(numbers, edges)
    assert binned(values(*numbers), edges).values[0, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("edges", [(0,), (0, 0.5, 0.5), (1, 0)])
def test_edges_must_ascend(edges):
    with pytest.raises(InputError, match="edges must be two or more ascending numbers; got"):
        binned(values(0.5), edges)


def test_inactive_neurons_are_those_below_the_threshold(records):
    moved = fluctuation(records, "weights")
    result = participation(moved, threshold=0.5)
    for module, size in {"encoder": 6, "decoder": 3}.items():
        below = [sum(value < 0.5 for value in member) for member in moved.isel(neuron=moved["module"] == module).values]
        assert result["inactive"].sel(module=module).values.tolist() == below
        np.testing.assert_allclose(result["share"].sel(module=module), np.array(below) / size)
    assert result.attrs == {"threshold": 0.5, "axes": ["lr", "seed"]}


def test_layers_add_up_to_their_part(records):
    moved = fluctuation(records, "weights")
    by_layer, by_module = participation(moved, by="layer"), participation(moved)
    assert by_layer["layer"].values.tolist() == ["encoder.0", "encoder.2", "decoder.0"]
    for module in ("encoder", "decoder"):
        inside = by_layer["inactive"].isel(layer=by_layer["module"] == module)
        np.testing.assert_array_equal(inside.sum("layer"), by_module["inactive"].sel(module=module))


def test_a_member_that_diverged_at_once_has_no_share(records, diverge):
    result = participation(fluctuation(diverge(records, member=1, step=1), "weights"))
    assert result["share"].isel(member=1).isnull().all()
    assert (result["neurons"].isel(member=1) == 0).all()
    assert result["share"].isel(member=[0, 2, 3, 4, 5]).notnull().all()


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_threshold_must_be_a_number(records, threshold):
    with pytest.raises(InputError, match="threshold must be a finite number"):
        participation(fluctuation(records, "weights"), threshold)


def silence(records, member, neuron, steps):
    """Return records in which a neuron of encoder.0 is zero on every sample at the steps."""
    result = records.copy(deep=True)
    for statistic in ("min", "max"):
        where = {"member": member, "neuron_encoder_0": neuron, "step": steps}
        result[f"activations_{statistic}_encoder_0"][where] = 0
    return result


def test_dead_neurons_by_step(records):
    quiet = silence(records, member=2, neuron=1, steps=slice(3, None))
    quiet = silence(quiet, member=2, neuron=3, steps=slice(1, 5))
    result = dead(quiet)
    assert result.sum() == 4 + 4
    of_layers = share(result).isel(member=2)
    assert of_layers.sel(layer="encoder.0").values.tolist() == [0, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25]
    assert (of_layers.sel(layer="encoder.2") == 0).all()
    assert share(result).dims == ("member", "step", "layer")


def test_a_linear_layer_below_zero_is_not_dead(records):
    negative = records.copy(deep=True)
    for statistic in ("min", "max"):
        negative[f"activations_{statistic}_encoder_0"][:] = -1
    assert dead(negative).sum() == 0


def test_death_is_told_by_the_steps_before_divergence(records, diverge):
    quiet = diverge(silence(records, member=3, neuron=2, steps=slice(2, None)), member=3, step=4)
    result = dead(quiet)
    assert share(result).isel(member=3).sel(layer="encoder.0").values[:4].tolist() == [0, 0, 0.25, 0.25]
    assert result.isel(member=3, step=slice(4, None)).isnull().all()
    assert share(result).isel(member=3, step=slice(4, None)).isnull().all()


def test_saturated_neurons_lie_at_one_bound(records):
    bounded = records.copy(deep=True)
    low = [-1.0, 0.985, -1.0, 0.97]
    high = [1.0, 1.0, -0.985, 1.0]
    for statistic, values in {"min": low, "max": high}.items():
        bounded[f"activations_{statistic}_encoder_0"][:] = values
    result = dead(bounded, bounds=(-1, 1), tolerance=0.01)
    assert result.isel(member=0, step=0, neuron=slice(0, 4)).values.tolist() == [0, 1, 1, 0]


def test_full_activations_tell_it_too(records):
    values = np.ones((6, 7, 5, 2))
    values[1, 4:, :, 1] = 0
    attrs = {"quantity": "activations", "statistic": "values", "layer": "c", "module": "c", "units": "1"}
    full = xr.DataArray(values, dims=("member", "step", "sample_c", "neuron_c"), attrs=attrs)
    coords = {name: records[name] for name in ("member", "lr", "seed", "step")}
    result = dead(xr.Dataset({"activations_c": full}, coords=coords, attrs=records.attrs))
    assert result.isel(member=1, neuron=1).values.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert result.sum() == 3


def test_bounds_must_ascend(records):
    with pytest.raises(InputError, match="bounds must be two ascending numbers"):
        dead(records, bounds=(1, -1))
