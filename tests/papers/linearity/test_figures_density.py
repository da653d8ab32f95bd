import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import LogNorm

from lrscope.figures._style import new_axes
from lrscope.papers.linearity.figures._density import counted, density, density_bar, limits_of

finite = st.floats(-1e3, 1e3, allow_subnormal=False)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=40))
def test_every_point_lies_in_a_cell(points):
    x, y = np.array(points).T
    assert counted(x, y, limits_of(x, y)).sum() == len(points)


def test_rows_go_up_and_columns_to_the_right():
    counts = counted(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0]), (-0.1, 1.1, -0.1, 2.1), cells=(2, 2))
    np.testing.assert_array_equal(counts.filled(0), [[1, 1], [0, 1]])


def test_what_is_not_finite_is_left_out():
    x, y = np.array([0.0, np.nan, 1.0]), np.array([0.0, 1.0, np.inf])
    assert counted(x, y, limits_of(x, y)).sum() == 1
    assert np.isfinite(limits_of(x, y)).all()


def test_empty_cells_are_clear_and_single_points_are_dark(rng):
    x, y = np.r_[np.zeros(1000), 1.0], np.r_[np.zeros(1000), 1.0]
    image = density(new_axes(), x, y, limits_of(x, y))
    assert isinstance(image.norm, LogNorm)
    colours = image.to_rgba(image.get_array())
    single, empty = colours[image.get_array() == 1][0], colours[image.get_array().mask]
    assert (empty[:, 3] == 0).all()
    assert single[3] == 1
    assert single[:3].max() < 0.4


def test_no_point_at_all_is_an_empty_picture():
    image = density(new_axes(), np.array([np.nan]), np.array([0.0]), (0, 1, 0, 1))
    assert image.get_array().count() == 0


def test_the_colour_bar_names_numbers_of_points():
    ax = new_axes()
    x = np.r_[np.zeros(20), 1.0]
    density_bar(ax, density(ax, x, x, limits_of(x, x)))
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "points"
    assert bar.get_yticks().tolist() == [1, 2, 5, 10, 20]
