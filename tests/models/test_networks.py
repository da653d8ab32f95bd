"""The small networks of the studies, against PyTorch's own layers and the scripts of their sources."""

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Function
from lrscope.models import CNN, MLP, Autoencoder, Perceptron
from lrscope.optim import SGD
from lrscope.probes import ValidationLoss, Weights, every
from lrscope.training import Experiment, Sweep, train


def test_it_is_the_one_of_the_paper():
    """2-64-32-1 and back, ReLU between the layers, none on the code and on the output: 97 and 98 neurons."""
    module = Autoencoder()()
    for part, widths in (("encoder", [2, 64, 32, 1]), ("decoder", [1, 32, 64, 2])):
        layers = list(module.get_submodule(part))
        assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
        linear = layers[::2]
        assert [linear[0].in_features, *(layer.out_features for layer in linear)] == widths
    assert [sum(layer.out_features for layer in part if isinstance(layer, nn.Linear)) for part in module] == [97, 98]


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_it_is_the_one_of_the_post_to_the_bit(seed, simple_cnn):
    torch.manual_seed(seed)
    theirs = simple_cnn()
    torch.manual_seed(seed)
    ours = CNN()()
    expected, parameters = theirs.state_dict(), ours.state_dict()
    assert list(parameters) == list(expected)
    assert all(torch.equal(parameters[name], expected[name]) for name in expected)
    images = torch.rand(5, 1, 28, 28)
    assert torch.equal(ours(images), theirs(images))


@pytest.mark.parametrize(("shape", "features"), [((1, 8, 8), 128), ((3, 32, 32), 2048), ((2, 9, 15), 192)])
def test_it_adapts_to_the_size_of_the_images(shape, features):
    module = CNN(*shape, classes=7)()
    assert module.fc[1].in_features == features
    assert module(torch.rand(4, *shape)).shape == (4, 7)


def test_it_is_pytorchs_own_layers_in_a_row():
    torch.manual_seed(3)
    ours = MLP(64, (32, 16), 10)()
    torch.manual_seed(3)
    layers = nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10)
    inputs = torch.rand(5, 1, 8, 8)
    assert torch.equal(ours(inputs), nn.Sequential(*layers)(inputs))


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
