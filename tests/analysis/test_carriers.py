"""Who carries an instability: shares that are known, looked at when they should be."""

import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import carriers
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


def test_the_carriers_are_the_few_that_hold_most():
    records = shares([[0.5, 0.5, 0], [0.8, 0.15, 0.05], [0, 0, 1]], [0, 5, 10])
    result = carriers(records, at(3))
    assert result["step"].item() == 5
    assert result["share"].values[0] == pytest.approx([0.8, 0.15, 0.05])
    assert result["carries"].values.tolist() == [[1, 1, 0]]
    assert result["layer"].values.tolist() == ["hidden", "hidden", "output"]
    assert carriers(records, at(3), most=0.8)["carries"].values.tolist() == [[1, 0, 0]]
    assert carriers(records, at(3), most=0.81)["carries"].values.tolist() == [[1, 1, 0]]
    assert carriers(records, at(3), most=1.0)["carries"].values.tolist() == [[1, 1, 1]]


def test_shares_are_of_the_sum_over_all_neurons():
    result = carriers(shares([[2, 1, 1]], [0]), at(0), most=0.5)
    assert result["share"].values.tolist() == [[0.5, 0.25, 0.25]]
    assert result["carries"].values.tolist() == [[1, 0, 0]]


def test_what_was_recorded_last_stands_for_what_comes_behind():
    records = shares([[1, 0, 0], [0, 1, 0], [np.nan] * 3], [0, 5, 10])
    result = carriers(records, at(8))
    assert result["step"].item() == 5
    assert result["carries"].values.tolist() == [[0, 1, 0]]


def test_without_an_onset_nobody_carries_it():
    result = carriers(shares([[1, 0, 0]], [0]), at(-1))
    assert result["step"].item() == -1
    assert result["share"].isnull().all()
    assert result["carries"].isnull().all()


def test_most_is_a_share():
    with pytest.raises(InputError, match="most must be above 0 and at most 1; got 90"):
        carriers(shares([[1, 0, 0]], [0]), at(0), most=90)
