import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import dead, fluctuation, participation, share
from lrscope.errors import InputError


def test_inactive_neurons_are_those_below_the_threshold(records):
    moved = fluctuation(records, "weights")
    result = participation(moved, threshold=0.5)
    for part, size in {"encoder": 6, "decoder": 3}.items():
        below = [sum(value < 0.5 for value in member) for member in moved.isel(neuron=moved["part"] == part).values]
        assert result["inactive"].sel(part=part).values.tolist() == below
        np.testing.assert_allclose(result["share"].sel(part=part), np.array(below) / size)
    assert result.attrs == {"threshold": 0.5, "axes": ["lr", "seed"]}


def test_layers_add_up_to_their_part(records):
    moved = fluctuation(records, "weights")
    by_layer, by_part = participation(moved, by="layer"), participation(moved)
    assert by_layer["layer"].values.tolist() == ["encoder.0", "encoder.2", "decoder.0"]
    for part in ("encoder", "decoder"):
        inside = by_layer["inactive"].isel(layer=by_layer["part"] == part)
        np.testing.assert_array_equal(inside.sum("layer"), by_part["inactive"].sel(part=part))


def test_threshold_zero_leaves_nobody_inactive_and_above_one_everybody(records):
    moved = fluctuation(records, "weights")
    assert (participation(moved, 0)["inactive"] == 0).all()
    assert (participation(moved, 1.01)["share"] == 1).all()


def test_a_member_that_diverged_at_once_has_no_share(records, diverge):
    result = participation(fluctuation(diverge(records, member=1, step=1), "weights"))
    assert result["share"].isel(member=1).isnull().all()
    assert (result["neurons"].isel(member=1) == 0).all()
    assert result["share"].isel(member=[0, 2, 3, 4, 5]).notnull().all()


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_threshold_must_be_a_number(records, threshold):
    with pytest.raises(InputError, match="threshold must be a finite number"):
        participation(fluctuation(records, "weights"), threshold)


def test_groups_are_parts_or_layers(records):
    with pytest.raises(InputError, match=r"by must be one of part, layer; got 'layers'. Did you mean 'layer'?"):
        participation(fluctuation(records, "weights"), by="layers")


def silence(records, member, neuron, steps):
    """Return records in which a neuron of encoder.0 puts out zero on every sample at the steps."""
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
    attrs = {"quantity": "activations", "statistic": "values", "layer": "c", "part": "c", "units": "1"}
    full = xr.DataArray(values, dims=("member", "step", "sample_c", "neuron_c"), attrs=attrs)
    coords = {name: records[name] for name in ("member", "lr", "seed", "step")}
    result = dead(xr.Dataset({"activations_c": full}, coords=coords, attrs=records.attrs))
    assert result.isel(member=1, neuron=1).values.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert result.sum() == 3


def test_bounds_must_ascend(records):
    with pytest.raises(InputError, match="bounds must be two ascending numbers"):
        dead(records, bounds=(1, -1))
