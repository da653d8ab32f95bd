import numpy as np
import pytest
import scipy.stats
import xarray as xr

from lrscope.analysis import _seeds, over_seeds
from lrscope.errors import InputError


def samples(points, seeds, seed=0):
    values = np.random.default_rng(seed).normal(5, 2, size=(points, seeds))
    return xr.DataArray(values, dims=("lr", "seed"), attrs={"long_name": "loss", "units": "1"})


def test_the_interval_is_scipys_percentile_interval():
    array = samples(1, 12)
    result = over_seeds(array, confidence=0.9)
    interval = scipy.stats.bootstrap(
        (array.values[0],), np.mean, n_resamples=20_000, confidence_level=0.9, method="percentile", rng=1
    ).confidence_interval
    assert result["mean"].item() == pytest.approx(array.values[0].sum() / 12)
    assert result["low"].item() == pytest.approx(interval.low, abs=0.1)
    assert result["high"].item() == pytest.approx(interval.high, abs=0.1)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    result = over_seeds(samples(2000, 20), confidence=0.9)
    covered = float(((result["low"] < 5) & (result["high"] > 5)).mean())
    assert 0.84 < covered < 0.92


def test_the_interval_stays_within_the_values():
    array = abs(samples(200, 3))
    result = over_seeds(array)
    assert (result["low"] >= array.min("seed") - 1e-9).all()
    assert (result["high"] <= array.max("seed") + 1e-9).all()


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


def test_equal_seeds_have_an_interval_without_width():
    result = over_seeds(xr.full_like(samples(2, 4), 0.75))
    np.testing.assert_allclose(result["high"] - result["low"], 0, atol=1e-12)


def test_the_order_of_the_seeds_does_not_matter():
    array = samples(4, 6)
    xr.testing.assert_identical(over_seeds(array.isel(seed=[5, 0, 3, 1, 4, 2])), over_seeds(array))


def test_blocks_do_not_show(monkeypatch):
    whole = over_seeds(samples(50, 4))
    monkeypatch.setattr(_seeds, "BLOCK", 5000)
    xr.testing.assert_allclose(over_seeds(samples(50, 4)), whole, rtol=1e-12)


def test_labels_tell_what_was_averaged():
    result = over_seeds(samples(2, 4))
    assert result["mean"].attrs == {"long_name": "loss", "units": "1"}
    assert result.attrs == {"seeds": 4}


def test_there_must_be_seeds():
    with pytest.raises(InputError, match=r"array must be an array with the dimension seed; got \('lr',\). Call"):
        over_seeds(samples(2, 3).isel(seed=0))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_lies_between_0_and_1(confidence):
    with pytest.raises(InputError, match="confidence must be between 0 and 1"):
        over_seeds(samples(2, 3), confidence)
