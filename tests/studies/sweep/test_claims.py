"""Each claim is checked by what was measured: on records of known truth it holds, or does not, as it should."""

import pytest

from lrscope.studies.sweep import STUDY

SLOW, GOOD, LARGE = 0.0001, 0.001, 0.01
AS_PUBLISHED = {SLOW: [2.0, 1.5, 1.2, 1.0], GOOD: [0.9, 0.5, 0.3, 0.2], LARGE: [3.0, 0.5, 0.6, 2.0]}
"""Validation losses as the source tells of them: 0.001 is early better than 0.0001 ever, 0.01 goes up and down."""
OTHERWISE = {SLOW: [0.5, 0.2, 0.15, 0.1], GOOD: [2.0, 2.5, 1.8, 1.9], LARGE: [1.0, 0.9, 0.8, 0.7]}


@pytest.fixture
def judged(known, options):
    """Return the function that gives the claims about records of known truth."""

    def judge(course, diverged=None, **chosen):
        records = known(course, diverged or {}, **chosen)
        asked = options(**{"lrs": tuple(course), "data": "digits", "model": "cnn", **chosen})
        return {claim.id: claim for claim in STUDY.judged(STUDY.results(records, asked))}

    return judge


def holding(found):
    return {name: claim.holds for name, claim in found.items()}


def test_the_claims_hold_where_everything_is_as_published(judged):
    found = judged(AS_PUBLISHED, {(LARGE, 1): 5})
    expected = {"best": True, "smooth": True, "slow": True, "not-made-up": True, "unstable": True, "diverges": True}
    assert holding(found) == {**expected, "accuracy": None}
    assert found["best"].agree == "3 of 3 seeds"
    assert found["diverges"].measured == "1 diverged, 0 ended no better, of 3 networks"
    assert "Needs MNIST" in found["accuracy"].note


def test_the_claims_do_not_hold_where_everything_is_otherwise(judged):
    found = judged(OTHERWISE)
    assert not [name for name, claim in found.items() if claim.holds]
    assert {claim.agree for name, claim in found.items() if name != "accuracy"} == {"0 of 3 seeds"}
    assert found["diverges"].measured == "0 diverged, 0 ended no better, of 3 networks"


@pytest.mark.parametrize("step", [0, 7])
def test_a_rate_at_which_every_network_diverges_is_unstable_whenever_it_does(judged, step):
    found = judged(AS_PUBLISHED, {(LARGE, seed): step for seed in range(3)})
    assert found["unstable"].holds is True
    assert found["unstable"].agree == "3 of 3 seeds"
    assert found["diverges"].measured == "3 diverged, 0 ended no better, of 3 networks"
    assert (found["best"].holds, found["slow"].holds, found["smooth"].holds) == (True, True, True)
    assert {found[name].agree for name in ("best", "slow", "smooth", "not-made-up")} == {"3 of 3 seeds"}


def test_a_best_rate_that_diverges_is_neither_best_nor_smooth_nor_fast(judged):
    found = judged(AS_PUBLISHED, {(GOOD, seed): 1 for seed in range(3)})
    assert [found[name].holds for name in ("best", "smooth", "slow", "not-made-up")] == [False] * 4
    assert found["unstable"].holds is None


def test_half_of_the_seeds_are_not_a_majority(judged):
    found = judged(AS_PUBLISHED, {(GOOD, 0): 5}, seeds=2)
    assert found["best"].agree == "1 of 2 seeds"
    assert found["best"].holds is False


def test_nothing_is_claimed_of_networks_that_all_diverged(judged):
    found = judged(AS_PUBLISHED, {(lr, seed): 4 for lr in AS_PUBLISHED for seed in range(3)})
    assert found["best"].holds is None
    assert found["best"].note == "No network came far enough to decide it."
    assert found["diverges"].measured == "3 diverged, 0 ended no better, of 3 networks"


def test_a_rate_that_is_lacking_is_named(judged):
    found = judged({SLOW: AS_PUBLISHED[SLOW], GOOD: AS_PUBLISHED[GOOD]})
    assert {claim.holds for claim in found.values()} == {None}
    assert {claim.note for name, claim in found.items() if name != "accuracy"} == {"Needs lr 0.01."}


@pytest.mark.parametrize("lrs", [(0.001,), (0.1, 0.2), (0.001, 0.002)])
def test_other_rates_than_those_of_the_source_have_no_claims(judged, lrs):
    assert judged(dict.fromkeys(lrs, AS_PUBLISHED[GOOD])) == {}


def test_one_epoch_has_no_course_to_judge(judged):
    found = judged({lr: losses[-1:] for lr, losses in AS_PUBLISHED.items()}, epochs=1)
    assert found["best"].holds is True
    assert [found[name].holds for name in ("smooth", "unstable")] == [None, None]


def test_a_loss_that_rises_now_and_then_is_not_smooth(judged):
    rough = [0.9, 0.5, 0.6, 0.2]
    assert judged({**AS_PUBLISHED, GOOD: rough})["smooth"].holds is False


def test_accuracies_that_still_rise_are_no_oscillation(judged):
    found = judged({**AS_PUBLISHED, LARGE: [3.0, 2.0, 1.0, 0.5]})
    assert found["unstable"].holds is False
    assert found["best"].holds is True


def test_a_network_that_ends_no_better_than_it_began_counts_as_diverged_entirely(judged):
    found = judged({**AS_PUBLISHED, LARGE: [0.5, 2.0, 2.0, 2.0]})
    assert found["diverges"].measured == "0 diverged, 3 ended no better, of 3 networks"
    assert found["diverges"].holds is True


@pytest.mark.parametrize("other", [{"model": "own_things:network"}, {"data": "own_things:ARRAYS"}])
def test_nothing_is_claimed_of_other_networks_and_data(judged, other):
    assert judged(AS_PUBLISHED, **other) == {}
