"""The autoencoder of the paper."""

import pytest
import torch
from torch import nn

from lrscope.errors import InputError
from lrscope.models import Autoencoder


def test_it_is_the_one_of_the_paper():
    """2-64-32-1 and back, ReLU between the layers, none on the code and on the output: 97 and 98 neurons."""
    module = Autoencoder()()
    for part, widths in (("encoder", [2, 64, 32, 1]), ("decoder", [1, 32, 64, 2])):
        layers = list(module.get_submodule(part))
        assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
        linear = layers[::2]
        assert [linear[0].in_features, *(layer.out_features for layer in linear)] == widths
    assert [sum(layer.out_features for layer in part if isinstance(layer, nn.Linear)) for part in module] == [97, 98]


def test_initial_weights_are_pytorchs():
    torch.manual_seed(3)
    expected = nn.Linear(2, 64).weight
    torch.manual_seed(3)
    assert torch.equal(Autoencoder()().encoder[0].weight, expected)


def test_widths_are_options():
    module = Autoencoder(inputs=5, hidden=(4,), latent=2)()
    assert [tuple(weight.shape) for weight in module.parameters() if weight.ndim == 2] == [
        (4, 5),
        (2, 4),
        (4, 2),
        (5, 4),
    ]
    assert module(torch.zeros(3, 5)).shape == (3, 5)


def test_a_layer_without_neurons_is_refused():
    with pytest.raises(InputError, match=r"hidden must be greater than or equal to 1; got 0\."):
        Autoencoder(hidden=(64, 0))
