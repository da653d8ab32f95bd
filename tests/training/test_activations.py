"""The outputs of a network's layers, as its modules return them."""

import torch
from torch import nn

from lrscope.training._activations import ActivationCapture

INPUTS = torch.linspace(-1, 1, 6).view(2, 3)


def test_it_stops_when_it_ends_also_after_an_error():
    module = nn.Sequential(nn.Linear(3, 3))
    try:
        with ActivationCapture(module) as capture:
            module(INPUTS)
            raise KeyError
    except KeyError:
        captured = dict(capture.outputs)
    module(INPUTS + 1)
    assert torch.equal(capture.outputs["0"], captured["0"])
    assert not module[0]._forward_hooks


def test_it_captures_nothing_unless_enabled():
    module = nn.Sequential(nn.Linear(3, 3))
    with ActivationCapture(module, enabled=False) as capture:
        module(INPUTS)
    assert capture.outputs == {}
