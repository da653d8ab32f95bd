"""Learning rates driven by the training: bounds, analytic anchors on quadratics, reasons, and what tracing asks for."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.func import grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from lrscope.errors import InputError
from lrscope.optim import Feedback, GradientAngle, Hypergradient, SharpnessCapped
from lrscope.optim._controllers import met_curvature
from lrscope.records import RATE_REASONS

CONTROLLERS = {"angle": GradientAngle(), "hypergradient": Hypergradient(), "sharpness": SharpnessCapped()}
anything = st.floats(width=64)
rates = st.floats(1e-8, 1e8)


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def feedback(lr: float, step: int, gradient: torch.Tensor, hessian: torch.Tensor | None = None) -> Feedback:
    matrix = torch.eye(len(gradient), dtype=gradient.dtype) if hessian is None else hessian
    lr, step = torch.tensor(lr, dtype=torch.float64), torch.tensor(step)
    return Feedback(lr, step, torch.tensor(0.0), gradient, gradient, lambda vector: matrix @ vector)


def heard(controller, gradients, lr=1.0):
    """Return the rates and the texts of the reasons for a sequence of gradients."""
    state, answers = controller.init(gradients[0]), []
    for step, gradient in enumerate(gradients):
        rate, reason, state = controller.control(state, feedback(lr, step, gradient))
        answers.append((float(rate), RATE_REASONS[int(reason)]))
    return answers


def descend(controller, hessian, lr, steps):
    """Return the rates and the gradient norms of gradient descent on p H p / 2, from all ones."""
    parameters = torch.ones(len(hessian), dtype=torch.float64)
    state, rates, norms = controller.init(parameters), [], []
    for step in range(steps):
        gradient = hessian @ parameters
        rate, _, state = controller.control(state, feedback(lr, step, gradient, hessian))
        parameters = parameters - rate * gradient
        rates.append(float(rate))
        norms.append(float(gradient.norm()))
    return np.array(rates), np.array(norms)


@pytest.mark.parametrize("name", CONTROLLERS)
@settings(deadline=None)
@given(st.lists(st.lists(anything, min_size=3, max_size=3), min_size=1, max_size=12), rates)
def test_the_rate_is_positive_finite_and_bounded_whatever_the_gradients(name, sequence, lr):
    controller = CONTROLLERS[name]
    for rate, reason in heard(controller, [double(*values) for values in sequence], lr):
        assert 0 < rate < float("inf")
        assert reason in RATE_REASONS
        low, high = getattr(controller, "lowest", 0), getattr(controller, "highest", 1)
        assert low * lr * (1 - 1e-12) <= rate <= high * lr * (1 + 1e-12)


@given(st.floats(0.01, 3), st.floats(0.01, 3.1))
def test_the_met_curvature_follows_from_the_angle_and_the_ratio_of_lengths(ratio, angle):
    after = ratio * double(np.cos(angle), np.sin(angle))
    along = 1 - ratio * np.cos(angle)
    expected = (1 + ratio**2 - 2 * ratio * np.cos(angle)) / along if along > 0 else 0
    if abs(along) > 1e-6:
        assert float(met_curvature(double(1, 0), after)) == pytest.approx(expected, rel=1e-9)


@given(st.floats(0.01, 0.99), st.floats(1e-3, 1e3))
def test_on_a_bowl_one_look_is_enough(margin, times_curvature):
    """After one step at a known rate the next one is the margin, or as near to it as one step may go."""
    controller = GradientAngle(margin=margin, trial=1.0, raising=1.5)
    gradient = double(3, -4)
    (before, _), (after, _) = heard(controller, [gradient, (1 - times_curvature) * gradient])
    expected = np.clip(2 * margin / times_curvature, 0.1, 1.5) if times_curvature > 0.1 else 1.5
    assert after / before == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("lr", [1e-4, 1e-2, 1.0, 1e2, 1e4])
@pytest.mark.parametrize("sharpness", [0.01, 1.1, 300.0])
@pytest.mark.parametrize("margin", [0.3, 0.45, 0.8])
def test_on_a_bowl_the_angle_settles_at_its_margin_below_the_limit(lr, sharpness, margin):
    controller = GradientAngle(margin=margin, raising=1.5, lowest=1e-9, highest=1e9)
    rates, _ = descend(controller, sharpness * torch.eye(2, dtype=torch.float64), lr, 60)
    settled = rates[40:] * sharpness
    assert np.allclose(settled, 2 * margin, rtol=1e-6)
    assert (settled < 2).all()


@pytest.mark.parametrize("lr", np.logspace(-3, 3, 7))
def test_on_a_long_valley_the_angle_goes_further_than_the_best_constant_rate(lr):
    """Its rate passes the limit of the steepest direction for a few steps at a time, and comes back."""
    hessian = torch.diag(torch.logspace(-2, 1, 6, dtype=torch.float64))
    _, norms = descend(GradientAngle(), hessian, lr, 1000)
    parameters = torch.ones(6, dtype=torch.float64) * (1 - 2 / 10.01 * hessian.diagonal()) ** 1000
    assert norms[-1] < 0.1 * float((hessian @ parameters).norm())


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=6), st.floats(0.01, 0.99), rates)
@settings(deadline=None, max_examples=25)
def test_the_cap_is_the_margin_times_two_over_the_sharpness(eigenvalues, margin, lr):
    second, first = sorted(eigenvalues)[-2:]
    assume(second < 0.95 * first)  # the iteration converges as the ratio of the two largest eigenvalues
    generator = torch.Generator().manual_seed(len(eigenvalues))
    size = len(eigenvalues)
    turned, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    hessian = turned @ torch.diag(double(*eigenvalues)) @ turned.T
    controller = SharpnessCapped(margin=margin, iterations=4)
    state = controller.init(double(*eigenvalues))
    for step in range(60):
        rate, _, state = controller.control(state, feedback(lr, step, double(*eigenvalues), hessian))
    assert float(rate) == pytest.approx(min(lr, margin * 2 / max(eigenvalues)), rel=1e-4)


def test_rounding_is_no_turn():
    """In single precision a small step changes the gradient by no more than its rounding."""
    generator = torch.Generator().manual_seed(0)
    state, factors = GradientAngle().init(torch.zeros(100)), []
    start = torch.randn(100, generator=generator)
    for _ in range(10):
        gradient = start * (1 + 1e-3 * torch.randn(100, generator=generator))
        factor, _, state = GradientAngle().next_factor(state, gradient)
        factors.append(float(factor))
    assert all(after > before for before, after in pairwise(factors))


def test_a_negative_eigenvalue_however_large_caps_nothing():
    controller, hessian = SharpnessCapped(margin=0.5), torch.diag(double(-50, 2, 1))
    state = controller.init(double(1, 1, 1))
    for step in range(60):
        rate, _, state = controller.control(state, feedback(1e3, step, double(1, 1, 1), hessian))
    assert float(rate) == pytest.approx(0.5, rel=1e-6)
    rate, _, _ = controller.control(
        controller.init(double(1, 1)), feedback(7.0, 0, double(1, 1), -torch.eye(2).double())
    )
    assert float(rate) == 7


def test_the_hypergradient_multiplies_by_one_plus_strength_times_the_cosine():
    gradients = [double(1, 0), double(1, 1), double(-3, -3), double(2, -2)]
    cosines = [0.0, np.sqrt(0.5), -1.0, 0.0]
    expected = 0.3 * np.cumprod([1 + 0.1 * cosine for cosine in cosines])
    answers = heard(Hypergradient(strength=0.1), gradients, 0.3)
    assert [rate for rate, _ in answers] == pytest.approx(expected)
    assert [reason for _, reason in answers[:3]] == ["unchanged", "raised: aligned", "lowered: turned"]


@pytest.mark.parametrize(
    ("controller", "gradients", "reasons"),
    [
        (GradientAngle(), [[1, 0]], ["trial step"]),
        (GradientAngle(), [[1, 0], [0.9, 0]], ["trial step", "raised: aligned"]),
        (GradientAngle(trial=1.0), [[1, 0], [-0.9, 0]], ["trial step", "lowered: turned"]),
        (GradientAngle(trial=1.0), [[1, 0], [1, 0]], ["trial step", "raised: aligned"]),
        (GradientAngle(trial=1.0, margin=0.25), [[1, 0], [0.5, 0]], ["trial step", "unchanged"]),
        (GradientAngle(trial=1.0, lowest=1.0), [[1, 0], [-9, 0]], ["trial step", "held at its lower bound"]),
        (GradientAngle(trial=1.0, highest=1.0), [[1, 0], [2, 0]], ["trial step", "held at its upper bound"]),
        (GradientAngle(), [[1, 0], [np.nan, 0]], ["trial step", "unchanged: gradient not finite"]),
        (GradientAngle(), [[0, 0], [0, 0], [1, 0]], ["trial step", "unchanged", "unchanged"]),
        (Hypergradient(highest=1.0), [[1, 0], [1, 0]], ["unchanged", "held at its upper bound"]),
        (Hypergradient(lowest=1.0), [[1, 0], [-1, 0]], ["unchanged", "held at its lower bound"]),
        (Hypergradient(), [[1, 0], [np.inf, 0]], ["unchanged", "unchanged: gradient not finite"]),
    ],
)
def test_every_change_has_its_reason(controller, gradients, reasons):
    assert [reason for _, reason in heard(controller, [double(*values) for values in gradients])] == reasons


def test_the_cap_says_why_it_moves():
    controller, state, texts = SharpnessCapped(), SharpnessCapped().init(double(1, 1)), []
    for step, sharpness in enumerate((1, 4, 2, np.nan, 2)):
        hessian = sharpness * torch.eye(2, dtype=torch.float64)
        rate, reason, state = controller.control(state, feedback(1.0, step, double(1, 1), hessian))
        texts.append(RATE_REASONS[int(reason)])
    assert texts == [
        "unchanged",
        "lowered: too sharp",
        "raised: less sharp",
        "unchanged: gradient not finite",
        "unchanged",
    ]
    assert float(rate) == pytest.approx(0.9)


@given(st.lists(st.lists(st.floats(-10, 10), min_size=2, max_size=2), min_size=2, max_size=20))
def test_a_raised_rate_is_higher_and_a_lowered_one_lower(sequence):
    for controller in (GradientAngle(), Hypergradient()):
        answers = heard(controller, [double(*values) for values in sequence])
        for (before, _), (after, reason) in pairwise(answers):
            assert (after > before) == reason.startswith("raised")
            assert (after < before) == reason.startswith("lowered")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_traced_ensemble_is_its_members_one_by_one(name, dtype):
    controller = CONTROLLERS[name]
    hessian = torch.diag(torch.logspace(-2, 1, 6, dtype=dtype))
    loss = lambda p: (p @ (hessian @ p)) / 2  # noqa: E731

    def one(state, parameters, lr, step):
        gradient = grad(loss)(parameters)
        product = lambda vector: grad(lambda p: (grad(loss)(p) * vector).sum())(parameters)  # noqa: E731
        told = Feedback(lr, step, loss(parameters), parameters, gradient, product)
        rate, reason, after = controller.control(state, told)
        return after, parameters - rate.to(dtype) * gradient, rate, reason

    lrs, start = double(1e-3, 0.1, 10.0), torch.ones(3, 6, dtype=dtype)
    lifted = vmap(one, in_dims=(0, 0, 0, None))
    together = (vmap(controller.init)(start), start)
    alone = [(controller.init(start[0]), start[0]) for _ in lrs]
    traced = make_fx(lifted)(*together, lrs, torch.tensor(0))
    for step in range(30):
        *together, rate, reason = traced(*together, lrs, torch.tensor(step))
        for number, lr in enumerate(lrs):
            *alone[number], own, why = one(*alone[number], lr, torch.tensor(step))
            assert own.dtype == torch.float64
            assert why.dtype == torch.int64
            assert torch.isclose(own, rate[number], rtol=1e-9 if dtype == torch.float64 else 1e-3)
            if dtype == torch.float64:
                assert int(why) == int(reason[number])
        fresh = vmap(controller.init)(start)
        assert {key: (value.dtype, value.shape) for key, value in together[0].items()} == {
            key: (value.dtype, value.shape) for key, value in fresh.items()
        }


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: GradientAngle(trial=1e-3, lowest=0.1), "trial must be at least lowest (0.1); got 0.001."),
        (lambda: SharpnessCapped(iterations=0), "iterations must be greater than or equal to 1; got 0."),
    ],
)
def test_what_cannot_be_is_said(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == sentence
