"""Refinement finds the edge of a map whose edge is known, with few trainings."""

import numpy as np
import pytest

from lrscope.papers.boundary._refinement import grid, interpolated, strides, wanted


def refined(truth):
    """Return what is trained of a map whose values are known, and in how many rounds."""
    values, rounds = np.full(truth.shape, np.nan), 0
    while (asked := wanted(values)[0]).any():
        assert np.isnan(values[asked]).all()
        values[asked] = truth[asked]
        rounds += 1
    return values, rounds


def disc(resolution, radius=0.6, centre=(0.0, 0.0)):
    y, x = np.meshgrid(*(np.linspace(-1, 1, resolution) - shift for shift in centre), indexing="ij")
    return np.hypot(x, y) - radius


@pytest.mark.parametrize("resolution", [256, 300, 500])
def test_an_edge_that_is_larger_than_a_cell_is_found_exactly(resolution):
    truth = disc(resolution)
    values, _ = refined(truth)
    np.testing.assert_array_equal(np.sign(interpolated(values)), np.sign(truth))
    assert np.isfinite(values).mean() < 0.2


def test_an_edge_is_followed_into_cells_whose_corners_agree():
    truth = disc(512)
    tongue = np.s_[250:253, 300:]  # narrower than a cell of the first grid, from the disc to the border
    truth[tongue] = -1.0
    values, _ = refined(truth)
    np.testing.assert_array_equal(np.sign(interpolated(values)), np.sign(truth))


def test_an_island_inside_a_cell_is_missed():
    truth = disc(512)
    truth[254:256, 257:259] = 1.0
    values, _ = refined(truth)
    assert (interpolated(values)[254:256, 257:259] < 0).all()
    assert np.isnan(values[254:256, 257:259]).all()


def test_without_an_edge_only_the_first_grid_is_trained():
    values, rounds = refined(np.ones((256, 256)))
    assert rounds == 1
    assert np.isfinite(values).sum() == len(grid(256, strides(256)[0])) ** 2
    np.testing.assert_array_equal(interpolated(values), 1.0)


def test_interpolation_keeps_what_was_trained_and_the_sign_of_the_corners():
    truth = disc(256)
    values, _ = refined(truth)
    whole, trained = interpolated(values), np.isfinite(values)
    np.testing.assert_array_equal(whole[trained], truth[trained])
    assert np.abs(whole - truth).max() < 0.02


def test_everything_is_trained_if_asked_for():
    asked, undecided = wanted(np.full((40, 40), np.nan), refined=False)
    assert asked.all()
    assert undecided.all()
