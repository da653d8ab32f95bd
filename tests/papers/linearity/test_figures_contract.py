"""What every figure keeps: it returns what it promises, does not change its data, and reads dimensions by name."""

import io
from functools import partial

import matplotlib as mpl
import plotly.graph_objects as go
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrscope.figures import figure_of
from lrscope.papers.linearity import figures

AXES = {"class_sensitivity", "delta_by_output", "law_scatter", "r2_by_replicates", "second_order_term"}
names = pytest.mark.parametrize("name", figures.__all__)


@pytest.fixture
def every(last_shift, law, shifts, course_of_law, laws, gains, images, relations):
    """Name of each figure -> its function and arguments."""
    return {
        "class_sensitivity": (figures.class_sensitivity, (relations["sensitivity"],)),
        "delta_by_output": (figures.delta_by_output, (relations["delta"],)),
        "interactive_law": (figures.interactive_law, (shifts, course_of_law, law)),
        "second_order_term": (partial(figures.second_order_term, b=0.1), (relations["second"],)),
        "image_sheet": (partial(figures.image_sheet, images=images), (gains,)),
        "law_grid": (figures.law_grid, (laws,)),
        "law_scatter": (figures.law_scatter, (last_shift, law)),
        "r2_by_replicates": (figures.r2_by_replicates, ({"common": course_of_law},)),
    }


@names
def test_it_returns_axes_or_a_figure(every, name):
    function, arguments = every[name]
    expected = Axes if name in AXES else go.Figure if name.startswith("interactive") else Figure
    assert isinstance(function(*arguments), expected)


@names
def test_data_are_not_changed_and_the_order_of_dimensions_does_not_matter(every, name):
    function, arguments = every[name]
    before = [one.copy(deep=True) for one in flat(arguments)]
    drawn = saved(function(*arguments))
    for one, copy in zip(flat(arguments), before, strict=True):
        xr.testing.assert_identical(one, copy)
    turned = [{key: turn(value) for key, value in one.items()} if type(one) is dict else turn(one) for one in arguments]
    assert saved(function(*turned)) == drawn


@pytest.mark.parametrize("name", sorted(AXES))
def test_it_draws_into_the_axes_given(every, name):
    function, arguments = every[name]
    ax = Figure().subplots()
    assert function(*arguments, ax=ax) is ax
    assert ax.has_data()


def flat(arguments):
    return [value for one in arguments for value in (one.values() if type(one) is dict else [one])]


def turn(one):
    return one.transpose(*reversed(list(one.dims)))


def saved(figure) -> str:
    if isinstance(figure, go.Figure):
        return figure.to_json()
    buffer = io.StringIO()
    whole = figure_of(figure) if isinstance(figure, Axes) else figure
    with mpl.rc_context({"svg.hashsalt": "same"}):
        whole.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
