import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import final_scores, more_epochs, recommendation
from lrscope.errors import InputError
from lrscope.records import on_grid

DIM = "step_every_1_epoch"
EPOCHS, PER_EPOCH = 30, 10


def records(exponents, levels, seeds=8, noise=0.01):
    """Return validation losses: powers of the step up to levels at its end; seeds lie above or below in turn."""
    steps = np.arange(1, EPOCHS + 1) * PER_EPOCH - 1
    course = (np.arange(1, EPOCHS + 1) / EPOCHS) ** np.asarray(exponents)[:, None, None]
    signs = (-1.0) ** np.add.outer(np.arange(len(levels)), np.arange(seeds))
    of_seed = np.exp(noise * signs)[..., None]
    values = np.asarray(levels, dtype=float)[:, None, None] * course * of_seed
    attrs = {"long_name": "loss of validation samples", "units": "1", "quantity": "val_loss", "statistic": "values"}
    coords = {"lr": np.geomspace(0.01, 1, len(levels)), "seed": np.arange(seeds), DIM: steps}
    return xr.Dataset({"val_loss": (("lr", "seed", DIM), values, attrs)}, coords=coords)


def judged(made):
    return more_epochs(made, recommendation(final_scores(made)))


def test_trends_are_the_exponents():
    found = judged(records([-0.5, 0.0, 0.3], [1, 2, 3]))
    np.testing.assert_allclose(found.trend, [-0.5, 0.0, 0.3], atol=1e-9)
    assert found.still_improving.values.tolist() == [True, False, False]
    assert found.rising.values.tolist() == [False, False, True]
    assert int(found.epochs) == EPOCHS


def test_noise_is_no_trend():
    made = records([0.0, 0.0], [1, 1.5])
    jitter = np.random.default_rng(1).lognormal(0, 0.05, made["val_loss"].shape)
    found = judged(made.assign(val_loss=made["val_loss"] * jitter))
    assert not found.still_improving.any()
    assert not found.rising.any()


def test_a_rate_that_falls_faster_overtakes_where_its_line_says():
    made = records([-0.1, -0.5], [1.0, 1.03], noise=0.1)
    found, recommended = judged(made), recommendation(final_scores(made))
    assert recommended.plausible.all()
    assert float(recommended.best) == 0.01
    gap, margin = np.log(1.03), float(recommended.difference_high[1] - recommended.difference[1])
    assert found.overtakes.values.tolist() == [False, True]
    assert int(found.epochs_needed) == np.ceil(EPOCHS * np.exp((margin + gap) / 0.4))


def test_a_rate_that_falls_behind_is_told_apart_where_its_line_says():
    made = records([-0.5, -0.2], [1.0, 1.03], noise=0.1)
    found, recommended = judged(made), recommendation(final_scores(made))
    gap, margin = np.log(1.03), float(recommended.difference_high[1] - recommended.difference[1])
    assert not found.overtakes.any()
    assert int(found.epochs_needed) == np.ceil(EPOCHS * np.exp((margin - gap) / 0.3))


def test_rates_with_the_same_trend_are_not_told_apart_by_more_epochs():
    found = judged(records([-0.3, -0.3], [1, 1], noise=0.1))
    assert int(found.epochs_needed) == -1
    assert not found.overtakes.any()


def test_what_is_decided_needs_no_more_epochs():
    found = judged(records([-0.3, -0.5], [1, 2]))
    assert int(found.epochs_needed) == EPOCHS


def test_where_all_diverge_nothing_is_foreseen():
    made = records([-0.3, -0.5], [1, 2])
    made["val_loss"][:, :, 3:] = np.nan
    found = more_epochs(made, recommendation(final_scores(made) * np.inf))
    assert int(found.epochs_needed) == -1
    assert found.trend.isnull().all()
    assert not found.still_improving.any()


def test_members_that_diverged_are_left_out():
    made = records([-0.5, 0.0], [1, 2])
    spoilt = made.copy(deep=True)
    spoilt["val_loss"][0, 3, 5:] = np.nan
    np.testing.assert_allclose(judged(spoilt).trend, [-0.5, 0.0], atol=1e-9)


def test_members_and_grid_and_any_order_say_the_same(draw, diverge):
    some = diverge(draw(), member=4, step=5)
    recommended = recommendation(final_scores(some, "loss"))
    found = more_epochs(some, recommended, "loss")
    xr.testing.assert_identical(more_epochs(on_grid(some), recommended, "loss"), found)
    xr.testing.assert_identical(more_epochs(some.isel(member=[3, 5, 0, 4, 1, 2]), recommended, "loss"), found)


def test_everything_is_labelled():
    found = judged(records([-0.3, -0.5], [1, 2]))
    assert all({"long_name", "units"} <= set(one.attrs) for one in found.values())
    assert found.epochs_needed.attrs["units"] == "epochs"


def test_the_quantity_must_be_recorded():
    made = records([-0.3], [1])
    with pytest.raises(InputError, match="records must be records with loss; got"):
        more_epochs(made, recommendation(final_scores(made)), "loss")
