"""The largest eigenvalue, against NumPy's and against matrices whose eigenvalues are known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lrscope.probes._sharpness import largest_by_lanczos, largest_of_matrix, some_direction

powers = arrays(np.float64, (6, 6), elements=st.floats(-30, 30))
eigenvalues = st.lists(st.floats(-10, 10).map(lambda value: round(value, 6)), min_size=2, max_size=10)


def rotated(values, seed=0):
    """Return a matrix (float64) with the given eigenvalues, and its eigenvectors as columns."""
    draw = np.random.default_rng(seed).normal(size=(len(values), len(values)))
    vectors = np.linalg.qr(draw)[0]
    return torch.from_numpy(vectors * values @ vectors.T), torch.from_numpy(vectors)


def lanczos(matrix, iterations, start=None):
    start = some_direction(matrix[0]) if start is None else start
    value, direction = largest_by_lanczos(lambda vector: matrix @ vector, start, iterations)
    return float(value), direction


@given(powers, arrays(np.bool_, 6), st.sampled_from([torch.float32, torch.float64]))
def test_elements_of_any_size_have_an_eigenvalue(exponents, empty, dtype):
    """LAPACK gives up on some matrices of a network's size whose elements differ by many powers of ten."""
    wild = np.sign(exponents) * 10.0**exponents
    symmetric = torch.from_numpy((wild + wild.T) * np.outer(empty, empty)).to(dtype)
    value, direction = largest_of_matrix(symmetric)
    exact = np.linalg.eigvalsh(symmetric.double().numpy())
    assert abs(float(value) - exact[-1]) <= 20 * torch.finfo(dtype).eps * abs(exact).max()
    assert float(direction.norm()) == pytest.approx(1, abs=1e-6)
    assert value.dtype == direction.dtype == dtype


def test_a_matrix_that_is_not_finite_has_none():
    for broken in (np.nan, np.inf):
        matrix = torch.eye(3)
        matrix[1, 2] = broken
        for value, direction in (largest_of_matrix(matrix), lanczos(matrix, 3)):
            assert np.isnan(float(value))
            assert direction.isnan().all()


@given(eigenvalues, st.integers(0, 5))
def test_as_many_iterations_as_dimensions_are_exact(values, more):
    """Whatever the signs and however often an eigenvalue comes; more iterations than that change nothing."""
    matrix, _ = rotated(values)
    value, direction = lanczos(matrix, len(values) + more)
    size = max(map(abs, values))
    assert value == pytest.approx(max(values), abs=1e-12 * size)
    assert float(direction @ matrix @ direction) == pytest.approx(max(values), abs=1e-6 * size)
    assert float(direction.norm()) == pytest.approx(1)


@pytest.mark.parametrize("value", [-3.0, -1e-20, 0.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_multiple_of_the_identity_is_found_at_once(value, dtype):
    """Every vector is an eigenvector; iterations without anything left to find add no eigenvalue of 0."""
    found, direction = lanczos(value * torch.eye(5, dtype=dtype), 4)
    assert found == pytest.approx(value, rel=1e-6, abs=0)
    assert float(direction.norm()) == pytest.approx(1)


@given(eigenvalues, st.integers(1, 6), st.integers(0, 3))
def test_the_value_is_never_above_the_largest(values, iterations, seed):
    matrix, _ = rotated(values, seed)
    assert lanczos(matrix, iterations)[0] <= max(values) + 1e-12 * max(map(abs, values))


@pytest.mark.parametrize("of", [-1, 0, 30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_exact_eigenvector_is_a_good_start(of, dtype):
    """That of the largest eigenvalue ends the iteration at once; any other must not hold it up."""
    values = np.linspace(-3, 2, 60) ** 3
    matrix, vectors = rotated(values)
    value, direction = lanczos(matrix.to(dtype), 32, vectors[:, of].to(dtype))
    assert value == pytest.approx(8, rel=1e-3)
    assert abs(float(direction.double() @ vectors[:, -1])) > 0.98


def test_a_warm_start_is_better_than_a_cold_one():
    values = np.linspace(0, 1, 400)
    matrix, vectors = rotated(values)
    nearby = vectors[:, -1] + 0.02 * vectors[:, 200]
    assert 1 - lanczos(matrix, 6, nearby / nearby.norm())[0] < (1 - lanczos(matrix, 6)[0]) / 3


@pytest.mark.parametrize("size", [1000, 4611, 50_000])
def test_the_first_direction_looks_random(size):
    """Elements of a random unit vector have the mean 0 with a deviation of 1 / size; neighbours are unrelated."""
    direction = some_direction(torch.zeros(size, dtype=torch.float64))
    assert abs(float(direction.mean())) < 3 / size
    for distance in (1, 2, 7, 50):
        assert abs(float((direction[distance:] * direction[:-distance]).sum())) < 3 / np.sqrt(size)
