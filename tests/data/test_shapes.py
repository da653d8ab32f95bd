"""Points lie where geometry says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.data import SHAPES, Shape

CORNERS = {"triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6, "heptagon": 7, "octagon": 8}
names = st.sampled_from(SHAPES)
counts = st.integers(1, 200)


def points(*arguments, **fields):
    return Shape(*arguments, **fields).arrays().inputs


@given(names, counts)
def test_a_shape_has_its_samples_inside_the_unit_circle(shape, samples):
    arrays = Shape(shape, samples).arrays()
    assert arrays.inputs.shape == (samples, 2)
    assert arrays.inputs.dtype == np.float64
    assert np.array_equal(arrays.inputs, arrays.targets)
    assert np.linalg.norm(arrays.inputs, axis=1).max() <= 1 + 1e-12


@pytest.mark.parametrize("shape", CORNERS)
@given(samples=st.integers(8, 100))
def test_polygons_have_their_corners_and_straight_sides(shape, samples):
    """Distance from the centre of a point at angle t from the middle of its side: cos(pi / n) / cos(t)."""
    corners = CORNERS[shape]
    inputs = points(shape, samples)
    radius = np.linalg.norm(inputs, axis=1)
    assert np.isclose(radius, 1).sum() == corners
    from_corner = np.mod(np.arctan2(inputs[:, 1], inputs[:, 0]) - np.pi / 2, 2 * np.pi / corners)
    assert np.allclose(radius * np.cos(from_corner - np.pi / corners), np.cos(np.pi / corners))


def test_a_circle_is_round_and_closed():
    inputs = points("circle", 50)
    assert np.allclose(np.linalg.norm(inputs, axis=1), 1)
    assert np.allclose(np.linalg.norm(np.roll(inputs, 1, axis=0) - inputs, axis=1), 2 * np.sin(np.pi / 50))


def test_a_spiral_has_three_turns_and_grows_evenly():
    inputs = points("spiral", 500)
    radius = np.linalg.norm(inputs, axis=1)
    assert np.allclose(radius, np.linspace(0, 1, 500))
    angle = np.unwrap(np.arctan2(inputs[1:, 1], inputs[1:, 0]))
    assert np.isclose(angle[-1] - angle[0], 6 * np.pi * 498 / 499)


@given(names, st.floats(-360, 360))
def test_rotation_is_counter_clockwise_in_degrees(shape, degrees):
    plain, turned = points(shape, 20), points(shape, 20, rotation=degrees)
    as_complex = plain[:, 0] + 1j * plain[:, 1]
    expected = as_complex * np.exp(1j * np.deg2rad(degrees))
    assert np.allclose(turned, np.stack([expected.real, expected.imag], axis=1))


def test_noise_has_the_stated_deviation_and_its_own_seed():
    clean = points("circle", 20_000)
    noise = points("circle", 20_000, noise=0.3) - clean
    assert np.allclose(noise.std(axis=0), 0.3, rtol=0.02)
    assert abs(noise.mean()) < 0.01
    assert np.array_equal(points("circle", 9, noise=0.3), points("circle", 9, noise=0.3))
    assert not np.array_equal(points("circle", 9, noise=0.3), points("circle", 9, noise=0.3, noise_points_seed=1))
    once, twice = (points("circle", 9, noise=noise) - points("circle", 9) for noise in (0.3, 0.6))
    assert np.allclose(twice, 2 * once)
