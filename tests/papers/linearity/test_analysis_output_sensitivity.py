import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from lrscope.papers.linearity.analysis import output_sensitivity, summed

RATES = [0.2, 0.25, 0.3]


@pytest.fixture
def values(simulate_networks):
    return simulate_networks(RATES, 40, 13)[0]


def test_a_negative_difference_gives_the_same_derivative(sum_networks, simulate_networks):
    values = simulate_networks(RATES, 40, 13)[0]
    found = output_sensitivity(summed(sum_networks(values, RATES, 8)), 0.3, -0.1)
    upwards = output_sensitivity(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    xr.testing.assert_allclose(found, upwards)


def test_classes_are_means_with_batches_left_out(values, sum_networks):
    found = output_sensitivity(summed(sum_networks(values, RATES, 8)), 0.2, 0.05)
    each = (values[1] - values[0]) / 0.05
    targets = np.arange(13) % 5
    for output in range(5):
        for name, chosen in (("mean", slice(None)), ("own", targets == output)):
            of_replicates = each[:, chosen, output].mean(1)
            batches = of_replicates.reshape(8, 5).mean(1)
            reach = stats.t.ppf(0.975, 7) * batches.std(ddof=1) / 8**0.5
            assert_allclose(found[name][output], of_replicates.mean(), rtol=1e-10)
            assert_allclose(found[f"{name}_low"][output], of_replicates.mean() - reach, rtol=1e-6)
            assert_allclose(found[f"{name}_high"][output], of_replicates.mean() + reach, rtol=1e-6)


def test_batches_that_all_diverged_are_left_out(values, sum_networks):
    records = sum_networks(values, RATES, 10)
    gone = records.where(records.batch != 3, 0).transpose(*records.dims)
    fewer = sum_networks(np.delete(values, range(12, 16), axis=1), RATES, 9)
    found, expected = (output_sensitivity(summed(one), 0.2, 0.1) for one in (gone, fewer))
    xr.testing.assert_allclose(found, expected)


def test_the_order_of_rates_and_batches_does_not_matter(values, sum_networks):
    records = sum_networks(values, RATES, 8)
    shuffled = records.isel(lr=[2, 0, 1], other_lr=[1, 2, 0], batch=[3, 1, 2, 0, 7, 6, 5, 4])
    found, expected = (output_sensitivity(summed(one), 0.2, 0.1) for one in (shuffled, records))
    xr.testing.assert_allclose(found, expected)


def test_everything_is_labelled(values, sum_networks):
    found = output_sensitivity(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    assert all({"long_name", "units"} <= set(one.attrs) for one in found.values())
