import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from lrscope.errors import InputError
from lrscope.papers.linearity.analysis import favoured, summed

RATES = [0.2, 0.3]
CLASSES = 5
CHOOSING = [0, 1, 4, 5, 8, 9]
"""Replicates of the first, third and fifth batch."""


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
    found = favoured(sums, 0.2, 0.1, count=5)
    low, high = learned[:, CHOOSING].mean(1)
    for one in range(CLASSES):
        members = np.arange(one, 600, CLASSES)
        ends = np.percentile(low[members], [40, 60])
        band = [place for place in members if ends[0] <= low[place] <= ends[1]]
        ordered = sorted(band, key=lambda place: high[place] - low[place])
        assert found.position.sel({"class": one, "side": "least"}).values.tolist() == ordered[:5]
        assert found.position.sel({"class": one, "side": "most"}).values.tolist() == ordered[::-1][:5]
        assert int(found.band.sel({"class": one})) == len(band)


def test_confidences_are_means_over_the_replicates_that_did_not_choose(sums, learned):
    found = favoured(sums, 0.2, 0.1, count=5)
    low, high = learned[:, [2, 3, 6, 7]].mean(1)
    assert_allclose(found.confidence_low, low[found.position.values], rtol=1e-12)
    assert_allclose(found.confidence_high, high[found.position.values], rtol=1e-12)
    assert_allclose(found.change, found.confidence_high - found.confidence_low)
    assert_allclose(found.mean_change, found.change.mean("rank"))


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_under_noise_alone_those_that_gain_most_gain_nothing(simulate_networks, sum_networks, pairing):
    values, _ = simulate_networks(RATES, 64, 10)
    noise = np.random.default_rng(3).normal(size=(2, 64, 2000))
    found = favoured(summed(sum_networks(values, RATES, 16, pairing, learned=noise)), 0.2, 0.1)
    error = (2 / 32 / found.sizes["rank"]) ** 0.5  # two rates, 32 replicates in each half
    for one in ("most", "least"):
        shown, choosing = (found[name].sel(side=one).values for name in ("mean_change", "mean_choosing_change"))
        assert (abs(shown) < 4 * error).all()
        assert abs(shown.mean()) < 3 * error / CLASSES**0.5
        assert (choosing if one == "most" else -choosing).mean() > 6 * error / CLASSES**0.5


def test_a_change_that_is_real_is_there_in_both_halves(sums):
    found = favoured(sums, 0.2, 0.1, count=5)
    assert_allclose(found.mean_change, found.mean_choosing_change, atol=0.02)


def test_one_batch_cannot_choose_and_show(simulate_networks, sum_networks, learned):
    values, _ = simulate_networks(RATES, 10, 10)
    with pytest.raises(InputError, match="replicates must be in two batches at least at both rates; got 1"):
        favoured(summed(sum_networks(values, RATES, 1, learned=learned)), 0.2, 0.1)


def test_no_sample_is_on_both_sides(sums):
    found = favoured(sums, 0.2, 0.1)
    assert found.sizes == {"class": CLASSES, "side": 2, "rank": 24}
    for one in range(CLASSES):
        places = found.position.sel({"class": one})
        there = places.values[places.values >= 0]
        assert len(there) == 2 * (int(found.band.sel({"class": one})) // 2)
        assert len(set(there.tolist())) == len(there)
    assert found.change.isnull().equals(found.position == -1)
    assert found.mean_change.notnull().all()


def test_the_order_of_rates_and_batches_does_not_matter(simulate_networks, sum_networks, learned):
    values, _ = simulate_networks(RATES, 10, 10)
    records = sum_networks(values, RATES, 5, learned=learned)
    shuffled = records.isel(lr=[1, 0], other_lr=[1, 0], batch=[3, 1, 0, 4, 2])
    xr.testing.assert_allclose(favoured(summed(shuffled), 0.2, 0.1), favoured(summed(records), 0.2, 0.1))


def test_everything_is_labelled(sums):
    assert all({"long_name", "units"} <= set(one.attrs) for one in favoured(sums, 0.2, 0.1).values())


def test_a_count_is_positive(sums):
    with pytest.raises(InputError, match="count must be a positive integer; got 0"):
        favoured(sums, 0.2, 0.1, count=0)


def test_outputs_of_the_own_class_must_have_been_recorded(sums):
    with pytest.raises(InputError, match="sums must be sums with learned_targets"):
        favoured(sums.drop_vars("learned_targets"), 0.2, 0.1)
    with pytest.raises(InputError, match="sums must be sums with class_output_sum"):
        favoured(sums.drop_vars("class_output_sum"), 0.2, 0.1)
