"""Which neurons dominate an instability: known shares, at the right step."""

import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import dominant_neurons
from lrscope.errors import InputError


def shares(values, steps):
    """Return records (member, step_every_5) of the shares (step, neuron) of two layers of two and one neurons."""
    values = np.asarray(values, dtype=float)
    data = {}
    for layer, some in {"hidden": values[:, :2], "output": values[:, 2:]}.items():
        attrs = {"quantity": "oscillation_share", "statistic": "values", "layer": layer, "part": layer}
        attrs |= {"long_name": "share", "units": "1"}
        data[f"oscillation_share_{layer}"] = (("member", "step_every_5", f"neuron_{layer}"), some[None], attrs)
    return xr.Dataset(data, coords={"member": [0], "step_every_5": steps}, attrs={"axes": ["member"]})


def at(step):
    return xr.DataArray([step], {"member": [0]})


def test_the_dominant_neurons_are_the_smallest_set_that_holds_most():
    records = shares([[0.5, 0.5, 0], [0.8, 0.15, 0.05], [0, 0, 1]], [0, 5, 10])
    result = dominant_neurons(records, at(3))
    assert result["step"].item() == 5
    assert result["share"].values[0] == pytest.approx([0.8, 0.15, 0.05])
    assert result["dominant"].values.tolist() == [[1, 1, 0]]
    assert result["layer"].values.tolist() == ["hidden", "hidden", "output"]
    assert dominant_neurons(records, at(3), most=0.8)["dominant"].values.tolist() == [[1, 0, 0]]
    assert dominant_neurons(records, at(3), most=0.81)["dominant"].values.tolist() == [[1, 1, 0]]
    assert dominant_neurons(records, at(3), most=1.0)["dominant"].values.tolist() == [[1, 1, 1]]


def test_shares_are_of_the_sum_over_all_neurons():
    result = dominant_neurons(shares([[2, 1, 1]], [0]), at(0), most=0.5)
    assert result["share"].values.tolist() == [[0.5, 0.25, 0.25]]
    assert result["dominant"].values.tolist() == [[1, 0, 0]]


def test_after_the_last_record_the_last_record_counts():
    records = shares([[1, 0, 0], [0, 1, 0], [np.nan] * 3], [0, 5, 10])
    result = dominant_neurons(records, at(8))
    assert result["step"].item() == 5
    assert result["dominant"].values.tolist() == [[0, 1, 0]]


def test_without_an_onset_no_neuron_dominates():
    result = dominant_neurons(shares([[1, 0, 0]], [0]), at(-1))
    assert result["step"].item() == -1
    assert result["share"].isnull().all()
    assert result["dominant"].isnull().all()


def test_most_is_a_share():
    with pytest.raises(InputError, match="most must be above 0 and at most 1; got 90"):
        dominant_neurons(shares([[1, 0, 0]], [0]), at(0), most=90)
