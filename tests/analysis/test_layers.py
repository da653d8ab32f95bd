"""Spreads and norms of layers: which variables they are taken from, and how layers join."""

import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import _layers, arranged, by_neuron, layer_norms, spread
from lrscope.errors import InputError


def test_weights_std_is_the_population_deviation_of_the_incoming_weights(records):
    result = spread(records, "weights")
    weights = records["weights_encoder_2"].values.astype(float)
    mean = sum(weights[..., i] for i in range(4)) / 4
    expected = np.sqrt(sum((weights[..., i] - mean) ** 2 for i in range(4)) / 4)
    np.testing.assert_allclose(result.isel(neuron=result["layer"] == "encoder.2"), expected, rtol=1e-12)


def test_one_incoming_weight_counts_as_its_absolute_value(records):
    result = spread(records, "weights")
    expected = abs(records["weights_decoder_0"].values[..., 0])
    np.testing.assert_array_equal(result.isel(neuron=result["module"] == "decoder"), expected)


def test_a_bias_counts_as_its_absolute_value(records):
    result = spread(records, "biases")
    expected = [records[f"biases_{name}"].values for name in ("encoder_0", "encoder_2", "decoder_0")]
    np.testing.assert_array_equal(result, abs(np.concatenate(expected, 2)))


def test_recorded_deviation_of_activations_is_taken_as_it_is(records):
    result = spread(records, "activations")
    np.testing.assert_array_equal(result.isel(neuron=slice(0, 4)), records["activations_std_encoder_0"])


def test_recorded_spread_comes_before_values(records):
    recorded = records["biases_encoder_0"] * 0 + 7
    recorded.attrs = records["weights_encoder_0"].attrs | {"statistic": "std"}
    result = spread(records.assign(weights_std_encoder_0=recorded), "weights")
    assert (result.isel(neuron=result["layer"] == "encoder.0") == 7).all()
    assert result.sizes["neuron"] == 9


def test_full_activations_spread_over_samples_and_positions(records):
    values = np.random.default_rng(1).normal(size=(6, 7, 5, 3, 2))
    attrs = {"quantity": "activations", "statistic": "values", "layer": "c", "module": "c", "units": "1"}
    full = xr.DataArray(values, dims=("member", "step", "sample_c", "neuron_c", "position_c"), attrs=attrs)
    result = spread(xr.Dataset({"activations_c": full}), "activations")
    assert result.dims == ("member", "step", "neuron")
    assert float(result[1, 2, 2]) == pytest.approx(values[1, 2, :, 2].std(), rel=1e-12)


def test_neurons_know_layer_part_and_number(records):
    result = spread(records, "weights")
    assert result.dims == ("member", "step", "neuron")
    assert result["layer"].values.tolist() == ["encoder.0"] * 4 + ["encoder.2"] * 2 + ["decoder.0"] * 3
    assert result["module"].values.tolist() == ["encoder"] * 6 + ["decoder"] * 3
    assert result["index"].values.tolist() == [0, 1, 2, 3, 0, 1, 0, 1, 2]
    assert result.attrs == {"long_name": "spread of weights", "units": "1", "axes": ["lr", "seed"]}


def test_pieces_do_not_show(records, monkeypatch):
    whole = layer_norms(records, ["weights"])
    monkeypatch.setattr(_layers, "PIECE_BYTES", 300)
    xr.testing.assert_identical(layer_norms(records, ["weights"]), whole)


def test_unknown_quantity_names_the_nearest(records):
    with pytest.raises(InputError, match=r"quantity must be one of .*; got 'wieghts'. Did you mean 'weights'?"):
        spread(records, "wieghts")


def test_quantity_without_a_usable_statistic_is_refused(records):
    only_extremes = records.drop_vars([name for name in records if "_std_" in name])
    expected = "activations must be recorded with one of the statistics std, values; got 'min, max'"
    with pytest.raises(InputError, match=expected):
        spread(only_extremes, "activations")


def test_layers_of_different_cadences_do_not_join(records):
    slow = records["weights_decoder_0"].rename(step="step_slow")
    mixed = records.drop_vars("weights_decoder_0").assign(weights_decoder_0=slow)
    with pytest.raises(InputError, match="recorded at one cadence in all layers"):
        spread(mixed, "weights")


def test_by_neuron_joins_a_statistic(records):
    result = by_neuron(records, "activations", "max")
    np.testing.assert_array_equal(result.isel(neuron=slice(4, 6)), records["activations_max_encoder_2"])
    assert result.attrs["long_name"] == "activation"


def test_arranged_sorts_within_each_layer(records):
    values = spread(records, "weights").isel(member=2)
    result = arranged(values)
    assert result["layer"].values.tolist() == values["layer"].values.tolist()
    mean = result.mean("step")
    for layer in ("encoder.0", "encoder.2", "decoder.0"):
        of_layer = mean.isel(neuron=mean["layer"] == layer)
        assert (of_layer.diff("neuron") <= 0).all()
    for neuron in range(9):
        layer, index = result["layer"][neuron], result["index"][neuron]
        same = values.isel(neuron=(values["layer"] == layer) & (values["index"] == index))
        np.testing.assert_array_equal(result.isel(neuron=neuron), same.isel(neuron=0))


def test_the_norm_of_a_layer_is_that_of_its_numbers(records):
    found = layer_norms(records, ["weights", "biases"])
    assert found.dims == ("member", "step", "layer")
    assert found["layer"].values.tolist() == ["encoder.0", "encoder.2", "decoder.0"]
    assert found["module"].values.tolist() == ["encoder", "encoder", "decoder"]
    for layer in found["layer"].values:
        both = [records[f"{kind}_{layer.replace('.', '_')}"].values.reshape(6, 7, -1) for kind in ("weights", "biases")]
        expected = np.linalg.norm(np.concatenate(both, -1).astype(float), axis=-1)
        np.testing.assert_allclose(found.sel(layer=layer), expected)
    assert found.attrs["long_name"] == "norm of the weights and biases"


def test_after_a_divergence_nothing_is_known(records, diverge):
    found = layer_norms(diverge(records, member=2, step=4), ["weight_gradients"])
    assert found.isel(member=2).isnull().any("layer").values.tolist() == [False] * 4 + [True] * 3


def test_a_spread_has_no_norm(records):
    for array in records.values():
        if array.attrs["quantity"] == "weight_gradients":
            array.attrs["statistic"] = "std"
    with pytest.raises(InputError, match="weight_gradients must be recorded with one of the statistics values"):
        layer_norms(records, ["weight_gradients"])


def test_what_was_recorded_at_other_steps_is_not_added(records):
    apart = records.copy()
    for name in ("biases_encoder_0", "biases_encoder_2", "biases_decoder_0"):
        apart[name] = apart[name].rename(step="step_every_2")
    with pytest.raises(InputError, match="recorded at one cadence in all layers"):
        layer_norms(apart, ["weights", "biases"])
