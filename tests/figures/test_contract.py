"""What every exported figure keeps: it returns what it promises, does not change its data, and can be saved."""

import io

import matplotlib as mpl
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope import figures

NO_FIGURES = {"colours", "figure_of", "panels", "style"}
SINGLE = ("differences_by_rate", "steps_to_target_by_rate")
names = pytest.mark.parametrize("name", sorted(set(figures.__all__) - NO_FIGURES))


@pytest.fixture
def every(fluctuation, counts, recommended, outcomes_of_seeds, accuracies, tested, reached):
    """Name of each figure -> its function and arguments."""
    return {
        "fluctuation_histogram": (figures.fluctuation_histogram, (fluctuation[0], counts[0], counts[0])),
        "differences_by_rate": (figures.differences_by_rate, (recommended,)),
        "outcome_by_rate": (figures.outcome_by_rate, (recommended, outcomes_of_seeds, accuracies)),
        "range_test_over_truth": (figures.range_test_over_truth, (tested, recommended, outcomes_of_seeds)),
        "steps_to_target_by_rate": (figures.steps_to_target_by_rate, (reached,)),
    }


@names
def test_it_returns_axes_or_a_figure_and_does_not_change_its_data(every, name):
    function, arguments = every[name]
    before = [value.copy(deep=True) for value in arguments]
    assert isinstance(function(*arguments), Axes if name in SINGLE else Figure)
    for value, copy in zip(arguments, before, strict=True):
        xr.testing.assert_identical(value, copy)


@names
def test_the_order_of_dimensions_does_not_matter(every, name):
    function, arguments = every[name]
    turned = [one.transpose(*reversed(list(one.dims))) for one in arguments]
    assert saved(function(*turned)) == saved(function(*arguments))


@pytest.mark.parametrize("name", SINGLE)
def test_it_draws_into_the_axes_given(every, name):
    function, arguments = every[name]
    ax = Figure().subplots()
    assert function(*arguments, ax=ax) is ax
    assert ax.has_data()


def saved(figure) -> str:
    buffer = io.StringIO()
    whole = figures.figure_of(figure) if isinstance(figure, Axes) else figure
    with mpl.rc_context({"svg.hashsalt": "same"}):
        whole.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
