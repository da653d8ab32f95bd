"""What every exported figure keeps: it returns what it promises, does not change its data, and can be saved."""

import io

import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import lrscope.figures
from lrscope import figures

NO_FIGURES = {"colours", "figure_of", "panels", "style"}
MEMBER = {"shape": "circle", "lr": 0.001}


@pytest.fixture
def every(
    fluctuation,
    counts,
    losses,
    shares,
    measured,
    published,
    points,
    error,
    activity,
    of_lives,
    of_rates,
):
    """Name of each figure -> its function and arguments."""
    outputs, targets = points
    one = {"quantity": "weights", "part": "encoder"}
    return {
        "against_published": (figures.against_published, (measured.sel(one), published.sel(one))),
        "curve_panels": (figures.curve_panels, (losses,)),
        "curves": (figures.curves, (losses.sel(shape="circle"),)),
        "fluctuation_histogram": (figures.fluctuation_histogram, (fluctuation[0], counts[0], counts[0])),
        "heat_map": (figures.heat_map, (activity,)),
        "inactive_panels": (figures.inactive_panels, ({"weights": shares},)),
        "inactive_shares": (figures.inactive_shares, (shares,)),
        "published_panels": (figures.published_panels, (measured, published)),
        "reconstruction": (figures.reconstruction, (outputs.sel(MEMBER), targets.sel(MEMBER))),
        "reconstructions": (figures.reconstructions, (outputs, targets, error)),
        **of_lives,
        **of_rates,
    }


@pytest.fixture
def of_lives(activity, survived, histories, losses):
    """The same for figures of the lives of neurons."""
    return {
        "activity_maps": (figures.activity_maps, ({"lr 0.1": activity},)),
        "life_histories": (figures.life_histories, (histories,)),
        "scalar_panels": (figures.scalar_panels, ({"loss": losses.sel(shape="circle")},)),
        "survival_curves": (figures.survival_curves, (survived.isel(layer=0, drop=True),)),
        "survival_panels": (figures.survival_panels, (survived,)),
    }


@pytest.fixture
def of_rates(recommended, outcomes_of_seeds, accuracies, course, tested, split, found, insides):
    """The same for figures over the learning rate."""
    return {
        "differences_by_rate": (figures.differences_by_rate, (recommended,)),
        "insides_by_rate": (figures.insides_by_rate, (insides,)),
        "outcome_by_rate": (figures.outcome_by_rate, (recommended, outcomes_of_seeds, accuracies)),
        "range_test_over_truth": (figures.range_test_over_truth, (tested, recommended, outcomes_of_seeds)),
        "rate_band_panels": (figures.rate_band_panels, ({"validation loss": course},)),
        "rate_bands": (figures.rate_bands, (course["centre"], course["low"], course["high"])),
        "steps_to_target_by_rate": (figures.steps_to_target_by_rate, (found,)),
        "variance_bars": (figures.variance_bars, (split,)),
    }


names = pytest.mark.parametrize("name", sorted(set(lrscope.figures.__all__) - NO_FIGURES))
SINGLE = {
    *("against_published", "curves", "heat_map", "inactive_shares", "reconstruction"),
    *("differences_by_rate", "rate_bands", "steps_to_target_by_rate", "variance_bars"),
    *("life_histories", "survival_curves"),
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
