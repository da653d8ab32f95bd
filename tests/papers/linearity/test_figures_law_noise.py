import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.papers.linearity.figures import r2_by_replicates


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def test_points_are_what_was_found_and_the_line_what_was_expected(course_of_law):
    ax = r2_by_replicates({"common": course_of_law})
    (found,), (expected,) = lines(ax, "found common"), lines(ax, "expected common")
    np.testing.assert_array_equal(found.get_xydata(), np.c_[[8, 16, 32, 64], course_of_law["r2"]])
    np.testing.assert_array_equal(expected.get_ydata(), course_of_law["r2_expected"])
    assert found.get_color() == expected.get_color()
    assert ax.get_xscale() == "log"


def test_each_pairing_has_a_colour_and_an_entry(course_of_law):
    ax = r2_by_replicates({"common": course_of_law, "independent": course_of_law - 0.2})
    assert lines(ax, "found common")[0].get_color() != lines(ax, "found independent")[0].get_color()
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["common seeds", "independent seeds", "expected from signal and noise"]


def test_values_near_one_have_as_much_room_as_others(course_of_law):
    ax = r2_by_replicates({"common": course_of_law})
    places = ax.transData.transform([(8, r2) for r2 in (0.9, 0.99, 0.999)])[:, 1]
    assert np.diff(places)[0] == pytest.approx(np.diff(places)[1], rel=0.1)


def test_trainings_needed_are_marked_where_they_reach_what_is_wanted(course_of_law):
    ax = r2_by_replicates({"common": course_of_law}, 0.99, {"common": 130.0})
    (mark,) = lines(ax, "needed common")
    assert mark.get_xydata().tolist() == [[130, 0.99]]
    assert ax.get_xlim()[1] > 130
    assert ax.get_ylim()[1] > 0.99
    assert [text.get_text().strip() for text in ax.texts] == ["130 for 0.99"]


def test_what_is_never_reached_is_said(course_of_law):
    ax = r2_by_replicates({"common": course_of_law}, 0.995, {"common": np.inf})
    assert [text.get_text() for text in ax.texts] == ["never 0.995"]
    assert np.isfinite(ax.get_xlim()).all()


def test_values_that_have_no_place_are_left_out(course_of_law):
    course_of_law["r2"][:2] = [np.nan, 1.0]
    low, high = r2_by_replicates({"common": course_of_law}).get_ylim()
    assert 0.8 < low < 0.9
    assert 0.986 < high < 0.99


def test_nothing_known_is_said(course_of_law):
    ax = r2_by_replicates({"common": course_of_law * np.nan})
    assert [text.get_text() for text in ax.texts] == ["R² is not known"]


@pytest.mark.parametrize("wanted", [0, 1, 1.5])
def test_what_is_wanted_must_be_possible(course_of_law, wanted):
    with pytest.raises(InputError, match=f"wanted must be above 0 and below 1; got {wanted}"):
        r2_by_replicates({"common": course_of_law}, wanted)


def test_there_must_be_a_course():
    with pytest.raises(InputError, match="courses must be one Dataset or more"):
        r2_by_replicates({})
