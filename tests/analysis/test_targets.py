import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import steps_to_target
from lrscope.errors import InputError
from lrscope.records import DIVERGED_AT

DIM = "step_every_1_epoch"
STEPS = [9, 19, 29, 39]


def records(values, diverged_at=None):
    """Return records (lr, seed, step) of validation losses, of members that diverged at the steps given."""
    values = np.asarray(values, dtype=np.float32)
    coords = {"lr": np.geomspace(0.01, 0.1, len(values)), "seed": np.arange(values.shape[1]), DIM: STEPS}
    attrs = {"long_name": "loss of validation samples", "units": "1", "quantity": "val_loss", "statistic": "values"}
    made = xr.Dataset({"val_loss": (("lr", "seed", DIM), values, attrs)}, coords=coords)
    if diverged_at is not None:
        grid = np.repeat(np.asarray(diverged_at)[..., None], 2, axis=-1)
        made[DIVERGED_AT] = (("lr", "seed", "step"), grid)
    return made


FALLING = [[[4, 3, 2, 1], [5, 2, 1.5, 1]], [[4, 4, 4, 4], [9, 8, 2, 3]]]


def test_the_first_step_at_the_target_counts():
    found = steps_to_target(records(FALLING), target=2)
    assert found.steps.values.tolist() == [[29, 19], [-1, 29]]
    assert found.reached.values.tolist() == [1.0, 0.5]
    np.testing.assert_allclose(found["mean"], [np.sqrt(30 * 20) - 1, 29])
    assert float(found.target) == 2


def test_the_default_target_lies_a_tenth_above_what_the_best_rate_reaches():
    found = steps_to_target(records(FALLING))
    assert float(found.target) == pytest.approx(1.1)
    assert found.reached.values.tolist() == [1.0, 0.0]


def test_members_that_diverged_count_as_trained():
    values = np.array(FALLING, dtype=float)
    values[0, 1, 2:] = np.nan
    values[1, 0] = np.nan
    known = steps_to_target(records(values, [[-1, 25], [3, -1]]), target=1.5)
    assert known.reached.values.tolist() == [0.5, 0.0]
    assert known.steps.values.tolist() == [[39, -1], [-1, -1]]
    by_values = steps_to_target(records(values), target=2.5)
    assert by_values.reached.values.tolist() == [1.0, 1.0]  # member (1, 0) seems not to have been trained


def test_a_member_that_reached_it_and_diverged_later_has_reached_it():
    values = np.array(FALLING, dtype=float)
    values[0, 0, 3] = np.nan
    assert steps_to_target(records(values, [[35, -1], [-1, -1]]), target=2).steps.values[0, 0] == 29


def test_errors_name_what_is_allowed():
    with pytest.raises(InputError, match="target must be a finite number; got nan"):
        steps_to_target(records(FALLING), target=np.nan)
    with pytest.raises(InputError, match="target must be given where all members diverged"):
        steps_to_target(records(np.full((2, 2, 4), np.nan), [[1, 1], [1, 1]]))
    with pytest.raises(InputError, match="records must be records with val_accuracy"):
        steps_to_target(records(FALLING), quantity="val_accuracy")
