from itertools import pairwise

import numpy as np
import pytest

from lrscope.errors import InputError
from lrscope.figures import run_film


@pytest.fixture
def film(run, onsets):
    return run_film(run, [0, 20, 41, 59], onsets)


def grown(ax, place):
    """Return the line that grows over the faint one at a place among the lines of data."""
    faint = [line for line in ax.lines if line.get_alpha() is not None and line.get_gid() is None]
    return ax.lines[list(ax.lines).index(faint[place]) + 1]


def test_lines_have_grown_to_the_step_of_the_frame(film, run):
    axes = np.reshape(film.figure.axes, (3, 3))
    film.draw(2)
    for ax, name in zip(axes[:, 1], ["loss", "gradient_norm", "gradient_angle"], strict=True):
        line = grown(ax, 0)
        assert line.get_xdata()[-1] == 41
        assert line.get_ydata()[-1] == run[name].sel(step=41)
    np.testing.assert_array_equal(np.unique(grown(axes[0, 1], 0).get_ydata()), np.unique(run["loss"][:42]))


def test_everything_moves_together(film, run):
    axes = np.reshape(film.figure.axes, (3, 3))
    film.draw(1)
    order = np.argsort(run["inputs"].values[:, 0])
    np.testing.assert_array_equal(axes[0, 0].lines[1].get_ydata(), run["outputs"].sel(step_slow=20)[order, 0])
    np.testing.assert_array_equal(np.ravel(axes[1, 0].lines[2].get_data()), run["gradient_path"].sel(step=20))
    assert grown(axes[0, 2], 0).get_ydata()[-1] == run["sharpness"].sel(step_slow=20)
    assert grown(axes[1, 2], 0).get_ydata()[-1] == run["weights_hidden"].sel(step_each=20)[0, 0]
    assert grown(axes[2, 2], 2).get_ydata()[-1] == run["biases_output"].sel(step_each=20)[0]
    assert film.figure.get_suptitle() == "step 20"


def test_what_was_measured_before_the_frame_is_shown(run):
    film = run_film(run, [43])
    film.draw(0)
    axes = np.reshape(film.figure.axes, (3, 3))
    assert grown(axes[0, 2], 0).get_xdata()[-1] == 40
    assert grown(axes[1, 2], 0).get_xdata()[-1] == 42


def test_frames_are_pictures_of_one_size_that_differ(film):
    pictures = list(film.frames())
    assert len(pictures) == 4
    assert {(picture.shape, picture.dtype) for picture in pictures} == {((810, 1260, 3), np.dtype("uint8"))}
    for before, after in pairwise(pictures):
        assert 100 < (before != after).any(-1).sum() < 0.1 * before[..., 0].size


def test_a_frame_does_not_depend_on_those_before(run):
    together = list(run_film(run, [0, 20, 59]).frames())
    np.testing.assert_array_equal(together[2], list(run_film(run, [0, 59]).frames())[1])
    np.testing.assert_array_equal(together[0], next(iter(run_film(run, [0, 20, 59]).frames())))


def test_frames_can_be_had_again(film):
    np.testing.assert_array_equal(list(film.frames()), list(film.frames()))


def test_a_divergence_is_told(failed):
    film = run_film(failed, [10, 40])
    film.draw(1)
    assert film.figure.get_suptitle() == "step 40, diverged at 40"
    film.draw(0)
    assert film.figure.get_suptitle() == "step 10"


def test_onsets_are_marked(film):
    error = np.reshape(film.figure.axes, (3, 3))[0, 1]
    assert "onset 41" in [text.get_text() for text in error.texts]


def test_there_must_be_frames(run):
    with pytest.raises(InputError, match="steps must be one frame or more"):
        run_film(run, [])
