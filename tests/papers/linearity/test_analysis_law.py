import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

from lrscope.papers.linearity.analysis import (
    law,
    law_by_replicates,
    laws,
    replicates_for,
    second_order,
    seeds_saved,
    summed,
)

RATES = [0.2, 0.25, 0.3]
OF_LAW = (0.2, 0.05, 0.1)


def deltas_of(values):
    """Return x and y (replicate, point) of networks (lr, replicate, sample, output), without their means."""
    flat = values.reshape(*values.shape[:2], -1)
    flat = flat - flat.mean(-1, keepdims=True)
    return flat[1] - flat[0], flat[2] - flat[0]


def oracle(values, batches):
    """Return the corrected products xx, xy, yy by going over all pairs of batches."""
    x, y = deltas_of(values)
    batch = np.arange(len(x)) * batches // len(x)
    sizes = np.bincount(batch)
    means = [np.stack([one[batch == place].mean(0) for place in range(batches)]) for one in (x, y)]
    total, weight = np.zeros(3), 0.0
    for i in range(batches):
        for j in range(batches):
            if i != j:
                pairs = [(0, 0), (0, 1), (1, 1)]
                total += [sizes[i] * sizes[j] * (means[p][i] @ means[q][j]) / x.shape[1] for p, q in pairs]
                weight += sizes[i] * sizes[j]
    return total / weight


def test_the_values_of_the_source_are_those_of_its_figure(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 100)
    found = law(summed(sum_networks(values, RATES, 32)), *OF_LAW)
    x, y = (one.ravel() for one in (values.mean(1)[1] - values.mean(1)[0], values.mean(1)[2] - values.mean(1)[0]))
    line = stats.linregress(x, y)
    assert_allclose(found.r2, line.rvalue**2, rtol=1e-10)
    assert_allclose(found.slope, line.slope, rtol=1e-10)
    assert found.replicates == 100
    assert_allclose(found.expected_slope, 2)


@pytest.mark.parametrize("batches", [8, 32])
@pytest.mark.parametrize("replicates", [64, 75])
def test_corrected_values_equal_a_slow_oracle(simulate_networks, sum_networks, batches, replicates):
    values, _ = simulate_networks(RATES, replicates, curve=0.5)
    found = law(summed(sum_networks(values, RATES, batches)), *OF_LAW)
    xx, xy, yy = oracle(values, batches)
    assert_allclose(found.slope_corrected, xy / xx, rtol=1e-10)
    assert_allclose(found.r2_corrected, xy**2 / (xx * yy), rtol=1e-10)


def test_the_interval_is_that_of_batches_left_out_one_by_one(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 64, curve=0.5)
    found = law(summed(sum_networks(values, RATES, 16)), *OF_LAW)
    reach = stats.t.ppf(0.975, 15)
    parts = np.array([oracle(np.delete(values, range(4 * one, 4 * one + 4), axis=1), 15) for one in range(16)])
    for low, high, above, below in (
        ("slope_corrected_low", "slope_corrected_high", parts[:, 1], parts[:, 0]),
        ("r2_corrected_low", "r2_corrected_high", parts[:, 1] ** 2, parts[:, 0] * parts[:, 2]),
    ):
        whole = oracle(values, 16)
        statistic = (whole[1], whole[0]) if low == "slope_corrected_low" else (whole[1] ** 2, whole[0] * whole[2])
        for end in (float(found[low]), float(found[high])):
            each = above - end * below
            error = np.sqrt(15 / 16 * ((each - each.mean()) ** 2).sum())
            assert_allclose(abs(statistic[0] - end * statistic[1]) / error, reach, rtol=1e-5)


def test_noise_alone_looks_like_a_law(sum_networks):
    values = np.random.default_rng(1).normal(size=(3, 64, 400, 10))
    found = law(summed(sum_networks(values, RATES)), *OF_LAW)
    assert_allclose(found.r2, 0.25, atol=0.03)
    assert_allclose(found.slope, 0.5, atol=0.03)
    assert found.slope_corrected_low == -np.inf
    assert found.slope_corrected_high == np.inf


def test_without_noise_a_line_is_a_line(simulate_networks, sum_networks):
    values, _ = simulate_networks(RATES, 32, noise=0)
    found = law(summed(sum_networks(values, RATES)), *OF_LAW)
    for name in ("r2", "r2_corrected", "r2_corrected_low", "r2_corrected_high"):
        assert_allclose(found[name], 1, rtol=1e-6)
    for name in ("slope", "slope_corrected", "slope_corrected_low", "slope_corrected_high"):
        assert_allclose(found[name], 2, rtol=1e-6)


def test_laws_are_the_laws_of_every_pair_of_rates(simulate_networks, sum_networks):
    rates = [0.1, 0.2, 0.3, 0.5]
    values, _ = simulate_networks(rates, 64)
    sums = summed(sum_networks(values, rates))
    found = laws(sums)
    assert found.sizes == {"law": 2 * 6}
    for place in range(12):
        one = found.isel(law=place)
        alone = law(sums, float(one.eta), float(one.a), float(one.b))
        xr.testing.assert_allclose(one[list(alone)], alone, rtol=1e-9)


def test_where_trainings_diverged_nothing_is_known_and_all_else_is_as_alone(simulate_networks, sum_networks):
    rates = [0.1, 0.2, 0.3, 0.5, 9.0]
    values, _ = simulate_networks(rates, 64)
    records = sum_networks(values, rates, 16)
    lost = xr.DataArray(np.zeros((5, 16), bool), dims=("lr", "batch"))
    for place in (4, (3, slice(9)), (0, 12)):  # all at 9; 7 of 16 batches are left at 0.5, 15 at 0.1
        lost[place] = True
    sums = summed(records.where(~lost, 0).transpose(*records.dims))
    found = laws(sums)
    assert found.sizes == {"law": 3 * 12}
    for place in range(36):
        one = found.isel(law=place)
        three = [float(one.eta), float(one.eta + one.a), float(one.eta + one.b)]
        if max(three) > 0.4:
            assert np.isnan([one.r2, one.slope, one.r2_corrected, one.slope_corrected]).all()
            assert (float(one.r2_corrected_low), float(one.r2_corrected_high)) == (0, np.inf)
            assert (float(one.slope_corrected_low), float(one.slope_corrected_high)) == (-np.inf, np.inf)
            assert int(one.replicates) == (0 if max(three) > 1 else 28 if min(three) > 0.15 else 24)
        else:
            alone = law(sums, float(one.eta), float(one.a), float(one.b))
            xr.testing.assert_allclose(one[list(alone)], alone, rtol=1e-9)


def coverage(simulations, batches, shared, signal, curve):
    """Return how often the intervals of slope and R² contain the truth.

    `signal` is the mean square of the delta at eta + a, divided by that of the noise of two batches. The noise has 20
    directions of decreasing strength, of which the effect of the rate has a part; a share is common to all rates.
    """
    slopes, squares = [], []
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        line, bend = rng.normal(size=(2, 300))
        means = np.stack([np.zeros(300), line + curve * bend, 2 * line + 4 * curve * bend])
        means -= means.mean(1, keepdims=True)
        strength = np.exp(-np.arange(20) / 7)[:, None]
        directions = strength * (rng.normal(size=(20, 300)) + 0.3 * rng.normal(size=(20, 1)) * means[1])
        directions *= np.sqrt(means[1].var() / signal / directions.var(1).sum() / 2)
        common, own = rng.normal(size=(1, batches, 20)), rng.normal(size=(3, batches, 20))
        values = means[:, None] + (np.sqrt(shared) * common + np.sqrt(1 - shared) * own) @ directions
        sums = xr.Dataset(
            {
                "replicates": (("lr", "batch"), np.full((3, batches), 4)),
                "outputs_sum": (("lr", "batch", "sample", "output"), 4 * values.reshape(3, batches, 60, 5)),
            },
            coords={"lr": RATES},
        )
        found = law(sums, *OF_LAW)
        slope = means[1] @ means[2] / (means[1] @ means[1])
        square = np.corrcoef(means[1], means[2])[0, 1] ** 2
        slopes.append(float(found.slope_corrected_low) <= slope <= float(found.slope_corrected_high))
        squares.append(float(found.r2_corrected_low) <= square <= float(found.r2_corrected_high))
    return np.mean(slopes), np.mean(squares)


@pytest.mark.long
@pytest.mark.parametrize(
    ("batches", "shared", "curve"), [(32, 0.0, 0.0), (32, 0.8, 0.3), (12, 0.0, 0.3), (12, 0.8, 0.0)]
)
def test_the_interval_contains_the_truth_as_often_as_it_says(batches, shared, curve):
    slopes, squares = coverage(1000, batches, shared, 3, curve)
    assert 0.93 <= slopes <= 0.97
    assert squares >= 0.93


@pytest.fixture
def sums(simulate_networks, sum_networks):
    return summed(sum_networks(simulate_networks(RATES, 64, noise=3)[0], RATES))


def test_each_number_of_replicates_is_the_law_of_fewer(simulate_networks, sum_networks, sums):
    values, _ = simulate_networks(RATES, 64, noise=3)
    found = law_by_replicates(sums, *OF_LAW)
    assert found.replicates.values.tolist() == list(range(2, 65, 2))
    for batches in (8, 20, 32):
        fewer = law(summed(sum_networks(values[:, : 2 * batches], RATES, batches)), *OF_LAW)
        assert_allclose(found.r2.sel(replicates=2 * batches), fewer.r2, rtol=1e-9)
        assert_allclose(found.slope.sel(replicates=2 * batches), fewer.slope, rtol=1e-9)


@pytest.mark.parametrize("shared", [0.8, 0.0])
@pytest.mark.parametrize(("directions", "beside"), [("every", 0.01), ("few", 0.04)])
def test_what_is_expected_is_what_is_seen_on_average(simulate_networks, sum_networks, shared, directions, beside):
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
        found.append(law_by_replicates(summed(sum_networks(means[:, None] + noise, RATES, 16)), *OF_LAW))
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


def test_the_interval_of_what_is_saved_contains_the_truth_as_often_as_it_says(simulate_networks, sum_networks):
    hits = []
    for seed in range(50):
        values, _ = simulate_networks(RATES, 32, 20, shared=0.75, seed=seed)
        found = seeds_saved(summed(sum_networks(values, RATES, 16)), *OF_LAW)
        hits.append(float(found.y_low) < 4 < float(found.y_high))
    assert np.mean(hits) >= 0.88


def true_share(means):
    """Return mean squares of the quadratic part and the delta at eta + b, both centred, from true means."""
    delta_a, delta_b = (means[place] - means[0] for place in (1, 2))
    bent = 0.1**2 * (delta_b / 0.1 - delta_a / 0.05) / 0.05
    return bent.var() / delta_b.var(), bent.var() / (delta_b - bent).var()


def test_a_parabola_is_found_exactly(simulate_networks, sum_networks):
    values, means = simulate_networks(RATES, 32, noise=0, curve=1.5)
    found = second_order(summed(sum_networks(values, RATES)), *OF_LAW)
    share, ratio = true_share(means)
    assert share > 0.01
    for name, truth in (("share", share), ("ratio", ratio)):
        for end in ("", "_low", "_high"):
            assert_allclose(found[f"{name}{end}"], truth, rtol=1e-6)


@pytest.mark.parametrize("shared", [0.8, 0.0])
@pytest.mark.parametrize("curve", [0.0, 1.5])
def test_the_interval_contains_the_truth_whatever_the_noise(simulate_networks, sum_networks, shared, curve):
    hits, shares = [], []
    for seed in range(60):
        values, means = simulate_networks(RATES, 64, 20, curve=curve, noise=0.7, shared=shared, seed=seed)
        found = second_order(summed(sum_networks(values, RATES, 16)), *OF_LAW)
        truth, _ = true_share(means)
        hits.append(float(found.share_low) <= truth + 1e-12 and truth <= float(found.share_high))
        observed, _ = true_share(values.mean(1))
        shares.append((float(found.share) - truth, observed - truth))
    assert np.mean(hits) >= 0.88
    corrected, observed = np.array(shares).T
    assert abs(corrected.mean()) < 0.2 * observed.mean()  # noise alone bends
