"""Schedules as functions of the step. Their namesakes are compared in tests/training."""

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lrscope.optim import Constant, Cosine, Linear, Triangle, WarmUp

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


@given(st.integers(1, 50), after, totals)
def test_a_warm_up_rises_evenly_then_hands_over(rise, then, rest):
    schedule, total = WarmUp(rise, then), rise + rest
    factors = [schedule.factor(step, total) for step in range(total)]
    assert factors[:rise] == [(step + 1) / rise for step in range(rise)]
    assert factors[rise:] == [then.factor(step, rest) for step in range(rest)]


def test_a_warm_up_longer_than_the_training_is_cut_off():
    assert [WarmUp(4, Cosine()).factor(step, 2) for step in range(2)] == [0.25, 0.5]


@given(shares, shares, shares, totals)
def test_a_triangle_is_the_benchmarks(peak, start, end, total):
    """It interpolates between three points, the middle one at a whole step."""
    factors = [Triangle(peak, start, end).factor(step, total) for step in range(total)]
    top = int(peak * total)
    points = ([0, top, total], [start, 1, end]) if top else ([0, total], [1, end])
    assert np.allclose(factors, np.interp(np.arange(total), *points), atol=1e-12)
    assert all(0 <= factor <= 1 for factor in factors)
