import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.analysis import recommendation
from lrscope.errors import InputError

INF, NAN = np.inf, np.nan
RATES = np.geomspace(1e-3, 1, 7)


def scores(values, rates=None):
    values = np.asarray(values, dtype=float)
    rates = RATES[: len(values)] if rates is None else rates
    attrs = {"long_name": "loss of validation samples", "units": "1"}
    coords = {"lr": rates, "seed": np.arange(values.shape[1])}
    return xr.DataArray(values, coords=coords, dims=("lr", "seed"), attrs=attrs)


def bowl(rng, seeds=8, best=3, curvature=0.05, noise=0.1):
    """Return losses whose logarithm is a parabola of the rate, with noise of the seed and of its own, and the truth."""
    depth = curvature * (np.arange(7) - best) ** 2
    own, common = rng.normal(0, noise, (7, seeds)), rng.normal(0, noise, seeds)
    return scores(np.exp(depth[:, None] + own + common))


def test_the_range_contains_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    found = [recommendation(bowl(rng), resamples=256) for _ in range(80)]
    contained = np.mean([float(one.low) <= RATES[3] <= float(one.high) for one in found])
    assert contained >= 0.95
    assert np.mean([one.plausible.sum() for one in found]) < 4  # and it is no empty promise: not all seven


def test_equal_rates_are_not_decided():
    rng = np.random.default_rng(3)
    losses = rng.lognormal(0, 0.2, (80, 7, 8)) * np.array([3, 2, 1, 1, 2, 3, 4])[:, None]
    found = [recommendation(scores(one), resamples=256) for one in losses]
    assert np.mean([bool(one.decided) for one in found]) <= 0.05
    assert np.mean([bool(one.plausible.values[[2, 3]].all()) for one in found]) >= 0.95


def test_differences_and_plausible_rates_belong_together():
    found = recommendation(bowl(np.random.default_rng(5)))
    assert ((found.difference_low == 0) == found.plausible).all()
    assert (found.difference_low <= found.difference).all()
    assert (found.difference <= found.difference_high).all()
    assert float(found.difference.sel(lr=found.best)) == 0
    assert float(found.probability_best.sum()) == pytest.approx(1)
    assert (found.score_low <= found.score).all()
    assert (found.score <= found.score_high).all()


def test_seeds_that_make_all_rates_better_or_worse_do_not_hide_the_difference():
    rng = np.random.default_rng(6)
    common = np.exp(rng.normal(0, 2, 8))
    found = recommendation(scores(np.array([[1.1], [1.0], [1.2]]) * common * rng.lognormal(0, 0.01, (3, 8))))
    assert bool(found.decided)
    assert float(found.best) == RATES[1]


def test_a_rate_at_which_networks_diverge_is_not_the_best():
    rng = np.random.default_rng(7)
    losses = np.array([[0.5], [0.2], [0.18]]) * rng.lognormal(0, 0.02, (3, 8))
    losses[2, 5] = INF
    one = recommendation(scores(losses))
    assert float(one.best) == RATES[1]
    assert one.diverged.values.tolist() == [0, 0, 1]
    assert bool(one.plausible[2])  # one of eight may be bad luck
    losses[2, 6] = INF
    two = recommendation(scores(losses))
    assert not two.plausible[2]
    assert bool(two.decided)
    assert float(two.score[2]) == pytest.approx(np.exp(np.log(losses[2, [0, 1, 2, 3, 4, 7]]).mean()))


def test_rates_that_are_equal_in_every_seed_are_never_distinguished():
    losses = np.array([[0.2], [0.2], [0.24]]) * np.random.default_rng(7).lognormal(0, 0.02, 8)
    losses[2] *= np.random.default_rng(8).lognormal(0, 0.3, 8)
    found = recommendation(scores(losses))
    assert found.plausible.all()
    assert int(found.seeds_needed) == -1


def test_where_all_diverge_nothing_is_recommended():
    found = recommendation(scores(np.full((3, 4), INF)))
    assert np.isnan(float(found.best))
    assert not found.decided
    assert not found.plausible.any()
    assert int(found.seeds_needed) == -1
    assert (found.diverged_share == 1).all()


def test_where_many_diverge_at_every_rate_the_least_bad_is_named():
    losses = np.full((2, 8), INF)
    losses[0, :4], losses[1, :1] = 0.1, 0.1
    assert float(recommendation(scores(losses)).best) == RATES[0]


def test_the_interval_of_the_share_that_diverges_is_wilsons():
    losses = np.full((2, 10), 0.1)
    losses[1, :2] = INF
    found = recommendation(scores(losses))
    np.testing.assert_allclose(found.diverged_low, [0, 0.0567], atol=1e-4)  # Newcombe, Statistics in Medicine 17 (1998)
    np.testing.assert_allclose(found.diverged_high, [0.2775, 0.5098], atol=1e-4)


@pytest.mark.parametrize(("best", "edge"), [(0, "lower"), (6, "upper"), (3, "")])
def test_the_range_says_whether_it_reaches_the_end_of_the_grid(best, edge):
    assert str(recommendation(bowl(np.random.default_rng(8), best=best, curvature=1.0)).at_edge.values) == edge


def test_the_range_may_reach_both_ends():
    found = recommendation(scores(np.ones((3, 8))))
    assert str(found.at_edge.values) == "both"
    assert int(found.seeds_needed) == -1
    assert found.probability_best.values == pytest.approx([1 / 3] * 3)


def seen(count, comparisons=1, rivals=1):
    """Return the mean difference in standard deviations that so many seeds see, all in 80 of 100 cases."""
    demanded, chance = 1 - 0.025 / comparisons, 0.8 ** (1 / rivals)
    return (scipy.stats.t.ppf(demanded, count - 1) + scipy.stats.t.ppf(chance, count - 1)) / np.sqrt(count)


def apart(seeds, ratio, rivals=1):
    """Return scores in which each rival is worse than the first by `ratio` standard deviations, exactly."""
    noise = np.random.default_rng(1).normal(0, 1, seeds)
    noise = 0.1 * ((noise - noise.mean()) / noise.std(ddof=1) + ratio)
    return scores(np.exp([np.zeros(seeds), *[noise] * rivals]))


@given(st.integers(2, 9), st.floats(0.3, 2.0), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_the_fewest_seeds_are_asked_for_that_see_the_differences(seeds, ratio, rivals):
    found = recommendation(apart(seeds, ratio, rivals), resamples=200)
    needed, plausible = int(found.seeds_needed), int(found.plausible.sum()) - 1
    if found.decided:
        assert needed == seeds
    elif needed == -1:
        assert seen(16 * seeds, rivals, plausible) > 0.999 * ratio
    else:
        assert seeds < needed <= 16 * seeds
        assert seen(needed, rivals, plausible) < 1.001 * ratio
        assert needed == seeds + 1 or seen(needed - 1, rivals, plausible) > 0.999 * ratio


@pytest.mark.long
@pytest.mark.parametrize(("seeds", "ratio", "rivals"), [(2, 2.0, 1), (4, 1.0, 1), (4, 1.0, 3)])
def test_as_many_seeds_as_are_asked_for_decide_in_four_of_five_cases(seeds, ratio, rivals):
    needed = int(recommendation(apart(seeds, ratio, rivals)).seeds_needed)
    noise = np.random.default_rng(9).normal(ratio, 1, (100, rivals, needed))
    found = [recommendation(scores(np.exp(0.1 * np.vstack([0 * one[:1], one]))), resamples=200) for one in noise]
    assert np.mean([bool(one.decided) for one in found]) > 0.72  # 2 standard errors below 80 %


def test_one_seed_decides_nothing():
    found = recommendation(scores([[0.1], [0.2], [INF]]))
    assert not found.decided
    assert found.plausible.values.tolist() == [True, True, False]
    assert found.score_low.isnull().all()


def test_few_seeds_are_compared_by_students_t():
    values = np.array([[1.0, 1.1, 0.9, 1.05], [1.3, 1.5, 1.1, 1.2]])
    difference = np.log(values[1] / values[0])
    error = difference.std(ddof=1) / 2
    found = recommendation(scores(values))
    assert float(found.difference_low[1]) == pytest.approx(difference.mean() - 3.182446 * error)  # t, 97.5 %, 3
    assert float(found.difference_high[1]) == pytest.approx(difference.mean() + 3.182446 * error)


def test_differences_of_two_values_have_a_critical_value():
    signs = (-1.0) ** np.arange(8)
    found = recommendation(scores(np.exp([0.1 * signs, 0.05 - 0.1 * signs])))
    assert found.difference_high.notnull().all()
    assert found.plausible.all()


def test_missing_combinations_are_compared_by_the_seeds_in_common():
    values = bowl(np.random.default_rng(10), curvature=1.0).values
    values[0, 2:], values[6] = NAN, NAN
    found = recommendation(scores(values))
    assert found.members.values.tolist() == [2, 8, 8, 8, 8, 8, 0]
    assert not found.plausible[6]
    assert float(found.best) == RATES[3]


def test_losses_below_zero_are_compared_by_their_differences():
    rng = np.random.default_rng(11)
    found = recommendation(scores(np.array([[-2.0], [-3.0], [-2.5]]) + rng.normal(0, 0.05, (3, 8))))
    assert bool(found.decided)
    assert float(found.difference[2]) == pytest.approx(0.5, abs=0.1)
    assert found.attrs["scale"] == "linear"


def test_a_loss_of_zero_is_a_small_loss():
    found = recommendation(scores([[0.0, 0.0, 0.1, 0.0], [1, 1, 1, 1]]))
    assert float(found.best) == RATES[0]


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(7)), st.permutations(range(8)))
def test_the_order_of_rates_and_seeds_does_not_matter(rates, seeds):
    array = bowl(np.random.default_rng(12))
    array[5, 2] = INF
    found = recommendation(array.isel(lr=rates, seed=seeds), resamples=100)
    xr.testing.assert_allclose(found, recommendation(array, resamples=100), rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_the_unit_of_the_loss_does_not_matter(factor):
    array = bowl(np.random.default_rng(13))
    found, scaled = (recommendation(one, resamples=100) for one in (array, array * factor))
    names = ["plausible", "best", "low", "high", "decided", "difference", "difference_low", "difference_high"]
    xr.testing.assert_allclose(found[names], scaled[names], atol=1e-9)


def test_errors_name_what_is_allowed():
    array = bowl(np.random.default_rng(16))
    with pytest.raises(InputError, match="scores must be an array with the dimensions lr and seed; got"):
        recommendation(array.rename(seed="init_seed"))
    with pytest.raises(InputError, match="confidence must be between 0 and 1; got 95"):
        recommendation(array, confidence=95)
    with pytest.raises(InputError, match="resamples must be at least 100; got 3"):
        recommendation(array, resamples=3)


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(2, 12))
@settings(max_examples=20, deadline=None)
def test_the_best_rate_is_plausible_whatever_is_missing(seed, rates, seeds):
    random = np.random.default_rng(seed)
    values = random.normal(0, 0.3, seeds) + random.normal(0, 0.1, (rates, 1)) + random.normal(0, 0.03, (rates, seeds))
    values[random.random((rates, seeds)) < 0.4] = np.nan
    values[random.integers(rates), 0] = 0.0  # at least one network
    grid = xr.DataArray(
        np.exp(values), coords={"lr": 10.0 ** np.arange(rates), "seed": range(seeds)}, dims=("lr", "seed")
    )
    found = recommendation(grid, resamples=200)
    assert bool(found["plausible"].sel(lr=float(found["best"])))


def test_a_rate_with_easy_seeds_only_is_not_the_best():
    """Seeds differ more than rates, and the worst rate has only the seeds at which all rates are good."""
    random = np.random.default_rng(0)
    of_seed = np.sort(random.normal(0, 0.5, 24))
    values = np.exp(np.array([0.12, 0.0, 0.02])[:, None] + of_seed + random.normal(0, 0.03, (3, 24)))
    values[0, 8:] = np.nan
    grid = xr.DataArray(values, coords={"lr": [0.001, 0.01, 0.1], "seed": range(24)}, dims=("lr", "seed"))
    found = recommendation(grid)
    assert float(found["best"]) == 0.01
    assert float(found["score"].sel(lr=0.001)) < float(found["score"].sel(lr=0.01))
    assert float(found["probability_best"].sel(lr=0.001)) < 0.01
