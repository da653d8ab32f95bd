"""A film shows, at each of its steps, what was recorded then or last before."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lrscope.papers.stability.figures import frame_steps, run_film


@given(st.integers(4, 300), st.integers(1, 2000), st.integers(0, 1999), st.integers(0, 500))
def test_frames_are_recorded_steps_in_order_and_not_too_many(count, length, first, wide):
    first = min(first, length - 1)
    run = xr.Dataset({"loss": ("step", np.ones(length))}, {"step": np.arange(length)})
    steps = frame_steps(run, (first, first + wide), count)
    assert len(steps) <= count
    assert (np.diff(steps) > 0).all()
    assert {0, first} <= set(steps.tolist()) <= set(range(length))


def test_of_a_diverged_run_the_frames_end_with_it(failed):
    steps = frame_steps(failed, None, 20)
    assert (steps[0], steps[-1]) == (0, 40)


@pytest.fixture
def film(run, onsets):
    return run_film(run, np.array([0, 20, 41, 59]), onsets)


def grown(ax, place):
    """Return the line that grows over the faint one at a place among the lines of data."""
    return [line for line in ax.lines if line.get_gid() == "so far"][place]


def test_the_closeup_is_the_last_arrows_stretched_to_a_square(film, run):
    film.draw(2)
    points = np.transpose(film.figure.axes[6].lines[0].get_data())
    arrows = run["gradient_path"].sel(step=slice(17, 41)).values
    low, high = arrows.min(0), arrows.max(0)
    np.testing.assert_allclose(points, 1.84 * (arrows - (low + high) / 2) / (high - low).max(), atol=1e-12)


def test_lines_have_grown_to_the_step_of_the_frame(film, run):
    axes = np.reshape(film.figure.axes, (3, 3))
    film.draw(2)
    for ax, name in zip(axes[:, 1], ["loss", "gradient_norm", "gradient_angle"], strict=True):
        line = grown(ax, 0)
        assert line.get_xdata()[-1] == 41
        assert line.get_ydata()[-1] == run[name].sel(step=41)
    assert "onset 41" in [text.get_text() for text in axes[0, 1].texts]


def test_everything_moves_together(film, run):
    axes = np.reshape(film.figure.axes, (3, 3))
    film.draw(1)
    order = np.argsort(run["inputs"].values[:, 0])
    np.testing.assert_array_equal(axes[0, 0].lines[1].get_ydata(), run["outputs"].sel(step_slow=20)[order, 0])
    np.testing.assert_array_equal(np.ravel(axes[1, 0].lines[2].get_data()), run["gradient_path"].sel(step=20))
    assert grown(axes[0, 2], 0).get_ydata()[-1] == run["sharpness"].sel(step_slow=20)
    assert grown(axes[1, 2], 0).get_ydata()[-1] == run["weights_hidden"].sel(step_each=20)[0, 0]
    assert grown(axes[2, 2], 2).get_ydata()[-1] == run["biases_output"].sel(step_each=20)[0]


def test_frames_are_pictures_of_one_size_that_differ_and_depend_on_no_other(film, run, onsets):
    pictures = list(film)
    assert {(picture.shape, picture.dtype) for picture in pictures} == {((810, 1260, 3), np.dtype("uint8"))}
    for before, after in pairwise(pictures):
        assert 100 < (before != after).any(-1).sum() < 0.1 * before[..., 0].size
    np.testing.assert_array_equal(pictures[3], list(run_film(run, np.array([0, 59]), onsets))[1])


def test_a_divergence_is_written_on_its_frames(failed, onsets):
    film = run_film(failed, np.array([10, 40]), onsets)
    film.draw(1)
    assert film.figure.get_suptitle() == "step 40, diverged at 40"
    film.draw(0)
    assert film.figure.get_suptitle() == "step 10"
