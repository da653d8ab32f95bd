"""Schedules as functions of the step. Their namesakes are compared in tests/training."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.optim import Constant, Cosine, Linear, WarmUp

shares = st.floats(0, 1)
totals = st.integers(1, 500)
after = st.one_of(st.builds(Linear, shares), st.builds(Cosine, shares), st.just(Constant()))


@given(shares, totals)
def test_decays_begin_at_1_and_go_down_to_the_floor(floor, total):
    for schedule in (Linear(floor), Cosine(floor)):
        factors = [schedule.factor(step, total) for step in range(total + 1)]
        assert factors[0] == 1
        assert math.isclose(factors[-1], floor, abs_tol=1e-12)
        assert all(later <= earlier + 1e-12 for earlier, later in pairwise(factors))


@given(st.integers(2, 500))
def test_halfway_is_half(total):
    assert math.isclose(Linear().factor(total, 2 * total), 0.5)
    assert math.isclose(Cosine().factor(total, 2 * total), 0.5)


@given(st.integers(1, 50), after, totals)
def test_a_warm_up_rises_evenly_then_hands_over(rise, then, rest):
    schedule, total = WarmUp(rise, then), rise + rest
    factors = [schedule.factor(step, total) for step in range(total)]
    assert factors[:rise] == [(step + 1) / rise for step in range(rise)]
    assert factors[rise:] == [then.factor(step, rest) for step in range(rest)]


def test_a_warm_up_longer_than_the_training_is_cut_off():
    assert [WarmUp(4, Cosine()).factor(step, 2) for step in range(2)] == [0.25, 0.5]


@pytest.mark.parametrize("make", [lambda: Linear(-0.1), lambda: Cosine(floor=1.1), lambda: WarmUp(0)])
def test_what_cannot_be_is_refused(make):
    with pytest.raises(InputError, match=r"^(floor|steps) must be (less|greater) than or equal to [01]; got"):
        make()
