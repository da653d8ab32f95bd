"""Update rules against their namesakes, on vectors. Whole trainings are compared in tests/training."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import optim

from lrscope.errors import InputError
from lrscope.optim import SGD, Adam, AdamW, hyperparameters

NAMESAKES = {
    "SGD": (SGD(momentum=0.7, weight_decay=0.3), lambda p: optim.SGD([p], 0.2, momentum=0.7, weight_decay=0.3)),
    "Nesterov": (SGD(momentum=0.7, nesterov=True), lambda p: optim.SGD([p], 0.2, momentum=0.7, nesterov=True)),
    "Adam": (Adam(beta1=0.6, weight_decay=0.3), lambda p: optim.Adam([p], 0.2, (0.6, 0.999), weight_decay=0.3)),
    "AdamW": (AdamW(beta2=0.8, weight_decay=0.3), lambda p: optim.AdamW([p], 0.2, (0.9, 0.8), weight_decay=0.3)),
}
gradients = st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=1, max_size=30)


@pytest.mark.parametrize("name", NAMESAKES)
@given(sequence=gradients)
def test_any_sequence_of_gradients_moves_as_in_torch_optim(name, sequence):
    rule, make = NAMESAKES[name]
    start = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    theirs = torch.nn.Parameter(start.clone())
    optimizer = make(theirs)
    ours, state = start, rule.init(start)
    for values in sequence:
        theirs.grad = torch.tensor(values, dtype=torch.float64)
        optimizer.step()
        numbers = {**hyperparameters(rule), "lr": torch.tensor(0.2, dtype=torch.float64)}
        ours, state = rule.update(ours, torch.tensor(values, dtype=torch.float64), state, numbers)
        assert np.allclose(ours, theirs.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMESAKES)
def test_a_rule_changes_nothing_in_place(name):
    rule, _ = NAMESAKES[name]
    parameters, gradient = torch.ones(3), torch.full((3,), 2.0)
    state = rule.init(parameters)
    before = {key: value.clone() for key, value in state.items()}
    after, _ = rule.update(parameters, gradient, state, {**hyperparameters(rule), "lr": torch.tensor(0.1)})
    assert (parameters == 1).all()
    assert (gradient == 2).all()
    assert all(torch.equal(state[key], before[key]) for key in before)
    assert after.dtype == torch.float32


def test_numbers_are_what_a_sweep_may_vary():
    assert hyperparameters(SGD(momentum=0.5)) == {"momentum": 0.5, "weight_decay": 0.0}
    assert hyperparameters(Adam()) == {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: SGD(nesterov=True),
            "momentum must be above 0 with nesterov; got 0.0. Give momentum=0.9, for example.",
        ),
        (lambda: Adam(lr=0.1), "a field of Adam must be one of beta1, beta2, eps, weight_decay; got 'lr'."),
    ],
)
def test_what_cannot_be_is_said(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == sentence


def descend(rule, hessian, lr, steps, held=lambda state: state):
    """Return the distance from the minimum, in units of the first, of a rule on p H p / 2; `held` keeps a state."""
    parameters = torch.full((len(hessian),), 1e-9, dtype=torch.float64)
    numbers = {**hyperparameters(rule), "lr": torch.as_tensor(lr, dtype=torch.float64)}
    state, distances = rule.init(parameters), []
    for _ in range(steps):
        parameters, state = rule.update(parameters, hessian @ parameters, held(state), numbers)
        distances.append(float(parameters.norm()))
    return np.array(distances) / distances[0]


momenta = st.floats(0.01, 0.95)
DESCENTS = {
    "plain": lambda momentum: SGD(),
    "Polyak": lambda momentum: SGD(momentum=momentum),
    "Nesterov": lambda momentum: SGD(momentum=momentum, nesterov=True),
}


@pytest.mark.parametrize("name", DESCENTS)
@settings(max_examples=6)
@given(momentum=momenta, lr=st.floats(1e-3, 1), multipliers=st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)))
def test_descent_with_several_rates_is_stable_up_to_its_limit_and_not_beyond(name, momentum, lr, multipliers):
    """At a hundredth below the limit a quadratic is left behind, at a hundredth above it explodes."""
    rule = DESCENTS[name](momentum)
    rates = torch.tensor(multipliers, dtype=torch.float64)
    limit = rule.stability({}, {**hyperparameters(rule), "lr": lr}).with_multipliers(rates)
    root, turned = limit.preconditioner.sqrt(), torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    for above, settles in ((0.99, True), (1.01, False)):
        inner = (
            turned @ torch.diag(torch.tensor([limit.limit * above, limit.limit / 3], dtype=torch.float64)) @ turned.T
        )
        distances = descend(rule, root[:, None] * inner * root, lr * rates, 600)
        assert (distances[-1] < 1e-2) == settles
        assert (distances[-1] > 1e2) != settles


@pytest.mark.parametrize("kind", [Adam, AdamW])
@settings(max_examples=6)
@given(beta1=st.floats(0, 0.95), lr=st.floats(1e-4, 1), scales=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)))
def test_adam_with_a_frozen_divisor_is_stable_up_to_its_limit_and_not_beyond(kind, beta1, lr, scales):
    """Long after the start and with its mean square held fast, on a quadratic that is no multiple of the divisor."""
    rule = kind(beta1=beta1, beta2=1 - 1e-16, weight_decay=0.0)
    square = torch.tensor(scales, dtype=torch.float64) ** 2

    def held(state):
        return {**state, "square": square, "count": torch.tensor(1e18, dtype=torch.float64)}

    numbers = {**hyperparameters(rule), "lr": torch.tensor(lr, dtype=torch.float64)}
    found = rule.stability(held(rule.init(square)), numbers)
    assert torch.allclose(found.preconditioner, square.sqrt() + 1e-8, rtol=1e-12)
    root = found.preconditioner.sqrt()
    turned = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    for above, settles in ((0.99, True), (1.01, False)):
        inner = turned @ torch.diag(torch.stack([found.limit * above, found.limit / 3])) @ turned.T
        distances = descend(rule, root[:, None] * inner * root, lr, 600, held)
        assert (distances[-1] < 1e-2) == settles
        assert (distances[-1] > 1e2) != settles
