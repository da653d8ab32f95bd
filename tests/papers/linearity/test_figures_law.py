import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import figure_of
from lrscope.papers.linearity.figures import law_scatter


def line(ax, gid):
    (found,) = [line for line in ax.lines if line.get_gid() == gid]
    return found


def test_all_points_are_in_the_image_and_their_labels_on_the_axes(last_shift, law):
    ax = law_scatter(last_shift, law)
    assert ax.images[0].get_array().sum() == last_shift["x"].size
    assert ax.get_xlabel() == "change of the mean output, lr 0.2 to 0.25"
    assert ax.get_ylabel() == "change of the mean output, lr 0.2 to 0.3"


def test_a_point_stands_where_its_changes_are(last_shift, law):
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
    at_mean = np.interp(float(last_shift["x"].mean()), x, y)
    assert at_mean == pytest.approx(float(last_shift["y"].mean()))


def test_what_was_found_is_written_in_the_picture(last_shift, law):
    (text,) = law_scatter(last_shift, law).texts
    assert text.get_text().splitlines() == [
        "R² 0.9871",
        "    corrected for noise 0.9993 (0.9981 to 1.0005)",
        "slope 1.950",
        "    corrected for noise 1.970 (1.940 to 2.004)",
        "64 trainings at each rate",
    ]


def test_intervals_that_are_not_known_are_not_written(last_shift, law):
    unsure = law.assign(r2_corrected_low=np.nan, slope_corrected=np.nan)
    lines = law_scatter(last_shift, unsure).texts[0].get_text().splitlines()
    assert lines[1:] == ["    corrected for noise 0.9993", "slope 1.950", "64 trainings at each rate"]


def test_text_and_legend_stand_where_a_falling_line_leaves_room(last_shift, law):
    falling = law.assign(expected_slope=-2.0, slope=-1.9)
    last_shift["y"] = -last_shift["y"]
    ax = law_scatter(last_shift, falling)
    figure_of(ax).draw_without_rendering()
    assert ax.texts[0].get_ha() == "right"
    assert ax.get_legend().get_texts()[0].get_text() == "expected: slope −2"
    middle = ax.transAxes.inverted().transform(ax.get_legend().get_window_extent().get_points()).mean(0)
    assert (middle < 0.5).all()


def test_one_number_of_replicates_must_be_selected(shifts, law):
    with pytest.raises(InputError, match=r"deltas must be of dimensions \(sample, output\); got"):
        law_scatter(shifts, law)
