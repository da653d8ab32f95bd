"""The classifier of fully connected layers."""

import pytest
import torch
from torch import nn

from lrscope.errors import InputError
from lrscope.models import MLP
from lrscope.specification import from_json, to_json


def test_it_is_pytorchs_own_layers_in_a_row():
    torch.manual_seed(3)
    ours = MLP(64, (32, 16), 10)()
    torch.manual_seed(3)
    layers = nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 10)
    inputs = torch.rand(5, 1, 8, 8)
    assert torch.equal(ours(inputs), nn.Sequential(*layers)(inputs))


def test_without_hidden_layers_it_is_linear():
    module = MLP(6, (), 3)()
    one, other = torch.rand(2, 4, 2, 3)
    assert torch.allclose(module(one) + module(other), module(one + other) + module(torch.zeros(4, 2, 3)), atol=1e-6)


def test_json_brings_it_back():
    assert from_json(to_json(MLP(9, (4, 5), 2))) == MLP(9, (4, 5), 2)


@pytest.mark.parametrize(("fields", "name"), [((0,), "inputs"), ((4, (0,)), "hidden"), ((4, (3,), 0), "classes")])
def test_what_cannot_be_is_named(fields, name):
    with pytest.raises(InputError, match=f"{name} must be greater than or equal to 1; got 0"):
        MLP(*fields)
