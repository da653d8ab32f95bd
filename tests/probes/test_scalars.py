"""One number a step."""

import torch
from torch import nn

from lrscope.probes import GradientNorm, LearningRate, Loss, Outputs, UpdateSize


def test_each_is_what_its_name_says(moment_of):
    torch.manual_seed(0)
    module, inputs, targets = nn.Linear(3, 2).double(), torch.randn(5, 3).double(), torch.randn(5, 2).double()
    moment = moment_of(module, inputs, targets, lr=0.25)
    values = {}
    for probe in (Loss(), LearningRate(), GradientNorm(), UpdateSize()):
        values |= probe.measure({}, moment)[0]
    squared = ((module(inputs) - targets) ** 2).mean()
    length = sum((parameter.grad**2).sum() for parameter in module.parameters()).sqrt()
    assert torch.isclose(values["loss"], squared)
    assert values["learning_rate"] == 0.25
    assert torch.isclose(values["gradient_norm"], length)
    assert torch.isclose(values["update_size"], 0.25 * length)


def test_outputs_stand_beside_targets_flattened(moment_of):
    module = nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2)))
    moment = moment_of(module, torch.randn(5, 3), torch.randn(5, 2, 2))
    values, _ = Outputs().measure({}, moment)
    assert torch.equal(values["targets"], moment.targets.reshape(5, 4))
    assert torch.allclose(values["outputs"], moment.outputs.reshape(5, 4))
    assert [label.dims for label in Outputs().labels(moment.structure)] == [("sample", "output"), ("sample", "output")]


def test_targets_of_another_size_have_a_dimension_of_their_own(moment_of):
    moment = moment_of(nn.Linear(3, 4), torch.randn(5, 3), torch.randn(5, 4))
    classes = type(moment.structure)((), (), output_size=4, target_size=1)
    assert [label.dims for label in Outputs().labels(classes)] == [("sample", "output"), ("sample", "target")]
