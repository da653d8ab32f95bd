import numpy as np
import pytest
import xarray as xr

from lrscope.analysis import sensitivity


def scores(values, rates):
    return xr.DataArray(
        np.asarray(values, dtype=float),
        coords={"lr": rates, "seed": np.arange(np.shape(values)[-1])},
        dims=("lr", "seed"),
        attrs={"long_name": "loss of validation samples", "units": "1"},
    )


def power_law(rates, seeds=8, noise=0.0, best=0.1):
    """Return losses that grow by 10 % for each factor of two from the best rate, and those of the seeds beside it."""
    factor = 1.1 ** np.abs(np.log2(np.array(rates) / best))
    return scores(factor[:, None] * np.random.default_rng(0).lognormal(0, noise, (len(rates), seeds)), rates)


@pytest.mark.parametrize("rates", [[0.0125, 0.1, 0.8], [0.025, 0.05, 0.1, 0.2, 0.4]])
def test_a_power_law_is_interpolated_exactly(rates):
    found = sensitivity(power_law(rates))
    np.testing.assert_allclose(found.ratio, [1.1, 1.1])
    np.testing.assert_allclose(found.ratio_low, found.ratio)


def test_seeds_are_paired():
    array = power_law([0.0125, 0.1, 0.8])
    common = np.exp(np.random.default_rng(1).normal(0, 2, 8))
    found = sensitivity(array * common)
    np.testing.assert_allclose(found.ratio_high - found.ratio_low, 0, atol=1e-12)


def test_the_interval_contains_the_truth_as_often_as_it_says():
    array = power_law([0.05, 0.1, 0.2], seeds=480, noise=0.03)
    found = [sensitivity(array.isel(seed=slice(i, i + 8))) for i in range(0, 480, 8)]
    covered = [bool(((one.ratio_low < 1.1) & (one.ratio_high > 1.1)).sel(side="lower")) for one in found]
    assert np.mean(covered) > 0.88  # 60 cases


def test_beyond_the_grid_nothing_is_known():
    found = sensitivity(power_law([0.1, 0.4], best=0.1))
    assert found.ratio.isnull().values.tolist() == [True, False]
    assert found.ratio_low.isnull().values.tolist() == [True, False]


def test_rates_that_diverge_cost_much():
    array = power_law([0.05, 0.1, 0.2])
    array[2, :4] = np.inf
    assert float(sensitivity(array).ratio.sel(side="higher")) > 1.2


def test_where_all_diverge_nothing_is_known():
    assert sensitivity(scores(np.full((3, 4), np.inf), [0.1, 0.2, 0.4])).ratio.isnull().all()


def test_losses_below_zero_have_no_ratio():
    assert sensitivity(power_law([0.05, 0.1, 0.2]) - 5).ratio.isnull().all()


def test_the_order_of_rates_and_seeds_does_not_matter():
    array = power_law([0.05, 0.1, 0.2, 0.4], noise=0.1)
    shuffled = array.isel(lr=[2, 0, 3, 1], seed=[3, 1, 0, 2, 7, 6, 4, 5])
    xr.testing.assert_allclose(sensitivity(shuffled), sensitivity(array), rtol=1e-12)
