"""Two rates compared: against SciPy, against every choice of signs, and by simulation where the truth is known."""

import itertools

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.analysis import difference, seeds_needed, winner
from lrscope.analysis._difference import anytime, uneven
from lrscope.errors import InputError

INF, NAN = np.inf, np.nan
LR, OTHER = 0.01, 0.1


def scores(first, second, seeds=None):
    """Return scores (lr, seed) of the rates 0.01 and 0.1."""
    values = np.array([first, second], dtype=float)
    seeds = np.arange(values.shape[1]) if seeds is None else seeds
    attrs = {"long_name": "loss of validation samples", "units": "1"}
    return xr.DataArray(values, coords={"lr": [LR, OTHER], "seed": seeds}, dims=("lr", "seed"), attrs=attrs)


def compared(first, second, **options):
    return difference(scores(first, second), LR, OTHER, **options)


def drawn(rng, seeds, apart=0.0, shared=1.0, noise=(1.0, 1.0)):
    """Return losses of two rates: noise that a seed brings to both, and noise of their own."""
    common = rng.normal(0, shared, seeds)
    return common + rng.normal(0, noise[0], seeds) + apart, common + rng.normal(0, noise[1], seeds)


losses = st.lists(st.tuples(*[st.integers(0, 1000)] * 2), min_size=3, max_size=12).filter(
    lambda pairs: len({a - b for a, b in pairs}) > 1 and min(len(set(rate)) for rate in zip(*pairs, strict=True)) > 1
)


@given(losses)
def test_pairs_are_compared_as_scipy_does(pairs):
    first, second = np.array(pairs, dtype=float).T
    found, theirs = compared(first, second), scipy.stats.ttest_rel(first, second)
    assert float(found.p_value) == pytest.approx(theirs.pvalue, rel=1e-6)
    interval = theirs.confidence_interval(0.95)
    width = interval.high - interval.low
    np.testing.assert_allclose([found.low, found.high], [interval.low, interval.high], atol=1e-6 * width, rtol=0)
    assert float(found.correlation) == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-9)
    assert int(found.pairs) == len(pairs)


@given(losses, st.integers(2, 12))
def test_other_seeds_are_compared_as_scipy_does(pairs, kept):
    first, second = np.array(pairs, dtype=float).T
    second = second[:kept]
    if len(set(second)) == 1:
        return
    n, m = len(first), len(second)
    apart = scores([*first, *[NAN] * m], [*[NAN] * n, *second])
    found, theirs = difference(apart, LR, OTHER), scipy.stats.ttest_ind(first, second, equal_var=False)
    assert not found.paired
    assert float(found.p_value) == pytest.approx(theirs.pvalue, rel=1e-6)
    interval = theirs.confidence_interval(0.95)
    width = interval.high - interval.low
    np.testing.assert_allclose([found.low, found.high], [interval.low, interval.high], atol=1e-9 * width, rtol=0)
    assert found["count"].values.tolist() == [n, m]
    assert np.isnan(float(found.p_flips))
    assert int(found.flips) == 0


@given(losses)
@settings(max_examples=25)
def test_every_choice_of_signs_is_tried(pairs):
    gaps = np.array([a - b for a, b in pairs], dtype=float)
    sums = [abs(np.dot(signs, gaps)) for signs in itertools.product([1, -1], repeat=len(gaps))]
    found = compared(*np.array(pairs, dtype=float).T)
    assert int(found.flips) == 2 ** len(gaps)
    assert float(found.p_flips) == np.mean([one >= abs(gaps.sum()) for one in sums])


def test_of_many_pairs_random_signs_are_tried_always_the_same():
    first, second = drawn(np.random.default_rng(0), 40, apart=0.5)
    found = compared(first, second)
    xr.testing.assert_identical(compared(first, second), found)
    assert int(found.flips) == 65536
    theirs = scipy.stats.permutation_test(
        (first - second,), np.mean, permutation_type="samples", n_resamples=50_000, rng=np.random.default_rng(1)
    )
    assert float(found.p_flips) == pytest.approx(theirs.pvalue, abs=0.005)


@given(losses, st.randoms())
@settings(max_examples=25)
def test_the_order_of_seeds_does_not_matter_and_that_of_rates_changes_the_sign(pairs, random):
    array = scores(*np.array(pairs).T)
    found, order = difference(array, LR, OTHER), list(range(len(pairs)))
    random.shuffle(order)
    xr.testing.assert_identical(difference(array.isel(lr=[1, 0], seed=order), LR, OTHER), found)
    turned = difference(array, OTHER, LR)
    assert float(turned.difference) == -float(found.difference)
    assert float(turned.low) == -float(found.high)
    assert float(turned.p_value) == float(found.p_value)


def test_what_a_seed_does_to_both_rates_cancels():
    first, second = drawn(np.random.default_rng(1), 12, apart=1.0, shared=50.0, noise=(0.3, 0.3))
    assert float(compared(first, second).p_value) < 0.001
    assert float(compared(first, second, paired=False).p_value) > 0.5


def test_a_network_that_diverged_is_left_out_with_its_partner():
    first, second = np.array([1.0, 2.0, 4.0, 3.0, 7.0]), np.array([2.0, 4.0, INF, NAN, 8.0])
    found = compared(first, second)
    xr.testing.assert_equal(found.difference, compared(first[[0, 1, 4]], second[[0, 1, 4]]).difference)
    assert found.diverged.values.tolist() == [0, 1]
    assert found["count"].values.tolist() == [3, 3]
    assert int(found.unmatched) == 1
    assert found["mean"].values.tolist() == pytest.approx([10 / 3, 14 / 3])


@pytest.mark.parametrize("paired", [True, False])
def test_rates_of_which_too_few_ended_well_are_compared_by_divergence_alone(paired):
    found = compared(np.arange(20.0), [*[INF] * 19, 3.0], paired=paired)
    assert found.alone.values.tolist() == [0, 19]
    assert found.diverged.values.tolist() == [0, 19]
    assert np.isnan([found[name] for name in ("difference", "low", "p_value", "deviation", "e_value")]).all()
    assert float(found.e_diverged) == pytest.approx(2**19 / 20)
    assert winner(found, maximize=True, confidence=0.95) == 0


def test_the_e_value_of_divergence_is_the_averaged_likelihood_ratio():
    shares = np.linspace(0, 1, 100_001)
    for first, second in ((3, 7), (0, 8), (5, 5)):
        averaged = np.trapezoid(shares**first * (1 - shares) ** second, shares)
        assert uneven(first, second) == uneven(second, first) == pytest.approx(averaged * 2 ** (first + second))
    assert uneven(1, 0) == 1
    assert np.isfinite(uneven(0, 5000))


@pytest.mark.parametrize(
    ("lower", "first", "second", "side"),
    [(3, 0, 0, 0), (3, 1, 0, 0), (3, 2, 0, -1), (3, 12, 0, -1), (0, 12, 0, 1), (0, 0, 12, 0), (0, 3, 3, -1)],
)
def test_what_is_better_but_diverges_more_often_does_not_win(lower, first, second, side):
    values = np.random.default_rng(5).normal(size=(2, 30))
    values[0, :] -= lower
    values[0, :first] = values[1, first : first + second] = INF
    found = compared(*values)
    assert winner(found, maximize=False, confidence=0.95) == side
    turned = compared(*values[::-1])
    assert winner(turned, maximize=False, confidence=0.95) == (side if side < 0 else 1 - side)
    assert winner(compared(*-values * np.where(np.isinf(values), -1, 1)), maximize=True, confidence=0.95) == side


def test_rates_that_share_few_seeds_are_compared_by_all_of_them():
    few = scores([1, 2, 3, 4, 5, NAN, NAN, NAN], [NAN, NAN, NAN, 5, 6, 7, 8, 9])
    assert not difference(few, LR, OTHER).paired  # 2 of 5
    more = scores([1, 2, 3, 4.5, NAN, NAN], [NAN, NAN, 5, 6, 7, 8])
    found = difference(more, LR, OTHER)  # 2 of 4
    assert found.paired
    assert int(found.pairs) == 2
    assert int(found.unmatched) == 4


def test_differences_that_are_all_the_same_leave_no_noise_to_test_by():
    found = compared([0.1, 0.2, 0.3], [0.2, 0.3, 0.4])
    assert np.isnan([float(found[name]) for name in ("low", "high", "p_value", "smallest")]).all()
    assert float(found.p_flips) == 0.25
    assert float(found.deviation) == 0
    same = compared([0.5, 0.7, 0.6], [0.5, 0.7, 0.6])
    assert float(same.p_value) == float(same.p_flips) == 1
    assert np.isnan(float(compared([0.5, 0.5], [0.5, 0.5], paired=False).low))


def chance(generate, repetitions, **options):
    """Return how often the interval holds the truth, 0, and how often either test is below 5 %."""
    found = [compared(*generate(), **options) for _ in range(repetitions)]
    covered = [float(one.low) <= 0 <= float(one.high) for one in found]
    return np.mean(covered), np.mean([float(one.p_value) < 0.05 for one in found])


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered, seen = chance(lambda: drawn(rng, 6), 250)
    assert 0.92 <= covered <= 0.98
    assert seen == pytest.approx(1 - covered)


@pytest.mark.long
@pytest.mark.parametrize("seeds", [2, 20])
@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_the_interval_holds_the_truth_as_often_as_it_says_with_any_number_of_seeds(seeds, shared):
    rng = np.random.default_rng(seeds)
    covered, _ = chance(lambda: drawn(rng, seeds, shared=shared, noise=(1.0, 3.0)), 500, paired=bool(shared))
    assert 0.925 <= covered <= 0.975  # 99 % of the chance of 500 simulations


@pytest.mark.long
def test_sign_flips_keep_what_they_promise_with_losses_that_are_skewed_alike():
    rng = np.random.default_rng(4)
    found = [compared(*rng.lognormal(0, 1, (2, 8))) for _ in range(500)]
    assert np.mean([float(one.p_flips) <= 0.05 for one in found]) == pytest.approx(0.047, abs=0.025)
    assert np.mean([float(one.p_value) <= 0.05 for one in found]) <= 0.05


def exactly(seeds, deviation, apart=0.0):
    """Return scores whose paired differences have this mean and this deviation."""
    noise = np.random.default_rng(5).normal(size=seeds)
    gaps = apart + deviation * (noise - noise.mean()) / noise.std(ddof=1)
    return compared(gaps, np.zeros(seeds))


@pytest.mark.parametrize("ratio", [0.3, 0.5, 1.0, 2.0])
def test_so_many_seeds_see_the_difference_as_often_as_they_say(ratio):
    needed = int(seeds_needed(exactly(8, 1.0), ratio))
    assert shown(needed, ratio) >= 0.78
    assert shown(needed - 2, ratio) <= 0.82 if needed > 3 else True


def shown(seeds, ratio):
    """Return in what share of 20000 simulations the test of so many paired seeds sees a difference."""
    gaps = np.random.default_rng(6).normal(ratio, 1, (20_000, seeds))
    return np.mean(scipy.stats.ttest_1samp(gaps, 0, axis=1).pvalue < 0.05)


def test_unpaired_seeds_see_the_difference_as_often_as_they_say():
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(2, 50))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
    found = compared(noise[0], 2 * noise[1], paired=False)
    assert float(found.deviation) == pytest.approx(np.sqrt(5))
    needed = int(seeds_needed(found, 1.5))
    first, second = rng.normal(1.5, 1, (20_000, needed)), rng.normal(0, 2, (20_000, needed))
    seen = np.mean(scipy.stats.ttest_ind(first, second, axis=1, equal_var=False).pvalue < 0.05)
    assert 0.78 <= seen <= 0.84


def test_the_smallest_difference_is_the_one_for_which_the_seeds_are_enough():
    found = exactly(13, 0.7)
    smallest = float(found.smallest)
    assert int(seeds_needed(found, smallest * 1.0001)) == 13
    assert int(seeds_needed(found, smallest * 0.9999)) == 14


def test_more_seeds_are_needed_for_smaller_differences_up_to_none():
    found = exactly(8, 1.0)
    counts = [int(seeds_needed(found, size)) for size in (100.0, 1.0, 0.1, 0.01)]
    assert counts == sorted(counts)
    assert counts[0] == 2
    assert int(seeds_needed(found, 1e-4)) == -1
    assert int(seeds_needed(found, -0.1)) == counts[2]
    assert int(seeds_needed(exactly(8, 0.0, 1.0), 0.1)) == 2


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        (([1, 2], [3, 4]), {"confidence": 1}, "confidence must be between 0 and 1; got 1."),
        (([1], [2]), {}, "seeds must be 2 or more of each; got 1 and 1. One says nothing about chance"),
        (([1, 2, 3], [NAN, INF, NAN]), {}, "seeds must be 2 or more of each; got 3 and 1. "),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(values, options, sentence):
    with pytest.raises(InputError) as error:
        compared(*values, **options)
    assert str(error.value).startswith(sentence)


def test_a_rate_that_was_not_trained_has_neighbours():
    grid = xr.DataArray(np.ones((4, 2)), coords={"lr": [1e-3, 1e-2, 0.1, 1.0], "seed": [0, 1]}, dims=("lr", "seed"))
    with pytest.raises(InputError, match=r"^lr must be a rate that was trained; got 0.02. The nearest: 0.01 and 0.1.$"):
        difference(grid, 0.02, 0.1)
    with pytest.raises(InputError, match=r"^other must be a rate that was trained; got nan."):
        difference(grid, 0.1, np.nan)
    with pytest.raises(InputError, match=r"^other must be another rate than lr; got 0.1.$"):
        difference(grid, 0.1, 0.1)
    assert float(difference(grid, 0.1 * (1 + 1e-12), 1.0).difference) == 0
    with pytest.raises(InputError, match=r"^scores must be an array with the dimensions lr and seed"):
        difference(grid.rename(seed="run"), 0.1, 1.0)


@pytest.mark.parametrize("size", [0, NAN, INF])
def test_a_size_must_be_a_number(size):
    with pytest.raises(InputError, match=r"^size must be a finite number other than 0; got"):
        seeds_needed(exactly(4, 1.0), size)


def looked_at_often(gaps, least=3):
    """Tell for each row of differences whether any number of them, from `least` on, decides."""
    rows = [[anytime(row[:count], 0.95) for count in range(least, len(row) + 1)] for row in gaps]
    return np.array([any(one["anytime_low"] > 0 or one["anytime_high"] < 0 for one in row) for row in rows])


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_trainings_that_diverge_alike_are_seldom_told_apart_however_often_one_looks(share):
    random = np.random.default_rng(4)
    lost, values = random.random((2, 600, 30)) < share, random.normal(size=(2, 600, 30))
    alone = np.cumsum(lost & ~lost[::-1], axis=2)
    wrong = 0
    for row in range(600):
        gaps = values[0, row] - values[1, row]
        well = ~lost[:, row].any(axis=0)
        for count in range(3, 31):
            kept = gaps[:count][well[:count]]
            counts = alone[:, row, count - 1]
            found = anytime(kept, 0.95) | {"alone": counts, "e_diverged": uneven(*map(int, counts))}
            if winner(found | {"difference": kept.sum()}, maximize=False, confidence=0.95) >= 0:
                wrong += 1
                break
    assert wrong <= 0.05 * 600


@pytest.mark.parametrize("skewed", [False, True], ids=["normal", "lognormal"])
def test_equal_trainings_are_seldom_told_apart_however_often_one_looks(skewed):
    values = np.random.default_rng(0).normal(size=(2, 600, 30))
    first, second = np.exp(values) if skewed else values
    wrong = looked_at_often(first - second).mean()
    assert 0 < wrong <= 0.05


def test_a_difference_of_one_deviation_is_seen_in_little_more_than_the_seeds_that_a_fixed_test_needs():
    gaps = np.random.default_rng(1).normal(1, 1, (200, 40))
    stopped = [
        next(count for count in range(3, 41) if anytime(row[:count], 0.95)["anytime_low"] > 0 or count == 40)
        for row in gaps
    ]
    needed = 10  # of the t test at 5 % with a power of 80 %
    assert np.mean(stopped) <= 1.6 * needed


def test_the_interval_for_any_number_of_seeds_has_the_means_whose_e_value_is_small():
    gaps = np.random.default_rng(2).normal(0.3, 1, 12)
    found = anytime(gaps, 0.95)
    for end in (found["anytime_low"], found["anytime_high"]):
        assert anytime(gaps - end, 0.95)["e_value"] == pytest.approx(20)
    assert np.isinf(anytime(gaps[:3], 0.95)["anytime_high"])


def test_the_e_value_is_the_likelihood_ratio_of_the_t_value():
    gaps = np.random.default_rng(3).normal(0.5, 1, 9)
    t_value = scipy.stats.ttest_1samp(gaps, 0).statistic
    effects = np.linspace(-8, 8, 4001)
    averaged = np.trapezoid(scipy.stats.nct.pdf(t_value, 8, effects * 3) * scipy.stats.norm.pdf(effects), effects)
    assert anytime(gaps, 0.95)["e_value"] == pytest.approx(averaged / scipy.stats.t.pdf(t_value, 8), rel=1e-6)
