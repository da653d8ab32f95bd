import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import law_film
from lrscope.figures._law import flat


@pytest.fixture
def film(shifts, course_of_law, law):
    return law_film(shifts, course_of_law, law, hold=2)


def test_a_frame_shows_the_points_of_its_number(film, shifts):
    scatter = film.figure.axes[0]
    drawn = []
    for frame, number in zip([0, 2, 4, 6], shifts["replicates"].values.tolist(), strict=True):
        film.draw(frame)
        left, right, *_ = scatter.images[0].get_extent()
        counts = scatter.images[0].get_array()
        here = shifts.sel(replicates=number)
        assert counts.sum() == here["x"].size
        columns = np.average(
            left + (np.arange(len(counts)) + 0.5) / len(counts) * (right - left), weights=counts.sum(0)
        )
        assert columns == pytest.approx(flat(here["x"]).mean(), abs=(right - left) / len(counts))
        drawn.append(counts)
        assert f"{number} trainings" in scatter.texts[0].get_text()
    assert not np.array_equal(drawn[0].filled(0), drawn[-1].filled(0))


def test_axes_hold_the_points_of_all_frames_and_stay(film, shifts):
    scatter = film.figure.axes[0]
    before = scatter.axis()
    for frame in range(8):
        film.draw(frame)
        assert scatter.axis() == before
    assert before[0] < shifts["x"].min()
    assert before[3] > shifts["y"].max()


def test_r2_has_grown_to_the_number(film, course_of_law):
    film.draw(2)
    so_far = next(line for line in film.figure.axes[1].lines if line.get_label() == "found")
    np.testing.assert_array_equal(so_far.get_xydata(), np.c_[[8, 16], course_of_law["r2"][:2]])
    assert "R² 0.9500" in film.figure.axes[0].texts[0].get_text()


def test_each_number_stays_as_long_as_said(film):
    assert film.steps.tolist() == [8, 8, 16, 16, 32, 32, 64, 64]
    pictures = list(film.frames())
    assert {(picture.shape, picture.dtype) for picture in pictures} == {((660, 1260, 3), np.dtype("uint8"))}
    np.testing.assert_array_equal(pictures[0], pictures[1])
    assert (pictures[1] != pictures[2]).any()


def test_the_order_of_dimensions_does_not_matter(film, shifts, course_of_law, law):
    turned = law_film(shifts.transpose("output", "replicates", "sample"), course_of_law, law, hold=2)
    np.testing.assert_array_equal(next(turned.frames()), next(film.frames()))


def test_both_must_have_the_same_numbers(shifts, course_of_law, law):
    with pytest.raises(InputError, match="course must be at the replicates of deltas; got"):
        law_film(shifts, course_of_law.isel(replicates=slice(1, None)), law)


def test_a_number_stays_for_a_frame_at_least(shifts, course_of_law, law):
    with pytest.raises(InputError, match="hold must be 1 frame or more; got 0"):
        law_film(shifts, course_of_law, law, hold=0)
