import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import variance_bars


def test_a_bar_for_each_source_with_its_interval(split):
    ax = variance_bars(split)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [0.7, 0.2, 0])
    ends = [segment[:, 0] for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [[0.6, 0.8], [0.1, 0.3]])


def test_shares_are_written_beside_and_sources_named_from_the_top(split):
    ax = variance_bars(split)
    assert [text.get_text() for text in ax.texts] == ["70%", "20%", "–"]
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "Learning rate",
        "Initialisation",
        "Order of the data",
    ]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert (ax.get_xlim(), ax.get_xlabel()) == ((0, 1), "share of the variance")


def test_where_there_are_no_intervals_it_is_said(split):
    assert variance_bars(split).get_title("left") == ""
    without = split.assign(low=split["low"] * np.nan, high=split["high"] * np.nan)
    assert variance_bars(without).get_title("left") == "without intervals: they take three initialisations and orders"


def test_other_dimensions_are_refused(split):
    with pytest.raises(InputError, match=r"^split must be of dimensions \(source\)"):
        variance_bars(split.isel(source=0))
