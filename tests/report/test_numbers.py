import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.report._numbers import cells, words

DIGITS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)


def read(cell: str) -> float:
    """Return the number that a reader takes from a cell."""
    mantissa, _, exponent = cell.replace("−", "-").partition(" × 10")
    return float(f"{mantissa}e{exponent.translate(DIGITS)}" if exponent else mantissa)


@given(NUMBERS)
def test_a_number_alone_shows_three_digits_or_more(number):
    assert math.isclose(read(words(number)), number, rel_tol=5.1e-3, abs_tol=1e-300)


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_a_column_is_as_precise_as_its_largest_number(numbers):
    largest = max(map(abs, numbers))
    for cell, number in zip(cells(numbers), numbers, strict=True):
        assert math.isclose(read(cell), number, rel_tol=5.1e-3, abs_tol=5.1e-4 * largest)


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=6))
def test_no_number_becomes_zero_beside_a_large_one(powers):
    numbers = [10.0**power for power in powers]
    for cell, number in zip(cells(numbers), numbers, strict=True):
        assert math.isclose(read(cell), number, rel_tol=0.051)  # two digits at least


@given(st.lists(st.floats(0.1, 0.99), min_size=2, max_size=6))
def test_decimals_stand_in_line(numbers):
    decimals = {len(cell.partition(".")[2]) for cell in cells(numbers)}
    assert len(decimals) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12345, "12345"),
        (-3, "−3"),
        (1500.0, "1500"),
        (0.00001, "1 × 10⁻⁵"),
        (1.234e12, "1.23 × 10¹²"),
        (-0.25, "−0.25"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
        (np.float32(0.5), "0.5"),
        (np.array([1, 2]), "1, 2"),
        (np.True_, "yes"),
        ("<b>", "<b>"),
    ],
)
def test_a_value_in_words(value, text):
    assert words(value) == text


def test_suggestions_of_a_range_test_are_told_from_nothing():
    assert cells([1.02e-6, 1.02e-6, 0.0316, 0.21]) == ["1.02 × 10⁻⁶", "1.02 × 10⁻⁶", "0.0316", "0.21"]
    assert cells([12345.6, 0.51, 0.0]) == ["12346", "0.51", "0"]
