"""Figures of the law hold their data, in artists that can be read back."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from lrscope.papers.linearity import analysis
from lrscope.papers.linearity.figures import (
    delta_by_output,
    image_sheet,
    law_film,
    law_grid,
    law_scatter,
    r2_by_replicates,
)

OF_LAW = (0.2, 0.05, 0.1)


@pytest.fixture(scope="module")
def sums(simulate_networks, sum_networks):
    rates = [0.1, 0.2, 0.25, 0.3]
    values, _ = simulate_networks(rates, 32, 30, curve=1)
    return analysis.summed(sum_networks(values, rates, 8))


@pytest.fixture(scope="module")
def deltas(sums):
    return analysis.deltas(sums, *OF_LAW)


@pytest.fixture(scope="module")
def law(sums):
    return analysis.law(sums, *OF_LAW)


@pytest.fixture
def course(sums):
    return analysis.law_by_replicates(sums, *OF_LAW)


@pytest.fixture
def laws(sums):
    return analysis.laws(sums)


@pytest.fixture
def gains():
    """(side, rank), what `analysis.favoured` gives of one class that has 7 samples on each side of at most 8"""
    rank = np.arange(8)
    position = np.stack([rank, rank + 8])
    position[:, 7] = -1
    change = np.where(position >= 0, np.stack([0.9 - 0.01 * rank, -0.2 + 0.01 * rank]), np.nan)
    gained = xr.Dataset({"position": (("side", "rank"), position), "change": (("side", "rank"), change)})
    means = {"mean_change": [0.8, -0.1], "mean_confidence_low": [5.1, 5.2], "mean_confidence_high": [5.9, 5.1]}
    means["mean_choosing_change"] = [1.25, -0.5]
    of_means = {name: ("side", values, {"long_name": name.replace("_", " ")}) for name, values in means.items()}
    return gained.assign(of_means).assign_coords(side=["most", "least"], rank=rank)


@pytest.fixture
def images():
    """Side -> (rank, height, width)"""
    return {side: np.random.default_rng(0).random((8, 5, 5)) for side in ("most", "least")}


def new_axes():
    return Figure().subplots()


def line(ax, gid):
    (drawn,) = [line for line in ax.lines if line.get_gid() == gid]
    return drawn


def title(ax):
    return ax.get_title(loc="left")


def counts(ax):
    """Return how many points fall into each cell (vertical, horizontal)."""
    return ax.collections[0].get_array().filled(0).reshape(160, 160)


def test_every_point_of_the_law_stands_where_its_changes_are(deltas, law):
    last, ax = deltas.isel(replicates=-1).copy(deep=True), new_axes()
    law_scatter(last, law, ax)
    assert counts(ax).sum() == last["x"].size
    last["x"][:], last["y"][:] = 0, 0
    last["x"][3, 1], last["y"][3, 1] = 1, 2
    ax = new_axes()
    law_scatter(last, law, ax)
    rows, columns = np.nonzero(counts(ax))
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    np.testing.assert_allclose(sorted(left + (columns + 0.5) / 160 * (right - left)), [0, 1], atol=0.01)
    np.testing.assert_allclose(sorted(bottom + (rows + 0.5) / 160 * (top - bottom)), [0, 2], atol=0.02)
    assert ax.figure.axes[1].get_ylabel() == "points"


def test_one_line_has_the_slope_of_the_law_and_one_that_of_least_squares(deltas, law):
    last, ax = deltas.isel(replicates=-1), new_axes()
    law_scatter(last, law, ax)
    assert line(ax, "expected").get_slope() == pytest.approx(2)
    assert line(ax, "expected").get_xy1() == (0, 0)
    x, y = line(ax, "fitted").get_data()
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(float(law["slope"]))
    assert np.interp(float(last["x"].mean()), x, y) == pytest.approx(float(last["y"].mean()))


def test_bins_have_their_means_and_intervals(sums):
    relation, ax = analysis.delta_against_output(sums, 0.2, 0.1, bins=5), new_axes()
    delta_by_output(relation, ax)
    np.testing.assert_array_equal(line(ax, "bins").get_xydata(), np.c_[relation["bin_output"], relation["bin_delta"]])
    segments = np.array(ax.collections[1].get_segments())
    np.testing.assert_array_equal(segments[:, :, 1], np.c_[relation["bin_low"], relation["bin_high"]])
    x, y = line(ax, "line").get_data()
    np.testing.assert_allclose(y, float(relation["intercept"]) + float(relation["slope"]) * x)
    assert counts(ax).sum() == relation["output"].size


def test_r2_is_measured_as_points_and_expected_as_a_line(course):
    course["r2"][:3] = [0.9, 0.99, 0.999]
    ax = r2_by_replicates({"perceptron": course, "cnn": course - 0.2}).axes[0]
    measured, expected = line(ax, "measured perceptron"), line(ax, "expected perceptron")
    np.testing.assert_array_equal(measured.get_xydata(), np.c_[course["replicates"], course["r2"]])
    np.testing.assert_array_equal(expected.get_ydata(), course["r2_expected"])
    assert measured.get_color() == expected.get_color() != line(ax, "measured cnn").get_color()
    places = ax.transData.transform(measured.get_xydata()[:3])[:, 1]
    assert np.diff(places)[0] == pytest.approx(np.diff(places)[1], rel=0.1)


def test_values_without_a_place_on_the_axis_of_r2_are_left_out(course):
    course["r2"][:], course["r2_expected"][:] = 0.9, 0.98
    course["r2"][:2] = [np.nan, 1.0]
    low, high = r2_by_replicates({"common": course}).axes[0].get_ylim()
    assert 0.8 < low < 0.9
    assert 0.98 < high < 0.99
    assert r2_by_replicates({"common": course * np.nan}).axes[0].texts[0].get_text() == "R² is not known"


def test_a_cell_of_the_grid_is_the_law_of_its_changes(laws):
    first, second = (ax for ax in law_grid(laws).axes if title(ax))
    assert (title(first), title(second)) == ("eta 0.1", "eta 0.2")
    assert [text.get_text() for text in first.get_xticklabels()] == ["1", "1.5", "2"]
    assert [text.get_text() for text in second.get_xticklabels()] == ["−0.5", "0.25", "0.5"]
    drawn = first.collections[0].get_array()
    of_rate = laws.isel(law=laws["eta"].values == 0.1)
    one = of_rate.isel(law=np.isclose(of_rate["a"], 0.15) & np.isclose(of_rate["b"], 0.1))
    assert drawn[0, 1] == float(one["r2_corrected"].item())
    assert np.isnan(np.diag(drawn.filled(np.nan))).all()
    assert first.collections[0].norm(1.003) == first.collections[0].norm(0.999)
    assert not first.patches  # changes up to half of the rate are framed
    assert second.patches[0].get_bbox().extents.tolist() == [-0.5, -0.5, 2.5, 2.5]


def test_both_blocks_show_their_images_the_most_extreme_first(gains, images):
    for ax, side in zip(image_sheet(gains, images).axes, ("most", "least"), strict=True):
        assert len(ax.images) == 7
        np.testing.assert_array_equal(ax.images[0].get_array(), images[side][0])
        assert ax.images[0].get_clim() == (0, 1)
        lefts, tops = ([image.get_extent()[place] for image in ax.images] for place in (0, 3))
        assert lefts[:6] == sorted(lefts[:6])
        assert tops[6] < tops[0]
        assert lefts[6] == lefts[0]
    colour = {side: np.random.default_rng(0).random((8, 4, 4, 3)) for side in ("most", "least")}
    np.testing.assert_array_equal(image_sheet(gains, colour).axes[1].images[2].get_array(), colour["least"][2])


def test_each_image_has_its_change_and_each_block_its_means(gains, images):
    most, least = image_sheet(gains, images, "dog").axes
    assert [text.get_text() for text in most.texts][:2] == ["+0.90", "+0.89"]
    assert least.texts[0].get_text() == "−0.20"
    lines = ["Mean change: +0.80", "Mean confidence low: 5.10", "Mean confidence high: 5.90"]
    assert most.get_xlabel().splitlines() == [*lines, "Mean choosing change: +1.25"]
    assert (title(most), title(least)) == ("Dog: rises most", "Dog: rises least")


def test_a_class_without_samples_says_so(gains, images):
    for ax in image_sheet((gains * np.nan).assign(position=gains["position"] * 0 - 1), images).axes:
        assert [text.get_text() for text in ax.texts] == ["too few samples of middling confidence"]


def test_the_film_shows_the_points_of_each_number(deltas, course, law):
    first = {"replicates": slice(2)}
    pictures = list(law_film(deltas.isel(first), course.isel(first), law))
    assert len(pictures) == 12
    assert {(picture.shape, picture.dtype) for picture in pictures} == {((660, 1260, 3), np.dtype("uint8"))}
    np.testing.assert_array_equal(pictures[0], pictures[5])
    assert (pictures[5] != pictures[6]).any()
