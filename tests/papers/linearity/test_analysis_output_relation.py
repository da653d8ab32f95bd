import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from lrscope.errors import InputError
from lrscope.papers.linearity.analysis import delta_against_output, summed

RATES = [0.2, 0.3]


@pytest.fixture
def values(simulate_networks):
    return simulate_networks(RATES, 40)[0]


def test_a_line_is_least_squares(values, sum_networks):
    found = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    means = values.mean(1).reshape(2, -1)
    line = stats.linregress(means[0], means[1] - means[0])
    assert_allclose(found.r2_line, line.rvalue**2, rtol=1e-9)
    assert_allclose(found.slope, line.slope, rtol=1e-9)
    assert_allclose(found.intercept, line.intercept, rtol=1e-9)


def test_bins_have_as_many_points_and_are_means(values, sum_networks):
    found = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1, bins=10)
    means = values.mean(1).reshape(2, -1)
    order = np.argsort(means[0]).reshape(10, -1)
    assert found.points.values.tolist() == [30] * 10
    assert_allclose(found.bin_output, means[0][order].mean(1), rtol=1e-9)
    assert_allclose(found.bin_delta, (means[1] - means[0])[order].mean(1), rtol=1e-9)
    delta = means[1] - means[0]
    assert_allclose(found.r2_bins, delta[order].mean(1).var() / delta.var(), rtol=1e-9)


def test_bins_have_intervals_of_batches_left_out(values, sum_networks):
    found = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1, bins=10)
    order = np.argsort(values.mean(1)[0].ravel()).reshape(10, -1)
    each = (values[1] - values[0]).reshape(8, 5, -1).mean(1)[:, order].mean(-1)
    reach = stats.t.ppf(0.975, 7) * each.std(0, ddof=1) / 8**0.5
    assert_allclose(found.bin_high - found.bin_delta, reach, rtol=1e-6)
    assert_allclose(found.bin_delta - found.bin_low, reach, rtol=1e-6)


def test_a_delta_that_is_a_function_of_the_output_is_found(sum_networks):
    output = np.random.default_rng(0).uniform(-1, 1, size=(1, 1, 200, 5)).repeat(8, 1)
    values = np.broadcast_to(np.concatenate([output, output + output**2]), (2, 8, 200, 5))
    found = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    assert found.r2_bins > 0.95
    assert found.r2_line < 0.05


def test_noise_at_eta_alone_makes_no_relation(sum_networks):
    rng = np.random.default_rng(0)
    effect = rng.normal(size=(2, 1, 400, 5)) * [[[[0.3]]], [[[1.0]]]]
    values = effect.cumsum(0) + 4 * rng.normal(size=(2, 32, 400, 5))
    found = delta_against_output(summed(sum_networks(values, RATES, pairing="independent")), 0.2, 0.1)
    assert found.r2_line > 0.1  # the noise that both have, with opposite sign
    assert found.r2_corrected_low == 0
    assert found.r2_corrected < 0.02


def test_bins_without_noise_are_products_of_different_batches(values, sum_networks):
    found = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1, bins=10)
    means = values.reshape(2, 8, 5, -1).mean(2)
    delta = means[1] - means[0]
    delta = delta - delta.mean(1, keepdims=True)

    def between(here, others):
        order = np.argsort(means[0, others].mean(0)).reshape(10, -1)
        bins = delta[here][:, order].mean(-1)
        return np.mean([(bins[i] * bins[j]).mean() for i in range(4) for j in range(4) if i != j])

    whole = np.mean([(delta[i] * delta[j]).mean() for i in range(8) for j in range(8) if i != j])
    even, odd = np.arange(0, 8, 2), np.arange(1, 8, 2)
    expected = (between(even, odd) + between(odd, even)) / 2 / whole
    assert_allclose(found.r2_bins_corrected, expected, rtol=1e-9)


@pytest.mark.parametrize(("relation", "scale", "noise"), [(0.0, 0.3, 2.0), (0.5, 1.0, 1.0)])
def test_bins_without_noise_find_the_truth_that_noise_hides(sum_networks, relation, scale, noise):
    rng = np.random.default_rng(1)
    output, own = rng.normal(size=(2, 1, 400, 5)) * [[[[scale]]], [[[0.3]]]]
    delta = 0.6 * relation * output + own
    values = np.stack([output, output + delta]) + noise * rng.normal(size=(2, 64, 400, 5))
    found = delta_against_output(summed(sum_networks(values, RATES, 32, "independent")), 0.2, 0.1)
    truth = 1 - own.var() / delta.var() if relation else 0.0
    assert abs(float(found.r2_bins) - truth) > 0.05
    assert found.r2_bins_corrected_low <= truth + 0.02
    assert found.r2_bins_corrected_high >= truth - 0.02
    assert found.r2_bins_corrected_high - found.r2_bins_corrected_low < 0.2


def test_equal_outputs_need_no_warning(values, sum_networks):
    found = delta_against_output(summed(sum_networks(np.zeros_like(values), RATES, 8)), 0.2, 0.1)
    assert found.r2_line.isnull()
    assert found.r2_bins.isnull()
    assert int(found.points.sum()) == 300


def test_the_order_of_rates_and_batches_does_not_matter(values, sum_networks):
    records = sum_networks(values, RATES, 8)
    shuffled = records.isel(lr=[1, 0], other_lr=[1, 0], batch=[3, 1, 2, 0, 7, 6, 5, 4])
    found, expected = (delta_against_output(summed(one), 0.2, 0.1) for one in (shuffled, records))
    xr.testing.assert_allclose(found, expected)


def test_everything_is_labelled(values, sum_networks):
    found = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    assert all({"long_name", "units"} <= set(found[name].attrs) for name in found.variables)


def test_there_is_a_bin(values, sum_networks):
    with pytest.raises(InputError, match="bins must be a positive integer; got 0"):
        delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1, bins=0)
