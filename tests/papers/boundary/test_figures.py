"""Pictures show the data: every pixel of a map, the contours, the rows of a line; figures change nothing."""

import io

import numpy as np
import pytest
import xarray as xr
from matplotlib import colormaps
from PIL import Image

from lrscope.papers.boundary import analysis, figures
from lrscope.papers.boundary.figures import _map
from lrscope.report._files import picture


@pytest.fixture(scope="module")
def corner(make_map):
    """Seeds whose edges lie apart, rough in the last."""
    log = np.linspace(-3, 6, 64)
    rough = np.random.default_rng(0).normal(0, 0.3, (64, 64))
    limits = [*np.linspace(1, 3, 6), 2 + rough]
    return make_map(np.stack([np.add.outer(log, log) < limit for limit in limits]))


@pytest.fixture(scope="module")
def every(corner):
    """Name of each figure -> its function and arguments."""
    good = corner["converged"]
    counts = analysis.box_counts(analysis.boundary(good)).expand_dims("frame")
    line = analysis.along(good)
    interval = analysis.edge_interval(analysis.edge(line))
    whole = counts.sum("tile", keep_attrs=True)
    return {
        "trainability_map": (figures.trainability_map, (analysis.equalised(corner["value"][0]),)),
        "probability_map": (figures.probability_map, (analysis.training_probability(good),)),
        "line_cut": (figures.line_cut, (line, analysis.training_probability(line), interval)),
        "box_counts_by_size": (figures.box_counts_by_size, (whole, analysis.dimension(counts), whole.isel(frame=0))),
    }


@pytest.mark.parametrize("name", ["trainability_map", "probability_map", "line_cut", "box_counts_by_size"])
def test_it_changes_nothing_and_the_order_of_dimensions_does_not_matter(every, name):
    function, arguments = every[name]
    before = [value.copy(deep=True) for value in arguments]
    drawn = function(*arguments)
    for value, copy in zip(arguments, before, strict=True):
        xr.testing.assert_identical(value, copy)
    turned = function(*(one.transpose(*reversed(list(one.dims))) for one in arguments))
    first, second = (picture(each)[1] for each in (drawn, turned))
    assert first == second


def test_every_pixel_of_a_large_map_is_in_the_picture(make_map):
    good = np.random.default_rng(1).random((1, 1024, 1024)) < 0.5
    ranks = analysis.equalised(make_map(good)["value"].isel(seed=0))
    kind, content = picture(figures.trainability_map(ranks))
    assert kind == "png"
    assert 4 / 3 * len(content) < 4e6
    image = np.asarray(Image.open(io.BytesIO(content)))[..., :3]
    shown = image[_map.TOP : _map.TOP + 1024, _map.LEFT : _map.LEFT + 1024]
    expected = colormaps["Spectral"]((ranks.values[::-1] + 1) / 2, bytes=True)[..., :3]
    # the axes' own lines stand on the outermost pixels
    np.testing.assert_array_equal(shown[2:-2, 2:-2], expected[2:-2, 2:-2])


def test_contours_lie_where_so_many_seeds_train(corner):
    share = analysis.training_probability(corner["converged"])
    ax = figures.probability_map(share).axes[0]
    (contours,) = [each for each in ax.collections if hasattr(each, "levels")]
    assert list(contours.levels) == [0.1, 0.5, 0.9]
    for x, y in contours.get_paths()[1].vertices[5:-5:9]:
        near = share["probability"].sel(x=10**x, y=10**y, method="nearest")
        assert 1 / 7 < near < 6 / 7


def test_rows_of_a_line_are_seeds(every):
    function, (line, *others) = every["line_cut"]
    image = function(line, *others).axes[0].images[0].get_array()
    np.testing.assert_array_equal(image > 0, line)


def test_a_film_moves_from_the_first_frame_to_the_last(make_map):
    frames = []
    for half in (4.5, 2.25, 1.125):
        log = 1.5 + np.linspace(-half, half, 64)
        like = make_map(np.ones((1, 64, 64)), log[0], log[-1])["value"][0]
        frames.append(like.copy(data=np.add.outer(log, 2 * log) - 4))
    film = list(figures.zoom_film(frames, side=64))
    assert len(film) % 2 == 1
    for shown, frame in ((film[0], frames[0]), (film[len(film) // 2], frames[1]), (film[-1], frames[2])):
        assert shown.shape == (64, 64, 3)
        ranks = analysis.equalised(frame).values[::-1]
        expected = colormaps["Spectral"]((ranks + 1) / 2, bytes=True)[..., :3].astype(int)
        # inside, a finer frame has values between those of the pixels
        assert np.abs(shown.astype(int) - expected).mean() < 4
