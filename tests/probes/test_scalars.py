"""One number a step."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Arrays, Function, Samples
from lrscope.errors import InputError
from lrscope.models import Perceptron
from lrscope.optim import SGD
from lrscope.probes import GradientNorm, LearningRate, Loss, Outputs, UpdateSize, ValidationLoss
from lrscope.training import Experiment, Sweep, stream, train


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


def test_a_moment_without_what_is_needed_is_said(moment_of):
    moment = moment_of(nn.Linear(3, 2), torch.ones(4, 3), torch.ones(4, 2))
    bare = dataclasses.replace(moment, inputs=None, val_loss=None)
    with pytest.raises(
        InputError, match=r"Outputs must be measured with an evaluation of the data; the moment has none\."
    ):
        Outputs().measure({}, bare)
    with pytest.raises(
        InputError, match=r"ValidationLoss must be measured with validation samples; the moment has none\."
    ):
        ValidationLoss().measure({}, bare)


def test_a_rate_that_nobody_explains_is_unchanged(moment_of):
    moment = moment_of(nn.Linear(3, 2), torch.ones(4, 3), torch.ones(4, 2))
    assert list(LearningRate().measure({}, moment)[0]) == ["learning_rate"]
    values, _ = LearningRate(reasons=True).measure({}, moment)
    assert (int(values["rate_reason"]), values["rate_reason"].dtype) == (0, torch.int64)
    explained = dataclasses.replace(moment, rate_reason=torch.tensor(3))
    assert int(LearningRate(reasons=True).measure({}, explained)[0]["rate_reason"]) == 3


class Normalised(nn.Module):
    """Behaves differently in training: batch statistics and dropout."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.3))
        self.last = nn.Linear(6, 2)

    def forward(self, inputs):
        return self.last(self.layers(inputs))


DRAW = np.random.default_rng(3)
LEARNED = DRAW.normal(size=(9, 3)), DRAW.normal(size=(9, 2))
VALIDATION = DRAW.normal(size=(5, 3)), DRAW.normal(size=(5, 2))


def holding_out(validation, model=Normalised, **fields):
    given = {
        "optimizer": SGD(),
        "steps": 8,
        "dtype": "float64",
        "loss": "half_mse",
        "probes": [ValidationLoss()],
    } | fields
    return Experiment(data=Samples(*LEARNED, validation=validation), model=model, sweep=Sweep(lr=[0.1, 0.5]), **given)


def test_the_validation_loss_is_that_of_the_module_in_evaluation_mode():
    """At the first step; later ones, with running statistics, are those of a plain loop in test_accuracy.py."""
    found = train(holding_out(VALIDATION), device="cpu").val_loss
    torch.manual_seed(0)
    fresh = Normalised().double().eval()
    inputs, targets = map(torch.from_numpy, VALIDATION)
    expected = (fresh(inputs) - targets).square().mean() / 2
    assert np.allclose(found[:, 0], expected.item(), rtol=1e-12)


def test_samples_validation_never_influence_training():
    ends = []
    for validation, probes in [
        (None, []),
        (VALIDATION, []),
        (VALIDATION, [ValidationLoss()]),
        (LEARNED, [ValidationLoss()]),
    ]:
        run = stream(holding_out(validation, probes=probes, batch_size=3), device="cpu")
        losses = np.concatenate([block.loss.values for block in run], axis=1)
        ends.append((losses, run.state["chunk/0/parameters"]))
    for losses, parameters in ends[1:]:
        assert np.array_equal(losses, ends[0][0])
        assert np.array_equal(parameters, ends[0][1])


def test_a_function_holds_out_points_of_its_own_for_each_member():
    fields = {"loss": "half_mse", "optimizer": SGD(), "steps": 2, "dtype": "float64", "probes": [ValidationLoss()]}
    axes = {"target": ["f1", "f2"], "test_samples": [5, 7]}
    sweep = Sweep(lr=[0.1], **axes)
    records = train(Experiment(data=Function(samples=20), model=Perceptron(), sweep=sweep, **fields))
    torch.manual_seed(0)
    module = Perceptron()()
    for target, count in itertools.product(*axes.values()):
        inputs, targets = map(torch.from_numpy, dataclasses.astuple(Function(target, 20, count).validation()))
        expected = nn.functional.mse_loss(module(inputs), targets) / 2
        found = records.val_loss.sel(target=target, test_samples=count).isel(lr=0, step=0)
        assert float(found) == pytest.approx(expected.item(), rel=1e-12)


class Bare:
    """A data set that knows nothing of validation samples."""

    def arrays(self):
        return Arrays(*LEARNED)


def test_data_that_hold_nothing_out_are_said():
    """A data set that cannot when the experiment is made; one that could, but has nothing, before the first step."""
    sentence = "data must be a data set with validation samples, for a probe that measures them; got "
    with pytest.raises(InputError) as caught:
        dataclasses.replace(holding_out(VALIDATION), data=Bare())
    assert str(caught.value).startswith(sentence)
    with pytest.raises(InputError) as caught:
        stream(holding_out(None), device="cpu")
    assert str(caught.value).startswith(sentence)


def test_describing_an_experiment_calls_nobodys_function():
    """An experiment that was read from JSON names functions; only training imports them."""
    fields = {"model": Perceptron(), "sweep": Sweep(lr=[0.1]), "steps": 2, "probes": [ValidationLoss()]}
    experiment = Experiment(data=Function("lrscope_nowhere:function"), **fields)
    assert Experiment.from_json(experiment.to_json()) == experiment
    with pytest.raises(InputError, match="target must name a function that can be imported; got 'lrscope_nowhere:func"):
        stream(experiment, device="cpu")
