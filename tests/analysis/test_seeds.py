import numpy as np
import pytest
import scipy.stats
import xarray as xr

from lrscope.analysis import over_seeds, recommendation, steps_to_target
from lrscope.errors import InputError

COUNTS = (3, 4, 5, 8, 20)


def samples(points, seeds, seed=0):
    values = np.random.default_rng(seed).normal(5, 2, size=(points, seeds))
    return xr.DataArray(values, dims=("lr", "seed"), attrs={"long_name": "loss", "units": "1"})


def coverage(result, truth, name=""):
    """Return how often an interval contains the true value."""
    return float(((result[f"{name}low"] <= truth) & (truth <= result[f"{name}high"])).mean())


@pytest.mark.parametrize("count", COUNTS)
def test_intervals_cover_the_mean_as_often_as_they_say(count):
    values = samples(5000, count, seed=count)
    assert 0.93 < coverage(over_seeds(values), 5) < 0.97
    assert 0.93 < coverage(over_seeds(np.exp(values), log=True), np.exp(5)) < 0.97
    assert 0.88 < coverage(over_seeds(values, 0.9), 5) < 0.92


def test_recommendations_and_steps_to_a_target_have_the_same_intervals():
    rng = np.random.default_rng(0)
    coords = {"lr": [0.1, 0.2, 0.3], "seed": range(5)}
    scores = xr.DataArray(rng.lognormal(0, 0.7, (3, 5)), coords, ("lr", "seed"))
    found, expected = recommendation(scores, resamples=100), over_seeds(scores, log=True)
    for name, end in (("score", "mean"), ("score_low", "low"), ("score_high", "high")):
        np.testing.assert_allclose(found[name], expected[end])
    first = xr.DataArray(rng.integers(1, 50, (3, 5)), coords, ("lr", "seed"))
    falling = xr.where(xr.DataArray(np.arange(50), dims="step") >= first, 1.0, 2.0).assign_attrs(long_name="loss")
    records = falling.assign_coords(step=np.arange(50)).to_dataset(name="loss")
    reached, expected = steps_to_target(records, target=1.0, quantity="loss"), over_seeds(first + 1, log=True) - 1
    np.testing.assert_allclose(
        reached[["mean", "low", "high"]].to_array(), expected[["mean", "low", "high"]].to_array()
    )


def test_the_interval_is_scipys():
    array = samples(3, 12)
    result = over_seeds(array, confidence=0.9)
    theirs = scipy.stats.ttest_1samp(array.values, 0, axis=1).confidence_interval(0.9)
    np.testing.assert_allclose(result["low"], theirs.low)
    np.testing.assert_allclose(result["high"], theirs.high)


def test_positive_quantities_have_a_geometric_mean_and_the_interval_of_the_logarithm():
    losses = np.exp(samples(3, 6))
    result, logarithm = over_seeds(losses, log=True), over_seeds(np.log(losses))
    np.testing.assert_allclose(result["mean"], scipy.stats.gmean(losses.values, axis=1))
    np.testing.assert_allclose(result["high"], np.exp(logarithm["high"]))
    losses[0, 0] = 0
    assert float(over_seeds(losses, log=True)["mean"][0]) == 0
    assert over_seeds(losses, log=True)["low"].isnull().values.tolist() == [True, False, False]
    with pytest.raises(InputError, match="log"):
        over_seeds(-losses, log=True)


def test_shares_stay_shares():
    shares = xr.DataArray([[0.0, 0.1, 0.0], [1.0, 0.8, 1.0]], dims=("lr", "seed"))
    result = over_seeds(shares, bounds=(0, 1))
    assert float(result["low"][0]) == 0
    assert float(result["high"][1]) == 1
    xr.testing.assert_allclose(result["mean"].drop_attrs(), shares.mean("seed"))


def test_what_is_not_finite_is_left_out_and_counted():
    array = samples(3, 5)
    array[1, [0, 3]] = [np.nan, np.inf]
    result = over_seeds(array)
    assert result["count"].values.tolist() == [5, 3, 5]
    alone = over_seeds(array.isel(lr=[1], seed=[1, 2, 4]))
    xr.testing.assert_allclose(result.isel(lr=[1]).drop_attrs(), alone.drop_attrs())


def test_one_seed_has_a_mean_but_no_interval():
    array = samples(2, 3)
    array[0, 1:] = np.nan
    array[1] = np.nan
    result = over_seeds(array)
    assert float(result["mean"][0]) == array.values[0, 0]
    assert result["mean"][1].isnull()
    assert result["low"].isnull().all()
    assert result["high"].isnull().all()
    assert result["count"].values.tolist() == [1, 0]


@pytest.mark.parametrize(("array", "confidence"), [(samples(2, 3).isel(seed=0), 0.95), (samples(2, 3), 95)])
def test_there_must_be_seeds_and_a_confidence(array, confidence):
    with pytest.raises(InputError):
        over_seeds(array, confidence)
