"""What every exported figure keeps: it returns what it promises, does not change its data, and can be saved."""

import io

import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import lrscope.figures
from lrscope import figures

NO_FIGURES = {"colours", "figure_of", "headline", "panels", "style"}


@pytest.fixture
def every(fluctuation, counts, losses, of_rates):
    """Name of each figure -> its function and arguments."""
    return {
        "curves": (figures.curves, (losses.sel(shape="circle"),)),
        "fluctuation_histogram": (figures.fluctuation_histogram, (fluctuation[0], counts[0], counts[0])),
        **of_rates,
    }


@pytest.fixture
def of_rates(recommended, outcomes_of_seeds, accuracies, tested, found):
    """The same for figures over the learning rate."""
    return {
        "differences_by_rate": (figures.differences_by_rate, (recommended,)),
        "outcome_by_rate": (figures.outcome_by_rate, (recommended, outcomes_of_seeds, accuracies)),
        "range_test_over_truth": (figures.range_test_over_truth, (tested, recommended, outcomes_of_seeds)),
        "steps_to_target_by_rate": (figures.steps_to_target_by_rate, (found,)),
    }


names = pytest.mark.parametrize("name", sorted(set(lrscope.figures.__all__) - NO_FIGURES))
SINGLE = {
    *("curves",),
    *(
        "differences_by_rate",
        "steps_to_target_by_rate",
    ),
    *(),
}


@names
def test_it_returns_axes_or_a_figure(every, name):
    function, arguments = every[name]
    expected = Axes if name in SINGLE else Figure
    assert isinstance(function(*arguments), expected)


@names
def test_data_are_not_changed(every, name):
    function, arguments = every[name]
    flat = [value for one in arguments for value in (one.values() if type(one) is dict else [one])]
    before = [value.copy(deep=True) for value in flat]
    function(*arguments)
    for value, copy in zip(flat, before, strict=True):
        xr.testing.assert_identical(value, copy)


@names
def test_the_order_of_dimensions_does_not_matter(every, name):
    function, arguments = every[name]
    turned = [
        {key: _turned(value) for key, value in one.items()} if type(one) is dict else _turned(one) for one in arguments
    ]
    assert saved(function(*turned)) == saved(function(*arguments))


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_it_draws_into_the_axes_given(every, name):
    function, arguments = every[name]
    ax = Figure().subplots()
    assert function(*arguments, ax=ax) is ax
    assert ax.has_data()


def _turned(one):
    return one.transpose(*reversed(list(one.dims)))


def saved(figure) -> str:
    buffer = io.StringIO()
    whole = figures.figure_of(figure) if isinstance(figure, Axes) else figure
    with lrscope.figures._style.mpl.rc_context({"svg.hashsalt": "same"}):
        whole.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
