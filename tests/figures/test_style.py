import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from lrscope.figures import colours, outcome_by_rate
from lrscope.figures._style import value_label


def lightness(colour: str) -> float:
    red, green, blue = to_rgb(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@given(st.lists(st.floats(1e-8, 10), min_size=2, max_size=12, unique=True))
def test_larger_learning_rates_are_lighter(lrs):
    palette = colours(lrs)
    shades = [lightness(palette[lr]) for lr in sorted(lrs)]
    assert shades == sorted(shades)
    assert len(set(palette.values())) == len(lrs)


@given(st.floats(1e-12, 1e12))
def test_labels_of_numbers_read_back(value):
    assert float(value_label(value)) == pytest.approx(value, rel=1e-5)


def test_drawing_leaves_the_settings_alone(recommended, outcomes_of_seeds):
    before = dict(mpl.rcParams)
    outcome_by_rate(recommended, outcomes_of_seeds)
    assert dict(mpl.rcParams) == before
