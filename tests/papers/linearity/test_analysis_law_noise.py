import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from lrscope.errors import InputError
from lrscope.papers.linearity.analysis import law, law_by_replicates, replicates_for, seeds_saved, summed

RATES = [0.2, 0.25, 0.3]
OF_LAW = (0.2, 0.05, 0.1)


@pytest.fixture
def sums(simulate_networks, sum_networks):
    return summed(sum_networks(simulate_networks(RATES, 64, noise=3)[0], RATES))


def test_the_last_number_of_replicates_is_the_law(sums):
    found, whole = law_by_replicates(sums, *OF_LAW), law(sums, *OF_LAW)
    assert found.replicates.values.tolist() == list(range(2, 65, 2))
    assert_allclose(found.r2[-1], whole.r2, rtol=1e-12)
    assert_allclose(found.slope[-1], whole.slope, rtol=1e-12)


def test_each_number_of_replicates_is_the_law_of_fewer(simulate_networks, sum_networks, sums):
    values, _ = simulate_networks(RATES, 64, noise=3)
    found = law_by_replicates(sums, *OF_LAW)
    for batches in (8, 20):
        fewer = law(summed(sum_networks(values[:, : 2 * batches], RATES, batches)), *OF_LAW)
        assert_allclose(found.r2.sel(replicates=2 * batches), fewer.r2, rtol=1e-9)
        assert_allclose(found.slope.sel(replicates=2 * batches), fewer.slope, rtol=1e-9)


@pytest.mark.parametrize(("pairing", "shared"), [("common", 0.8), ("independent", 0.0)])
@pytest.mark.parametrize(("directions", "beside"), [("every", 0.01), ("few", 0.04)])
def test_what_is_expected_is_what_is_seen_on_average(
    simulate_networks, sum_networks, pairing, shared, directions, beside
):
    _, means = simulate_networks(RATES, 2, 40)
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        if directions == "every":
            common, own = rng.normal(size=(1, 64, 40, 5)), rng.normal(size=(3, 64, 40, 5))
            noise = 2 * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)
        else:
            noise, _ = simulate_networks(RATES, 64, 40, shared=shared, seed=seed)
            noise = noise - simulate_networks(RATES, 64, 40, shared=shared, seed=seed)[1][:, None]
        found.append(law_by_replicates(summed(sum_networks(means[:, None] + noise, RATES, 16, pairing)), *OF_LAW))
    mean = xr.concat(found, "simulation").mean("simulation")
    late = mean.where(mean.replicates >= 12, drop=True)
    assert float(abs(late.r2_expected - late.r2).max()) < beside
    assert float(late.r2[-1] - late.r2[0]) > beside  # there is something to predict


def test_the_needed_replicates_lie_on_the_curve(sums):
    curve = law_by_replicates(sums, *OF_LAW)
    place = 11
    wanted = float(curve.r2_expected[place])
    needed = replicates_for(sums, *OF_LAW, wanted - 1e-9)
    assert float(needed) == int(curve.replicates[place])
    assert float(replicates_for(sums, *OF_LAW, wanted + 1e-6)) == int(curve.replicates[place]) + 1


def test_more_than_the_signal_has_is_never_reached(simulate_networks, sum_networks):
    rates = [0.1, 0.2, 1.0]
    values, _ = simulate_networks(rates, 64, curve=3)
    sums = summed(sum_networks(values, rates))
    limit = float(law(sums, 0.1, 0.1, 0.9).r2_corrected)
    assert limit < 0.9
    assert replicates_for(sums, 0.1, 0.1, 0.9, limit + 0.001) == np.inf
    assert 64 < replicates_for(sums, 0.1, 0.1, 0.9, limit - 0.001) < np.inf


def test_common_seeds_save_what_they_have_in_common(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 640, shared=0.75)
    found = seeds_saved(summed(sum_networks(values, RATES)), *OF_LAW)
    for name in ("x", "y"):
        assert float(found[f"{name}_low"]) < 4 < float(found[f"{name}_high"])
        assert_allclose(found[name], 4, rtol=0.25)
    assert found.replicates == 640


def test_without_anything_in_common_nothing_is_saved(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 640, shared=0.0)
    found = seeds_saved(summed(sum_networks(values, RATES)), *OF_LAW)
    assert float(found.x_low) < 1 < float(found.x_high)


def test_independent_seeds_tell_nothing_about_common_ones(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 64, shared=0.0)
    found = seeds_saved(summed(sum_networks(values, RATES, pairing="independent")), *OF_LAW)
    assert found.x.isnull()
    assert found.replicates == 64


def test_the_interval_of_what_is_saved_contains_the_truth_as_often_as_it_says(simulate_networks, sum_networks):
    hits = []
    for seed in range(50):
        values, _ = simulate_networks(RATES, 32, 20, shared=0.75, seed=seed)
        found = seeds_saved(summed(sum_networks(values, RATES, 16)), *OF_LAW)
        hits.append(float(found.y_low) < 4 < float(found.y_high))
    assert np.mean(hits) >= 0.88


def test_the_order_of_rates_and_batches_does_not_matter(simulate_networks, sum_networks):
    records = sum_networks(simulate_networks(RATES, 64)[0], RATES)
    order = np.random.default_rng(0).permutation(32)
    sums, shuffled = summed(records), summed(records.isel(lr=[2, 0, 1], other_lr=[1, 2, 0], batch=order))
    for analysis in (law_by_replicates, seeds_saved):
        xr.testing.assert_allclose(analysis(shuffled, *OF_LAW), analysis(sums, *OF_LAW), rtol=1e-9)
    assert replicates_for(shuffled, *OF_LAW, 0.9) == replicates_for(sums, *OF_LAW, 0.9)


def test_everything_is_labelled(sums):
    found = [*law_by_replicates(sums, *OF_LAW).values(), *seeds_saved(sums, *OF_LAW).values()]
    assert all({"long_name", "units"} <= set(one.attrs) for one in [*found, replicates_for(sums, *OF_LAW, 0.9)])


def test_a_wanted_value_is_a_share(sums):
    with pytest.raises(InputError, match=r"r2 must be between 0 and 1; got 1\.0"):
        replicates_for(sums, *OF_LAW, 1.0)
