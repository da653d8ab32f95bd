"""Learning rates in sentences: short, and never two that read the same."""

import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lrscope.studies._words import at_rates, rate

RATES = st.lists(st.floats(1e-12, 1e6), min_size=1, max_size=6, unique=True)


@given(RATES)
def test_no_two_rates_have_the_same_text(rates):
    assert len({rate(lr, rates) for lr in rates}) == len(rates)


@given(st.floats(1e-12, 1e6))
def test_a_rate_of_a_grid_has_three_digits(lr):
    text = rate(lr, [lr, 2 * lr])
    assert float(text) == float(f"{lr:.3g}")


def test_values_name_their_rates_as_sentences_do():
    values = xr.DataArray([0.16, 0.5, 0.6], coords={"lr": [0.00031622776, 0.1, 0.10001]})
    assert at_rates(values) == "0.16 at 0.000316, 0.5 at 0.1, 0.6 at 0.10001"
    assert at_rates(values[1:2], among=values["lr"].values) == "0.5 at 0.1"
