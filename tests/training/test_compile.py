"""Steps run by `torch.compile`: the records of steps that are not compiled, and a clean fallback."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lrscope import records
from lrscope.data import Digits, Function
from lrscope.models import CNN, Perceptron
from lrscope.optim import SGD, Adam, GradientAngle
from lrscope.probes import GradientAngle as AngleProbe
from lrscope.probes import GradientNorm, LearningRate, Loss, Probe, UpdateSize, ValidationLoss, every
from lrscope.records import Variable
from lrscope.specification import specification
from lrscope.training import Experiment, Sweep, _ensemble
from lrscope.training import _compile as rule
from lrscope.training._loop import Stream

CPU = torch.device("cpu")
LRS = (0.1, 0.3, 1e7)
"""The last one diverges."""


@specification
class LossBefore(Probe):
    """The loss of two steps before, handed on from one place of the state to the next."""

    when: object = every()

    def labels(self, structure):
        return (Variable("old_loss", "old_loss", "old loss"),)

    def init(self, parameters):
        zero = next(iter(parameters.values())).new_zeros(())
        return {"one": zero, "two": zero}

    def measure(self, state, moment):
        return {"old_loss": state["two"]}, {"one": moment.loss, "two": state["one"]}


def perceptron(**fields):
    data = Function("f1", samples=50, test_samples=10)
    probes = [Loss(), GradientNorm(), AngleProbe(), UpdateSize(), ValidationLoss(), LossBefore()]
    given = {"data": data, "model": Perceptron(3), "loss": "half_mse", "optimizer": SGD(), "sweep": Sweep(lr=LRS),
             "steps": 60, "probes": probes, "dtype": "float64"}  # fmt: skip
    return Experiment(**given | fields)


def trained(experiment, progress=None):
    """Return the records, whether each traced step was compiled, and the last state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ensemble, "TRACED_FROM", 1)
        run = Stream(experiment, CPU, progress=progress)
        return records.concatenate(run), [step.compiled for step in run._chunks._prepared.graphs], run.state


def trained_compiled(experiment):
    """The same with every step compiled, and none compiled twice."""

    def no_more(done, _total):
        if done == 3 * len(experiment.sweep):
            torch.compiler.set_stance("fail_on_recompile")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "COMPILE_SECONDS", 0.0)
        try:
            return trained(experiment, no_more)
        finally:
            torch.compiler.set_stance("default")


def same(found, expected):
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


class Noisy(nn.Module):
    """A network with running statistics, dropout and operations that write over their inputs."""

    def __init__(self):
        super().__init__()
        layers = nn.Linear(1, 40, bias=False), nn.BatchNorm1d(40), nn.ReLU(True), nn.Dropout(0.3), nn.Linear(40, 1)
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs):
        outputs = self.layers(inputs)
        outputs *= 2
        return outputs


EXPERIMENTS = {
    "SGD, one member diverges": perceptron,
    "controller": lambda: perceptron(schedule=GradientAngle(), probes=[LearningRate(reasons=True), AngleProbe()]),
    "Adam, batches": lambda: perceptron(optimizer=Adam(), batch_size=25, steps=40),
    "noise and statistics": lambda: perceptron(model=Noisy, sweep=Sweep(lr=[0.01, 0.1], seed=[0, 1])),
}


@pytest.mark.parametrize(
    "name", [next(iter(EXPERIMENTS)), *(pytest.param(name, marks=pytest.mark.long) for name in list(EXPERIMENTS)[1:])]
)
def test_compiled_steps_give_the_records_of_uncompiled_ones(name):
    if not shutil.which(os.environ.get("CXX", "g++")):
        pytest.skip("there is no C++ compiler")
    if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("PyTorch's compiler writes sums in vectors also for a processor that has none, which is refused")
    expected, uncompiled, last = trained(EXPERIMENTS[name]())
    found, compiled, state = trained_compiled(EXPERIMENTS[name]())
    assert uncompiled
    assert not any(uncompiled)
    assert compiled
    assert all(compiled)
    same(found, expected)
    for key, array in last.items():
        np.testing.assert_allclose(state[key], array, rtol=1e-9, atol=1e-12, err_msg=key)
    if name == next(iter(EXPERIMENTS)):
        assert (found.diverged_at.isel(step=-1) >= 0).values.tolist() == [False, False, True]
        np.testing.assert_allclose(found.old_loss[:2, 2:], found.loss[:2, :-2], rtol=1e-12)


WITHOUT = """
import warnings
from tests.training.test_compile import perceptron, rule, trained
rule.COMPILE_SECONDS = 0.0
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", RuntimeWarning)
    found, compiled, _ = trained(perceptron())
print(sum("without compiling" in str(one.message) for one in caught), any(compiled), found.loss.values[0, -1])
"""


def test_without_a_compiler_training_continues_after_one_warning(tmp_path):
    variables = {"CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "PATH": str(tmp_path)}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    warned, compiled, loss = done.stdout.split()
    assert (warned, compiled) == ("1", "False")
    assert float(loss) == pytest.approx(float(trained(perceptron())[0].loss[0, -1]), rel=1e-12)


def test_only_what_is_taken_often_is_compiled():
    seconds = [rule.saved_seconds(steps, 1, 40_000) for steps in (1000, 50_000)]
    assert seconds[0] < rule.COMPILE_SECONDS < seconds[1]
    assert rule.saved_seconds(1000, 500, 40_000) > seconds[0]


def test_convolutions_are_not_compiled(monkeypatch):
    monkeypatch.setattr(rule, "COMPILE_SECONDS", 0.0)
    images = {"data": Digits(samples=20), "model": CNN(height=8, width=8), "loss": "cross_entropy"}
    _, compiled, _ = trained(Experiment(**images, sweep=Sweep(lr=[0.1]), steps=2))
    assert compiled == [False]
