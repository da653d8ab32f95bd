import numpy as np
import pytest

from lrscope.analysis import layer_norms
from lrscope.errors import InputError


def test_the_norm_of_a_layer_is_that_of_its_numbers(records):
    found = layer_norms(records, ["weights", "biases"])
    assert found.dims == ("member", "step", "layer")
    assert found["layer"].values.tolist() == ["encoder.0", "encoder.2", "decoder.0"]
    assert found["part"].values.tolist() == ["encoder", "encoder", "decoder"]
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
