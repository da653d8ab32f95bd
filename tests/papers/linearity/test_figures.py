"""Figures of the law hold their data, in artists that can be read back."""

import io
from functools import partial

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from lrscope.errors import InputError
from lrscope.figures import figure_of
from lrscope.figures._style import new_axes
from lrscope.papers.linearity import figures
from lrscope.papers.linearity.figures import (
    LawFilm,
    delta_by_output,
    image_sheet,
    law_grid,
    law_scatter,
    r2_by_replicates,
    second_order_term,
)
from lrscope.papers.linearity.figures._density import counted, density, density_bar, limits_of
from lrscope.papers.linearity.figures._grid import cells

AXES = {"delta_by_output", "law_scatter", "r2_by_replicates", "second_order_term"}
finite = st.floats(-1e3, 1e3, allow_subnormal=False)


@pytest.fixture
def every(last_shift, law, course_of_law, laws, gains, images, relations):
    """Name of each figure -> its function and arguments."""
    return {
        "delta_by_output": (delta_by_output, (relations["delta"],)),
        "second_order_term": (partial(second_order_term, b=0.1), (relations["second"],)),
        "image_sheet": (partial(image_sheet, images=images), (gains,)),
        "law_grid": (law_grid, (laws,)),
        "law_scatter": (law_scatter, (last_shift, law)),
        "r2_by_replicates": (r2_by_replicates, ({"common": course_of_law},)),
    }


@pytest.mark.parametrize("name", sorted(set(figures.__all__) - {"LawFilm"}))
def test_data_are_not_changed_and_the_order_of_dimensions_does_not_matter(every, name):
    function, arguments = every[name]
    before = [one.copy(deep=True) for one in flat(arguments)]
    drawn = function(*arguments)
    assert isinstance(drawn, Axes if name in AXES else Figure)
    for one, copy in zip(flat(arguments), before, strict=True):
        xr.testing.assert_identical(one, copy)
    turned = [{key: turn(one) for key, one in each.items()} if type(each) is dict else turn(each) for each in arguments]
    assert saved(function(*turned)) == saved(drawn)


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


def saved(drawn) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "same"}):
        (figure_of(drawn) if isinstance(drawn, Axes) else drawn).savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def line(ax, gid):
    (drawn,) = [line for line in ax.lines if line.get_gid() == gid]
    return drawn


def title(ax):
    return ax.get_title(loc="left")


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=40))
def test_every_point_lies_in_a_cell(points):
    x, y = np.array(points).T
    assert counted(x, y, limits_of(x, y)).sum() == len(points)


def test_rows_go_up_columns_to_the_right_and_what_is_not_finite_is_left_out():
    x, y = np.array([0.0, 1.0, 1.0, np.nan]), np.array([0.0, 0.0, 2.0, 1.0])
    counts = counted(x, y, (-0.1, 1.1, -0.1, 2.1), cells=(2, 2))
    np.testing.assert_array_equal(counts.filled(0), [[1, 1], [0, 1]])
    assert np.isfinite(limits_of(x, y)).all()


def test_empty_cells_are_clear_single_points_dark_and_the_bar_counts_points():
    ax, x = new_axes(), np.r_[np.zeros(1000), 1.0]
    image = density(ax, x, x, limits_of(x, x))
    assert isinstance(image.norm, LogNorm)
    colours = image.to_rgba(image.get_array())
    single, empty = colours[image.get_array() == 1][0], colours[image.get_array().mask]
    assert (empty[:, 3] == 0).all()
    assert single[3] == 1
    assert single[:3].max() < 0.4
    density_bar(ax, image)
    assert ax.figure.axes[1].get_yticks().tolist() == [1, 10, 100, 1000]


def test_a_point_of_the_law_stands_where_its_changes_are(last_shift, law):
    assert law_scatter(last_shift, law).images[0].get_array().sum() == last_shift["x"].size
    last_shift["x"][:], last_shift["y"][:] = 0, 0
    last_shift["x"][3, 1], last_shift["y"][3, 1] = 1, 2
    image = law_scatter(last_shift, law).images[0]
    rows, columns = np.nonzero(image.get_array().filled(0))
    left, right, bottom, top = image.get_extent()
    size = image.get_array().shape[0]
    x, y = left + (columns + 0.5) / size * (right - left), bottom + (rows + 0.5) / size * (top - bottom)
    np.testing.assert_allclose(sorted(x), [0, 1], atol=(right - left) / size)
    np.testing.assert_allclose(sorted(y), [0, 2], atol=(top - bottom) / size)


def test_one_line_has_the_slope_of_the_law_and_one_that_of_least_squares(last_shift, law):
    ax = law_scatter(last_shift, law)
    assert line(ax, "expected").get_slope() == 2
    assert line(ax, "expected").get_xy1() == (0, 0)
    x, y = line(ax, "fitted").get_data()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(1.95)
    assert np.interp(float(last_shift["x"].mean()), x, y) == pytest.approx(float(last_shift["y"].mean()))


def test_the_title_of_the_law_has_its_numbers_without_noise_where_they_are_known(last_shift, law):
    assert title(law_scatter(last_shift, law)).splitlines() == [
        "64 trainings at each rate",
        "R² 0.9871, without noise 0.9993 (0.9981 to 1)",
        "slope 1.950, without noise 1.97 (1.94 to 2.004)",
    ]
    unknown = law.assign(r2_corrected_low=-np.inf, r2_corrected_high=np.inf, slope_corrected=np.nan)
    lines = title(law_scatter(last_shift, unknown)).splitlines()
    assert lines[1] == "R² 0.9871, without noise 0.9993 (no interval)"
    assert lines[2].startswith("slope 1.950, without noise not known")


def test_bins_have_their_means_and_intervals(relations):
    relation = relations["delta"]
    ax = delta_by_output(relation)
    np.testing.assert_array_equal(line(ax, "bins").get_xydata(), np.c_[relation["bin_output"], relation["bin_delta"]])
    segments = np.concatenate([np.array(lines.get_segments()) for lines in ax.collections])
    np.testing.assert_array_equal(segments[:, :, 1], np.c_[relation["bin_low"], relation["bin_high"]])
    x, y = line(ax, "line").get_data()
    np.testing.assert_allclose(y, 0.05 - 0.1 * x)
    assert ax.images[0].get_array().sum() == 120


def test_terms_of_the_path_are_those_of_the_step_in_one_scale(relations):
    second = relations["second"]
    ax = second_order_term(second, 0.1)
    left, right, bottom, top = ax.images[0].get_extent()
    assert ax.get_aspect() == 1
    np.testing.assert_allclose((right - left) / 1.08, np.ptp(second["derivative"].values * 0.1), rtol=1e-12)
    np.testing.assert_allclose((top - bottom) / 1.08, np.ptp(second["curvature"].values * 0.005), rtol=1e-12)


def test_r2_is_measured_as_points_and_expected_as_a_line(course_of_law):
    ax = r2_by_replicates({"perceptron": course_of_law, "cnn": course_of_law - 0.2})
    measured, expected = line(ax, "measured perceptron"), line(ax, "expected perceptron")
    np.testing.assert_array_equal(measured.get_xydata(), np.c_[[8, 16, 32, 64], course_of_law["r2"]])
    np.testing.assert_array_equal(expected.get_ydata(), course_of_law["r2_expected"])
    assert measured.get_color() == expected.get_color() != line(ax, "measured cnn").get_color()
    places = ax.transData.transform([(8, r2) for r2 in (0.9, 0.99, 0.999)])[:, 1]
    assert np.diff(places)[0] == pytest.approx(np.diff(places)[1], rel=0.1)


def test_trainings_needed_are_marked_where_they_reach_what_is_wanted(course_of_law):
    ax = r2_by_replicates({"common": course_of_law}, 0.99, {"common": 130.0})
    assert [one.get_xydata().tolist() for one in ax.lines if one.get_gid() == "needed common"] == [[[130, 0.99]]]
    assert ax.get_xlim()[1] > 130
    assert ax.get_ylim()[1] > 0.99
    never = r2_by_replicates({"common": course_of_law}, 0.995, {"common": np.inf})
    assert [text.get_text() for text in never.texts] == ["no number is enough for 0.995"]
    assert np.isfinite(never.get_xlim()).all()


def test_values_without_a_place_on_the_axis_of_r2_are_left_out(course_of_law):
    course_of_law["r2"][:2] = [np.nan, 1.0]
    low, high = r2_by_replicates({"common": course_of_law}).get_ylim()
    assert 0.8 < low < 0.9
    assert 0.986 < high < 0.99
    assert r2_by_replicates({"common": course_of_law * np.nan}).texts[0].get_text() == "R² is not known"


def panels(figure):
    return [ax for ax in figure.axes if title(ax)]


def test_a_cell_of_the_grid_is_the_law_of_its_steps(laws):
    first, second = panels(law_grid(laws))
    assert (title(first), title(second)) == ("eta 0.1", "eta 0.2")
    drawn = first.collections[0].get_array()
    assert [text.get_text() for text in first.get_xticklabels()] == ["1", "1.5", "2"]
    of_rate = laws.isel(law=laws["eta"].values == 0.1)
    one = of_rate.isel(law=np.isclose(of_rate["a"], 0.15) & np.isclose(of_rate["b"], 0.1))
    assert drawn[0, 1] == float(one["r2_corrected"].item())
    assert np.isnan(np.diag(drawn.filled(np.nan))).all()
    lopsided = of_rate.assign(slope=("law", of_rate["b"].values / of_rate["a"].values))
    steps, values = cells(lopsided, "slope")
    np.testing.assert_allclose(steps, [0.1, 0.15, 0.2])
    assert (values[2, 0], values[0, 2]) == pytest.approx((2, 0.5))


def test_steps_up_to_half_of_the_rate_are_framed(laws):
    first, second = panels(law_grid(laws))
    assert not first.patches
    assert [text.get_text() for text in second.get_xticklabels()] == ["−0.5", "0.25", "0.5"]
    assert second.patches[0].get_bbox().extents.tolist() == [-0.5, -0.5, 2.5, 2.5]


def test_values_above_one_have_the_last_colour(laws):
    first = panels(law_grid(laws.assign(r2_corrected=laws["r2_corrected"] * 0 + 1.003)))[0]
    assert first.collections[0].norm(1.003) == first.collections[0].norm(0.999)


def test_both_blocks_show_their_images_the_most_extreme_first(gains, images, rng):
    for ax, side in zip(image_sheet(gains, images).axes, ("most", "least"), strict=True):
        assert len(ax.images) == 7
        np.testing.assert_array_equal(ax.images[0].get_array(), images[side][0])
        assert ax.images[0].get_clim() == (0, 1)
        lefts, tops = ([image.get_extent()[place] for image in ax.images] for place in (0, 3))
        assert lefts[:6] == sorted(lefts[:6])
        assert tops[6] < tops[0]
        assert lefts[6] == lefts[0]
    colour = {side: rng.random((8, 4, 4, 3)) for side in ("most", "least")}
    np.testing.assert_array_equal(image_sheet(gains, colour).axes[1].images[2].get_array(), colour["least"][2])


def test_each_image_has_its_change_and_each_block_its_means(gains, images):
    chosen = gains.assign(mean_choosing_change=("side", [1.25, -0.5], {"long_name": "mean change where chosen"}))
    most, least = image_sheet(chosen, images, "dog").axes
    assert [text.get_text() for text in most.texts][:2] == ["+0.90", "+0.89"]
    assert least.texts[0].get_text() == "−0.20"
    lines = ["Mean change: +0.80", "Mean confidence low: 5.10", "Mean confidence high: 5.90"]
    assert most.get_xlabel().splitlines() == [*lines, "Mean change where chosen: +1.25"]
    assert (title(most), title(least)) == ("Dog: rises most", "Dog: rises least")


def test_a_class_without_samples_says_so(gains, images):
    for ax in image_sheet((gains * np.nan).assign(position=gains["position"] * 0 - 1), images).axes:
        assert [text.get_text() for text in ax.texts] == ["too few samples of middling confidence"]


def test_the_film_shows_the_points_of_each_number(shifts, course_of_law, law):
    pictures = list(LawFilm(shifts, course_of_law, law, hold=2).frames())
    assert len(pictures) == 8
    assert {(picture.shape, picture.dtype) for picture in pictures} == {((660, 1260, 3), np.dtype("uint8"))}
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[1] != pictures[2]).any()


def test_figures_refuse_other_data(shifts, course_of_law, laws, gains, images, relations, law):
    with pytest.raises(InputError, match=r"deltas must be of dimensions \(sample, output\); got"):
        law_scatter(shifts, law)
    with pytest.raises(InputError, match="course must be at the replicates of deltas; got"):
        LawFilm(shifts, course_of_law.isel(replicates=slice(1, None)), law)
    with pytest.raises(InputError, match=r"wanted must be above 0 and below 1; got 1\.5"):
        r2_by_replicates({"common": course_of_law}, 1.5)
    with pytest.raises(InputError, match="courses must be one Dataset or more"):
        r2_by_replicates({})
    with pytest.raises(InputError, match=r"laws must be of dimensions \(law\)"):
        law_grid(laws.isel(law=0))
    with pytest.raises(InputError, match=r"images\['least'\] must be 7 or more of shape"):
        image_sheet(gains, images | {"least": np.zeros((3, 5, 5))})
    with pytest.raises(InputError, match="images must be an array for each of most and least"):
        image_sheet(gains, {"most": images["most"]})
    with pytest.raises(InputError, match=r"relation must be of dimensions \(sample, output, bin\)"):
        delta_by_output(relations["delta"].isel(bin=0))
