"""Box counting gives the known dimension of known sets, and intervals that hold it."""

import numpy as np
import pytest
import xarray as xr

from lrscope.errors import InputError
from lrscope.papers.boundary.analysis import boundary, box_counts, dimension, local_dimension


def koch(turn: float, resolution: int) -> np.ndarray:
    """Return the pixels of a Koch curve, turned by an angle."""
    points = np.array([-0.4 + 0j, 0.4 + 0j])
    while np.abs(np.diff(points)).max() > 0.3 / resolution:
        step = np.diff(points) / 3
        peak = points[:-1] + step + step * np.exp(1j * np.pi / 3)
        points = np.append(np.stack([points[:-1], points[:-1] + step, peak, points[1:] - step], 1), points[-1])
    points = points * np.exp(1j * turn)
    image = np.zeros((resolution, resolution), dtype=bool)
    image[tuple(((part + 0.5) * resolution).astype(int) for part in (points.imag, points.real))] = True
    return image


def dimension_of(*images: np.ndarray) -> xr.Dataset:
    return dimension(box_counts(xr.DataArray(np.stack(images), dims=("frame", "y", "x"))))


@pytest.mark.parametrize("turn", [0.0, 0.3, 1.2])
def test_a_line_has_dimension_one(turn):
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    below = xr.DataArray(y * np.cos(turn) < x * np.sin(turn) + 0.1, dims=("y", "x"))
    result = dimension(box_counts(boundary(below)))
    assert result["median"] == pytest.approx(1, abs=0.02)
    assert result["slope"] == pytest.approx(1, abs=0.02)


def test_a_koch_curve_has_its_dimension():
    result = dimension_of(*(koch(turn, 1023) for turn in (0.1, 0.5, 0.9, 1.4)))
    assert result["slope"] == pytest.approx(np.log(4) / np.log(3), abs=0.03)
    assert result["median"] == pytest.approx(np.log(4) / np.log(3), abs=0.03)


def test_the_boundary_is_where_a_block_is_mixed():
    good = xr.DataArray(np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1]], dtype=bool), dims=("y", "x"))
    np.testing.assert_array_equal(boundary(good), [[False, True], [False, False]])
    np.testing.assert_array_equal(boundary(~good), boundary(good))


def test_counts_are_those_of_a_slow_count():
    points = np.random.default_rng(0).random((64, 70)) < 0.02
    counts = box_counts(xr.DataArray(points, dims=("y", "x"))).sum("tile")
    slow = [len({(y // box, x // box) for y, x in np.argwhere(points)}) for box in counts["box"].values]
    assert counts.values.tolist() == slow


def test_the_interval_contains_the_dimension_of_independent_frames():
    """Frames show parts of a random set: the mean over very many of them is what the interval is about."""
    draw = np.random.default_rng(1)
    many = [koch(turn, 127) for turn in draw.uniform(0, np.pi, 120)]
    counts = box_counts(xr.DataArray(np.stack(many), dims=("frame", "y", "x")))
    truth = dimension(counts)
    inside = {"median": 0, "slope": 0}
    for _ in range(100):
        result = dimension(counts.isel(frame=draw.choice(120, 6, replace=False)))
        for name in inside:
            inside[name] += bool(result[f"{name}_low"] <= truth[name] <= result[f"{name}_high"])
    assert result.attrs["over"] == "frame"
    assert min(inside.values()) >= 88, inside


def test_of_few_frames_the_seeds_are_resampled_and_of_few_seeds_the_tiles():
    noise = xr.DataArray(np.random.default_rng(2).random((6, 64, 64)) < 0.3, dims=("seed", "y", "x"))
    assert dimension(box_counts(noise)).attrs["over"] == "seed"
    one = dimension(box_counts(noise.isel(seed=0)))
    assert one.attrs["over"] == "tile"
    assert one["units"] == 64
    assert one["median_low"] < one["median"] < one["median_high"]


def test_without_a_boundary_there_is_no_dimension():
    result = dimension_of(np.zeros((64, 64), dtype=bool))
    assert np.isnan([result[name] for name in ("median", "median_low", "slope_high")]).all()
    with pytest.raises(InputError, match="32"):
        dimension_of(np.ones((20, 20), dtype=bool))


def test_a_map_of_noise_is_rough_at_every_size():
    noise = xr.DataArray(np.random.default_rng(3).random((512, 512)) < 0.5, dims=("y", "x"))
    local = local_dimension(box_counts(boundary(noise)).sum("tile"))
    np.testing.assert_allclose(local, 2, atol=0.2)
