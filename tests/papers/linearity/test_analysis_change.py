"""How outputs change from one rate to another: by the output itself, by class, and sample by sample."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from lrscope.errors import InputError
from lrscope.papers.linearity.analysis import (
    accuracy_change,
    delta_against_output,
    favoured,
    output_sensitivity,
    summed,
)

RATES = [0.2, 0.3]
CLASSES = 5
CHOOSING = [0, 1, 4, 5, 8, 9]
"""Replicates of the first, third and fifth batch."""


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


def accuracies(replicates):
    """Return sums of accuracies (lr, batch) over batches of some replicates at both rates, and the accuracies."""
    counts = np.array([replicates, replicates])
    each = np.random.default_rng(1).uniform(0.8, 1.0, size=counts.shape)
    sums = {"replicates": (("lr", "batch"), counts), "accuracy_sum": (("lr", "batch"), counts * each)}
    return xr.Dataset(sums, {"lr": RATES, "batch": range(len(replicates))}), each


def test_of_batches_of_one_size_the_difference_of_accuracies_is_that_of_a_paired_test():
    sums, each = accuracies([4] * 10)
    result = accuracy_change(sums, 0.2, 0.1)
    expected = stats.ttest_rel(each[1], each[0]).confidence_interval()
    assert_allclose([result.difference_low, result.difference_high], [expected.low, expected.high], rtol=1e-9)


def test_of_unequal_batches_each_training_counts_the_same():
    counts = np.arange(1, 11)
    sums, each = accuracies(counts)
    result = accuracy_change(sums, 0.2, 0.1)
    assert_allclose(result.accuracy, np.repeat(each, counts, axis=1).mean(1), rtol=1e-12)
    assert_allclose(result.difference, result.accuracy[1] - result.accuracy[0], rtol=1e-12)
    assert result.difference_low < result.difference < result.difference_high


def test_a_delta_that_is_a_function_of_the_output_is_found(sum_networks):
    output = np.random.default_rng(0).uniform(-1, 1, size=(1, 1, 200, 5)).repeat(8, 1)
    values = np.broadcast_to(np.concatenate([output, output + output**2]), (2, 8, 200, 5))
    result = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    assert result.r2_bins > 0.95
    assert result.r2_line < 0.05


def test_noise_at_eta_alone_makes_no_relation(sum_networks):
    rng = np.random.default_rng(0)
    effect = rng.normal(size=(2, 1, 400, 5)) * [[[[0.3]]], [[[1.0]]]]
    values = effect.cumsum(0) + 4 * rng.normal(size=(2, 32, 400, 5))
    result = delta_against_output(summed(sum_networks(values, RATES)), 0.2, 0.1)
    assert result.r2_line > 0.1  # the noise that both have, with opposite sign
    assert result.r2_corrected_low == 0
    assert result.r2_corrected < 0.02


def test_bins_without_noise_are_products_of_different_batches(values, sum_networks):
    result = delta_against_output(summed(sum_networks(values, RATES, 8)), 0.2, 0.1, bins=10)
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
    assert_allclose(result.r2_bins_corrected, expected, rtol=1e-9)


@pytest.mark.parametrize(("relation", "scale", "noise"), [(0.0, 0.3, 2.0), (0.5, 1.0, 1.0)])
def test_bins_without_noise_find_the_truth_that_noise_hides(sum_networks, relation, scale, noise):
    rng = np.random.default_rng(1)
    output, own = rng.normal(size=(2, 1, 400, 5)) * [[[[scale]]], [[[0.3]]]]
    delta = 0.6 * relation * output + own
    values = np.stack([output, output + delta]) + noise * rng.normal(size=(2, 64, 400, 5))
    result = delta_against_output(summed(sum_networks(values, RATES, 32)), 0.2, 0.1)
    truth = 1 - own.var() / delta.var() if relation else 0.0
    assert abs(float(result.r2_bins) - truth) > 0.05
    assert result.r2_bins_corrected_low <= truth + 0.02
    assert result.r2_bins_corrected_high >= truth - 0.02
    assert result.r2_bins_corrected_high - result.r2_bins_corrected_low < 0.2


def test_equal_outputs_need_no_warning(values, sum_networks):
    result = delta_against_output(summed(sum_networks(np.zeros_like(values), RATES, 8)), 0.2, 0.1)
    assert result.r2_line.isnull()
    assert result.r2_bins.isnull()


def test_classes_are_means_with_batches_left_out(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 40, 13)
    result = output_sensitivity(summed(sum_networks(values, RATES, 8)), 0.2, 0.1)
    each = (values[1] - values[0]) / 0.1
    targets = np.arange(13) % 5
    for output in range(5):
        for name, chosen in (("mean", slice(None)), ("own", targets == output)):
            of_replicates = each[:, chosen, output].mean(1)
            batches = of_replicates.reshape(8, 5).mean(1)
            reach = stats.t.ppf(0.975, 7) * batches.std(ddof=1) / 8**0.5
            assert_allclose(result[name][output], of_replicates.mean(), rtol=1e-10)
            assert_allclose(result[f"{name}_low"][output], of_replicates.mean() - reach, rtol=1e-6)
            assert_allclose(result[f"{name}_high"][output], of_replicates.mean() + reach, rtol=1e-6)


@pytest.fixture
def learned():
    """Own-class outputs (lr, replicate, learned_sample) of 600 samples, of which each changes by its own amount."""
    rng = np.random.default_rng(0)
    low, change = rng.normal(3, 1, 600), rng.normal(0.5, 0.2, 600)
    noise = rng.normal(size=(2, 10, 600))
    return np.stack([low, low + change])[:, None] + 0.01 * noise


@pytest.fixture
def sums(simulate_networks, sum_networks, learned):
    values, _ = simulate_networks(RATES, 10, 10)
    return summed(sum_networks(values, RATES, 5, learned=learned))


def test_they_are_the_extremes_of_the_band_of_their_class(sums, learned):
    result = favoured(sums, 0.2, 0.1, count=5)
    low, high = learned[:, CHOOSING].mean(1)
    for one in range(CLASSES):
        members = np.arange(one, 600, CLASSES)
        ends = np.percentile(low[members], [40, 60])
        band = [place for place in members if ends[0] <= low[place] <= ends[1]]
        ordered = sorted(band, key=lambda place: high[place] - low[place])
        assert result.position.sel({"class": one, "side": "least"}).values.tolist() == ordered[:5]
        assert result.position.sel({"class": one, "side": "most"}).values.tolist() == ordered[::-1][:5]
        assert int(result.band.sel({"class": one})) == len(band)


def test_confidences_are_means_over_the_replicates_that_did_not_choose(sums, learned):
    result = favoured(sums, 0.2, 0.1, count=5)
    low, high = learned[:, [2, 3, 6, 7]].mean(1)
    assert_allclose(result.confidence_low, low[result.position.values], rtol=1e-12)
    assert_allclose(result.confidence_high, high[result.position.values], rtol=1e-12)
    assert_allclose(result.change, result.confidence_high - result.confidence_low)
    assert_allclose(result.mean_change, result.change.mean("rank"))


def test_under_noise_alone_those_that_gain_most_gain_nothing(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 64, 10)
    noise = np.random.default_rng(3).normal(size=(2, 64, 2000))
    result = favoured(summed(sum_networks(values, RATES, 16, learned=noise)), 0.2, 0.1)
    error = (2 / 32 / result.sizes["rank"]) ** 0.5  # two rates, 32 replicates in each half
    for one in ("most", "least"):
        shown, choosing = (result[name].sel(side=one).values for name in ("mean_change", "mean_choosing_change"))
        assert (abs(shown) < 4 * error).all()
        assert abs(shown.mean()) < 3 * error / CLASSES**0.5
        assert (choosing if one == "most" else -choosing).mean() > 6 * error / CLASSES**0.5


def test_one_batch_cannot_choose_and_show(simulate_networks, sum_networks, learned):
    values, _ = simulate_networks(RATES, 10, 10)
    with pytest.raises(InputError, match="replicates must be trained at each of the rates in 2 batches or more; got 1"):
        favoured(summed(sum_networks(values, RATES, 1, learned=learned)), 0.2, 0.1)


def test_no_sample_is_on_both_sides(sums):
    result = favoured(sums, 0.2, 0.1)
    assert result.sizes == {"class": CLASSES, "side": 2, "rank": 24}
    for one in range(CLASSES):
        places = result.position.sel({"class": one})
        there = places.values[places.values >= 0]
        assert len(there) == 2 * (int(result.band.sel({"class": one})) // 2)
        assert len(set(there.tolist())) == len(there)
    assert result.change.isnull().equals(result.position == -1)
    assert result.mean_change.notnull().all()
