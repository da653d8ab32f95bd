import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import final_scores, recommendation
from lrscope.errors import InputError
from lrscope.records import on_grid


@pytest.fixture
def some(records, diverge):
    """Return records of 2 rates and 3 seeds with validation losses at every step; the fifth member diverged."""
    held = records["loss"] * 2
    held.attrs = {**records["loss"].attrs, "quantity": "val_loss", "long_name": "loss of validation samples"}
    return diverge(records.assign(val_loss=held), member=4, step=5)


def test_the_score_is_the_last_value_and_infinite_where_a_member_diverged(some):
    scores = final_scores(some)
    assert scores.dims == ("lr", "seed")
    assert scores.sel(lr=0.1, seed=1) == np.inf
    last = on_grid(some)["val_loss"].isel(step=-1, drop=True)
    np.testing.assert_allclose(scores.values[0], last.values[0])
    assert scores.attrs["long_name"] == "loss of validation samples"


def test_what_was_not_trained_has_no_score(some):
    lacking = some.isel(member=[0, 1, 2, 3, 4])
    for records in (lacking, on_grid(lacking)):
        scores = final_scores(records)
        assert scores.isnull().sum() == 1
        assert scores.sel(lr=0.1, seed=2).isnull()


def test_shorter_trainings_have_their_own_last_value(some):
    loss = some["val_loss"].copy()
    loss[{"member": 0, "step": slice(3, None)}] = np.nan
    assert final_scores(some.assign(val_loss=loss)).values[0, 0] == pytest.approx(float(loss[0, 2]))


def test_other_quantities_can_be_scores(some):
    assert final_scores(some, "gradient_norm").name == "gradient_norm"
    with pytest.raises(InputError, match="records must be records with val_accuracy; got"):
        final_scores(some, "val_accuracy")


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_equal_losses_are_what_they_are_and_one_that_diverged_is_worse(value):
    scores = xr.DataArray(np.full((2, 4), value), {"lr": [0.1, 1.0], "seed": range(4)}, attrs={"long_name": "loss"})
    scores[1, :2] = np.inf
    result = recommendation(scores)
    assert result["score"].values.tolist() == [value, value]
    assert float(result["best"]) == 0.1
    assert float(result["difference"].sel(lr=1.0)) > 0
