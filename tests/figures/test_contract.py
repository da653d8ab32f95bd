"""What every exported figure keeps: it returns what it promises, does not change its data, and can be saved."""

import io
from functools import partial

import matplotlib as mpl
import pytest
import xarray as xr
from matplotlib.figure import Figure

from lrscope import figures

NO_FIGURES = {"colours", "panels", "style"}
MARKS = ("line", "steps", "points")
names = pytest.mark.parametrize("name", [*sorted(set(figures.__all__) - NO_FIGURES), *MARKS])


@pytest.fixture
def every(fluctuation, counts, recommended, outcomes_of_seeds, accuracies):
    """Name of each figure, or mark of its panels -> its function and arguments."""
    return {
        **{mark: (partial(figures.panels, x="seed", mark=mark), (accuracies,)) for mark in MARKS},
        "fluctuation_histogram": (figures.fluctuation_histogram, (fluctuation[0], counts[0], counts[0])),
        "outcome_by_rate": (figures.outcome_by_rate, (recommended, outcomes_of_seeds, accuracies)),
    }


@names
def test_it_returns_a_figure_and_does_not_change_its_data(every, name):
    function, arguments = every[name]
    before = [value.copy(deep=True) for value in arguments]
    assert isinstance(function(*arguments), Figure)
    for value, copy in zip(arguments, before, strict=True):
        xr.testing.assert_identical(value, copy)


@names
def test_the_order_of_dimensions_does_not_matter(every, name):
    function, arguments = every[name]
    turned = [one.transpose(*reversed(list(one.dims))) for one in arguments]
    assert saved(function(*turned)) == saved(function(*arguments))


def saved(figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "same"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
