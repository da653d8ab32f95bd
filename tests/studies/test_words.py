"""Learning rates in sentences: short, and never two that read the same."""

from hypothesis import given
from hypothesis import strategies as st

from lrscope.studies._words import rate

RATES = st.lists(st.floats(1e-12, 1e6), min_size=1, max_size=6, unique=True)


@given(RATES)
def test_no_two_rates_have_the_same_text(rates):
    assert len({rate(lr, rates) for lr in rates}) == len(rates)


@given(st.floats(1e-12, 1e6))
def test_a_rate_of_a_grid_has_three_digits(lr):
    text = rate(lr, [lr, 2 * lr])
    assert float(text) == float(f"{lr:.3g}")
