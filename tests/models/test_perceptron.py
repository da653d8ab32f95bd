"""The perceptron of experiment 1, digit for digit."""

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Function
from lrscope.errors import InputError
from lrscope.models import Perceptron
from lrscope.optim import SGD
from lrscope.probes import ValidationLoss, Weights, every
from lrscope.training import Experiment, Sweep, train

PUBLISHED = 36255793825986746149655859236796938907


def plain(target, hidden, lr, steps, seed=PUBLISHED, scale=1.0):
    """Return training and test error (step) of the script of experiment 1: matrices U and V, and loops over steps."""
    x, x_test = Function(target).arrays().inputs[:, 0], Function(target).validation().inputs[:, 0]
    y, y_test = Function(target).arrays().targets[:, 0], Function(target).validation().targets[:, 0]
    random = np.random.default_rng(seed)
    u, v = random.normal(0, 0.01, (hidden - 1, 2)) * scale, random.normal(0, 0.01, (1, hidden)) * scale

    def forward(points):
        units = 1 / (1 + np.exp(-(u @ np.stack([points, np.ones_like(points)]))))
        return np.concatenate([units, np.ones((1, len(points)))])

    errors = []
    for _ in range(steps):
        units = forward(x)
        wrong = v @ units - y
        errors.append([(wrong**2).mean() / 2, ((v @ forward(x_test) - y_test) ** 2).mean() / 2])
        by_unit = (v.T @ wrong)[:-1] * units[:-1] * (1 - units[:-1])
        v = v - lr * wrong @ units.T / len(x)
        u = u - lr * by_unit @ np.stack([x, np.ones_like(x)]).T / len(x)
    return np.array(errors).T


def trained(target, hidden, steps, scale=1.0, **axes):
    model = Perceptron(hidden, scale)
    experiment = Experiment(data=Function(target), model=model, loss="half_mse", optimizer=SGD(), sweep=Sweep(**axes),
                            steps=steps, dtype="float64", probes=[ValidationLoss(), Weights(when=every())])  # fmt: skip
    return train(experiment, device="cpu")


@pytest.mark.parametrize("hidden", [2, 3, 8])
def test_initial_weights_are_those_of_experiment_1(hidden):
    """U, with the input's weight before the bias's, then V, with the bias last."""
    random = np.random.default_rng(PUBLISHED)
    u, v = random.normal(0, 0.01, (hidden - 1, 2)), random.normal(0, 0.01, (1, hidden))
    for scale in (1.0, 10.0):
        torch.manual_seed(0)
        module = Perceptron(hidden, scale)()
        assert np.array_equal(module.hidden.weight.detach()[:, 0], u[:, 0] * scale)
        assert np.array_equal(module.hidden.bias.detach(), u[:, 1] * scale)
        assert np.array_equal(module.output.weight.detach(), v[:, :-1] * scale)
        assert np.array_equal(module.output.bias.detach(), v[0, -1:] * scale)


def test_it_is_a_plain_module():
    module = Perceptron(3)()
    assert {name: type(child) for name, child in module.named_children()} == {
        "hidden": nn.Linear,
        "sigmoid": nn.Sigmoid,
        "output": nn.Linear,
    }
    assert all(parameter.dtype == torch.float64 for parameter in module.parameters())
    inputs = torch.linspace(-5, 5, 4, dtype=torch.float64)[:, None]
    expected = (
        module.output.bias
        + torch.sigmoid(inputs @ module.hidden.weight.T + module.hidden.bias) @ module.output.weight.T
    )
    assert torch.allclose(module(inputs), expected)


def test_each_seed_has_weights_of_its_own_and_always_the_same():
    drawn = []
    for seed in (0, 1, 2, 1):
        torch.manual_seed(seed)
        drawn.append(Perceptron(20)().hidden.weight.detach())
    assert torch.equal(drawn[1], drawn[3])
    assert len({tuple(weights.flatten().tolist()) for weights in drawn}) == 3
    expected = np.random.default_rng(1).normal(0, 0.01, (19, 2))[:, :1]
    assert np.array_equal(drawn[1], expected)


@pytest.mark.parametrize(("scale", "published"), [(1.0, 0.00678), (10.0, 0.00665)])
def test_the_final_test_error_is_the_published_one(scale, published):
    """(f1, 3, 0.1, 1000): half the mean squared error on the test set after a thousand updates, to all digits known."""
    found = trained("f1", 3, 1001, scale, lr=[0.1])
    assert round(float(found.val_loss.sel(step=1000)[0]), 5) == published


@pytest.mark.parametrize(("target", "hidden", "lrs"), [("f1", 3, (0.1, 1.0)), ("f2", 8, (0.005, 0.02))])
def test_every_step_equals_the_script_of_experiment_1(target, hidden, lrs):
    found = trained(target, hidden, 200, lr=lrs, seed=[0, 7])
    for lr in lrs:
        for seed in (0, 7):
            errors = plain(target, hidden, lr, 200, seed or PUBLISHED)
            one = found.sel(lr=lr, seed=seed)
            np.testing.assert_allclose([one.loss, one.val_loss], errors, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"hidden": 1}, "hidden must be greater than or equal to 2; got 1."),
        ({"init_scale": 0.0}, "init_scale must be greater than 0; got 0.0."),
        ({"init_scale": float("inf")}, "init_scale must be a finite number; got inf."),
    ],
)
def test_what_cannot_be_is_said(fields, sentence):
    with pytest.raises(InputError) as caught:
        Perceptron(**fields)
    assert str(caught.value) == sentence
