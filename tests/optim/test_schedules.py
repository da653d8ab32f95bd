"""Schedules as functions of the step. Their namesakes are compared in tests/training."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.optim import Constant, Cosine, Linear, Triangle, WarmUp
from lrscope.specification import from_json, to_json

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


@given(shares, shares, shares, totals)
def test_a_triangle_is_the_benchmarks(peak, start, end, total):
    """It interpolates between three points, the middle one at a whole step."""
    factors = [Triangle(peak, start, end).factor(step, total) for step in range(total)]
    top = int(peak * total)
    points = ([0, top, total], [start, 1, end]) if top else ([0, total], [1, end])
    assert np.allclose(factors, np.interp(np.arange(total), *points), atol=1e-12)
    assert all(0 <= factor <= 1 for factor in factors)


def test_a_triangle_peaks_where_it_says():
    factors = [Triangle(peak=0.25, start=0.2, end=0.1).factor(step, 40) for step in range(40)]
    assert factors[0] == 0.2
    assert factors.index(max(factors)) == 10
    assert factors[10] == 1
    assert math.isclose(factors[5], 0.6)
    assert math.isclose(factors[-1], 0.1 + 0.9 / 30)
    assert from_json(to_json(Triangle(0.3))) == Triangle(0.3)


@pytest.mark.parametrize(
    "make", [lambda: Linear(-0.1), lambda: Cosine(floor=1.1), lambda: WarmUp(0), lambda: Triangle(peak=1.5)]
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(InputError, match=r"^(floor|steps|peak) must be (less|greater) than or equal to [01]; got"):
        make()
