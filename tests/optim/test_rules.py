"""Update rules against their namesakes, on vectors. Whole trainings are compared in tests/training."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import optim

from lrscope.errors import InputError
from lrscope.optim import SGD, Adam, AdamW, numbers_of

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
        numbers = {**numbers_of(rule), "lr": torch.tensor(0.2, dtype=torch.float64)}
        ours, state = rule.update(ours, torch.tensor(values, dtype=torch.float64), state, numbers)
        assert np.allclose(ours, theirs.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMESAKES)
def test_a_rule_changes_nothing_in_place(name):
    rule, _ = NAMESAKES[name]
    parameters, gradient = torch.ones(3), torch.full((3,), 2.0)
    state = rule.init(parameters)
    before = {key: value.clone() for key, value in state.items()}
    after, _ = rule.update(parameters, gradient, state, {**numbers_of(rule), "lr": torch.tensor(0.1)})
    assert (parameters == 1).all()
    assert (gradient == 2).all()
    assert all(torch.equal(state[key], before[key]) for key in before)
    assert after.dtype == torch.float32


def test_numbers_are_what_a_sweep_may_vary():
    assert numbers_of(SGD(momentum=0.5)) == {"momentum": 0.5, "weight_decay": 0.0}
    assert numbers_of(Adam()) == {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: SGD(nesterov=True),
            "momentum must be above 0 with nesterov; got 0.0. Give momentum=0.9, for example.",
        ),
        (lambda: SGD(momentum=1), "momentum must be less than 1; got 1."),
        (lambda: Adam(beta1=-0.1), "beta1 must be greater than or equal to 0; got -0.1."),
        (lambda: AdamW(weight_decay=float("inf")), "weight_decay must be a finite number; got inf."),
        (lambda: Adam(lr=0.1), "lr: unexpected keyword argument."),
    ],
)
def test_what_cannot_be_is_said(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == sentence
