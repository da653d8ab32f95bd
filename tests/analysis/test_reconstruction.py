import numpy as np
import pytest

from lrscope.analysis import reconstruction_error
from lrscope.errors import InputError


def test_it_is_the_mean_squared_difference(records):
    result = reconstruction_error(records)
    assert result.dims == ("member", "step")
    difference = records["outputs"].values.astype(float) - records["targets"].values
    expected = sum(difference[..., i, j] ** 2 for i in range(5) for j in range(2)) / 10
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_a_perfect_reconstruction_has_no_error(records):
    assert (reconstruction_error(records.assign(outputs=records["targets"])) == 0).all()


def test_it_is_nan_after_divergence(records, diverge):
    result = reconstruction_error(diverge(records, member=1, step=3))
    assert result.isnull().sum() == 4


def test_outputs_must_be_recorded(records):
    with pytest.raises(InputError, match="records must be records with outputs and targets"):
        reconstruction_error(records.drop_vars("outputs"))


def test_targets_of_another_size_are_no_reconstruction(records):
    labels = records["targets"].isel(output=[0]).rename(output="target")
    with pytest.raises(InputError, match="targets must be of dimensions"):
        reconstruction_error(records.drop_vars("targets").assign(targets=labels))
