"""Sharpness against exact eigenvalues, and against the rates at which training becomes unstable."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import nn

from lrscope.data import Samples, Shape
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.optim import SGD, Adam
from lrscope.probes import BatchSharpness, PreconditionedSharpness, Sharpness, every
from lrscope.probes._sharpness import largest_by_lanczos, largest_of_matrix, some_direction
from lrscope.training import Experiment, Sweep, train

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


DRAW = np.random.default_rng(4)
SQUARES = DRAW.normal(size=(40, 6)) * [3, 1, 1, 0.5, 0.2, 0.1]
"""Inputs of a linear regression: half its mean squared error has the Hessian X'X / n everywhere."""
HESSIAN = SQUARES.T @ SQUARES / len(SQUARES)


def linear():
    return nn.Linear(6, 1, bias=False)


def regression(probe, lrs=(0.01, 0.05), **fields):
    given = {"optimizer": SGD(), "steps": 4, "dtype": "float64", "loss": "half_mse"} | fields
    data = Samples(SQUARES, np.sin(SQUARES.sum(1, keepdims=True)))
    return train(Experiment(data=data, model=linear, sweep=Sweep(lr=lrs), probes=[probe], **given), device="cpu")


@pytest.mark.parametrize("exact_up_to", [0, 128])
@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-5), ("float64", 1e-12)])
def test_that_of_a_quadratic_is_exact_at_every_step(exact_up_to, dtype, close):
    found = regression(Sharpness(exact_up_to=exact_up_to), dtype=dtype)
    exact = np.linalg.eigvalsh(HESSIAN)[-1]
    np.testing.assert_allclose(found.sharpness, np.full((2, 4), exact), rtol=close)
    np.testing.assert_allclose(found.sharpness_share_network, np.ones((2, 4, 1)), rtol=1e-5)
    np.testing.assert_allclose(found.stability_limit, np.outer([200, 40], np.ones(4)), rtol=1e-6)


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        (SGD(), 2),
        (SGD(momentum=0.9), 3.8),
        (SGD(momentum=0.5, nesterov=True), 1.5),
        (SGD(weight_decay=0.25), 2 - 0.25 * 0.1),
        (Adam(), np.nan),
    ],
)
def test_the_limit_is_that_of_the_rule(rule, limit):
    found = regression(Sharpness(), lrs=(0.1,), optimizer=rule)
    np.testing.assert_allclose(found.stability_limit, np.full((1, 4), limit / 0.1))


def trained(factory, inputs, targets, steps):
    """Return a network after some steps of Adam on the mean squared error, float64."""
    torch.manual_seed(0)
    module = factory().double()
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(module(inputs), targets).backward()
        optimizer.step()
    return module


def spiral():
    points = torch.from_numpy(Shape("spiral", samples=200).arrays().inputs)
    return points, points


def noisy(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def wide():
    return nn.Sequential(nn.Linear(8, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 3))


def convolutional():
    convolutions = [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*convolutions, nn.Linear(8 * 36, 12), nn.ReLU(), nn.Linear(12, 4))


LARGE = {
    "paper's autoencoder": (Autoencoder(), *spiral(), 4611),
    "perceptron": (wide, noisy(100, 8), noisy(100, 3).sin(), 3153),
    "convolutions": (convolutional, noisy(50, 1, 10, 10), noisy(50, 4).sign(), 4184),
}


def largest(curvature, size):
    """Return the largest eigenvalue as ARPACK finds it, to ten digits."""
    operator = LinearOperator(
        (size, size), lambda vector: curvature.product(torch.from_numpy(vector)).numpy(), dtype=float
    )
    return eigsh(operator, k=1, which="LA", tol=1e-10, return_eigenvectors=False, v0=np.ones(size))[0]


@pytest.mark.parametrize("steps", [0, 150])
@pytest.mark.parametrize("name", LARGE)
def test_the_first_measurement_of_large_networks_is_within_a_percent(name, steps, moment_of):
    """Cold, at the initial and at trained weights, in float64 and in float32."""
    factory, inputs, targets, size = LARGE[name]
    module = trained(factory, inputs, targets, steps)
    moment = moment_of(module, inputs, targets)
    assert len(moment.gradient) == size
    exact = largest(moment.curvature, size)
    narrow = moment_of(copy.deepcopy(module).float(), inputs.float(), targets.float())
    for one, close in ((moment, 1e-3), (narrow, 2e-3)):
        values, _ = Sharpness().measure(Sharpness().init(one.parameters), one)
        assert float(values["sharpness"]) == pytest.approx(exact, rel=close)


def test_a_later_measurement_starts_where_the_last_one_ended(moment_of):
    """Few iterations find little at first and nearly everything when they go on."""
    factory, inputs, targets, size = LARGE["perceptron"]
    moment = moment_of(trained(factory, inputs, targets, 150), inputs, targets)
    probe, exact = Sharpness(iterations=4), largest(moment.curvature, size)
    state, errors = probe.init(moment.parameters), []
    for _ in range(8):
        values, state = probe.measure(state, moment)
        errors.append(1 - float(values["sharpness"]) / exact)
    assert errors[0] > 0.01
    assert 0 <= errors[-1] < 1e-3


@pytest.mark.parametrize("probe", [Sharpness(), Sharpness(exact_up_to=0), PreconditionedSharpness(exact_up_to=0)])
def test_weights_that_are_not_finite_have_no_sharpness_and_the_start_survives(probe, moment_of):
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    start = probe.init(dict(module.named_parameters()))
    with torch.no_grad():
        module[0].weight[1, 2] = torch.nan
    values, state = probe.measure(start, moment_of(module, torch.ones(5, 3), torch.ones(5, 2)))
    assert all(value.isnan().all() for name, value in values.items() if "limit" not in name)
    assert torch.equal(state["direction"], start["direction"])


@pytest.mark.parametrize("exact_up_to", [0, 128])
def test_divergence_is_no_error(exact_up_to):
    found = regression(Sharpness(exact_up_to=exact_up_to), lrs=(0.01, 1e300))
    assert found.sharpness.sel(lr=0.01).notnull().all()
    assert found.diverged_at.sel(lr=1e300)[-1] > 0
    assert found.sharpness.sel(lr=1e300)[-1].isnull()


def test_a_negative_definite_hessian_has_a_negative_sharpness():
    def hill(outputs, targets):
        return -(outputs - targets).square().mean() / 2

    for exact_up_to in (0, 128):
        found = regression(Sharpness(exact_up_to=exact_up_to), loss=hill, lrs=(1e-3,))
        np.testing.assert_allclose(found.sharpness, np.full((1, 4), -np.linalg.eigvalsh(HESSIAN)[0]), rtol=1e-9)


@pytest.mark.parametrize("exact_up_to", [0, 128])
def test_the_preconditioned_one_is_that_of_the_hessian_divided(exact_up_to, moment_of):
    _, inputs, targets, _ = LARGE["perceptron"]
    torch.manual_seed(2)
    moment = moment_of(nn.Sequential(nn.Linear(8, 9), nn.Tanh(), nn.Linear(9, 3)).double(), inputs, targets)
    divisor = torch.logspace(-3, 0, len(moment.gradient), dtype=torch.float64)
    divided = dataclasses.replace(moment, preconditioner=divisor)
    exact = np.linalg.eigvals(moment.curvature.matrix().numpy() / divisor.numpy()[:, None]).real.max()
    probe = PreconditionedSharpness(exact_up_to=exact_up_to)
    values, _ = probe.measure(probe.init(moment.parameters), divided)
    assert float(values["preconditioned_sharpness"]) == pytest.approx(exact, rel=1e-6)
    assert values["preconditioned_stability_limit"] == moment.stability_limit
    plain, _ = probe.measure(probe.init(moment.parameters), moment)
    assert float(plain["preconditioned_sharpness"]) == pytest.approx(
        float(np.linalg.eigvalsh(moment.curvature.matrix().numpy())[-1]), rel=1e-6
    )


def test_adam_divides_by_what_its_update_divides_by():
    """At step k by the root of the corrected mean square, times what bias correction makes of the rate."""
    found = regression(PreconditionedSharpness(when=every()), optimizer=Adam(eps=1e-3), lrs=(0.05,), steps=6)
    torch.manual_seed(0)
    module = linear().double()
    optimizer = torch.optim.Adam(module.parameters(), 0.05, eps=1e-3)
    inputs, targets = torch.from_numpy(SQUARES), torch.from_numpy(np.sin(SQUARES.sum(1, keepdims=True)))
    for step in range(6):
        optimizer.zero_grad()
        (nn.functional.mse_loss(module(inputs), targets) / 2).backward()
        optimizer.step()
        square = optimizer.state[module.weight]["exp_avg_sq"][0].numpy()
        divisor = (np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-3) * (1 - 0.9 ** (step + 1))
        exact = np.linalg.eigvals(HESSIAN / divisor[:, None]).real.max()
        assert float(found.preconditioned_sharpness[0, step]) == pytest.approx(exact, rel=1e-9)
    np.testing.assert_allclose(found.preconditioned_stability_limit, np.full((1, 6), 3.8 / (0.1 * 0.05)))


def test_that_of_a_batch_is_its_curvature_along_its_gradient():
    found = regression(BatchSharpness(), lrs=(0.1,))
    np.testing.assert_allclose(found.batch_stability_limit, 2 / 0.1)
    torch.manual_seed(0)
    weights = linear().double().weight.detach().numpy()[0]
    targets = np.sin(SQUARES.sum(1))
    for step in range(4):
        gradient = SQUARES.T @ (SQUARES @ weights - targets) / len(SQUARES)
        exact = gradient @ HESSIAN @ gradient / (gradient @ gradient)
        assert float(found.batch_sharpness[0, step]) == pytest.approx(exact, rel=1e-9)
        weights = weights - 0.1 * gradient


def test_that_of_a_batch_belongs_to_the_batch_and_the_other_to_all_samples():
    both = [BatchSharpness(), Sharpness(when=every())]
    data = Samples(SQUARES, np.sin(SQUARES.sum(1, keepdims=True)))
    found = train(Experiment(data=data, model=linear, sweep=Sweep(lr=[0.01]), optimizer=SGD(), loss="half_mse",
                             steps=20, batch_size=2, dtype="float64", probes=both), device="cpu")  # fmt: skip
    np.testing.assert_allclose(found.sharpness, np.full((1, 20), np.linalg.eigvalsh(HESSIAN)[-1]))
    assert (found.batch_sharpness > 1.5 * found.sharpness).any()
    assert found.batch_sharpness.std() > 1


@pytest.mark.parametrize("probe", [Sharpness(), PreconditionedSharpness(), BatchSharpness()])
def test_a_moment_without_second_derivatives_is_said(probe, moment_of):
    moment = moment_of(nn.Linear(3, 2), torch.ones(4, 3), torch.ones(4, 2))
    bare = dataclasses.replace(moment, curvature=None, batch_curvature=None)
    with pytest.raises(InputError) as caught:
        probe.measure(probe.init(moment.parameters), bare)
    name = type(probe).__name__
    assert str(caught.value) == f"{name} must be measured with the loss's second derivative; the moment has none."
