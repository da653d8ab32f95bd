"""Several steps as one compiled program: the records of single steps, whatever happens on the way."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from lrscope import records
from lrscope.data import Function, Samples
from lrscope.models import Perceptron
from lrscope.optim import SGD, Adam, Cosine, GradientAngle, SharpnessCapped
from lrscope.probes import GradientAngle as AngleProbe
from lrscope.probes import (
    GradientNorm,
    GradientPath,
    LearningRate,
    Loss,
    Oscillation,
    PreconditionedSharpness,
    Probe,
    Sharpness,
    UpdateSize,
    ValidationLoss,
    Weights,
    every,
)
from lrscope.records import Variable
from lrscope.specification import specification
from lrscope.training import Experiment, Sweep, stream, train
from lrscope.training import _compiled as compiler
from lrscope.training import _ensemble as ensemble
from lrscope.training import _loop as loop
from lrscope.training import _plan as plan


def compiles() -> bool:
    try:
        compiler._compiler("cpp_builder").get_cpp_compiler()
    except compiler._compiler("exc").InvalidCxxCompiler:
        return False
    return True


needs_compiler = pytest.mark.skipif(not compiles(), reason="there is no C++ compiler")


@specification
class Remembering(Probe):
    """The loss of five steps before, handed on from one place of the state to the next."""

    when: object = every()

    def labels(self, structure):
        return (Variable("old_loss", "old_loss", "old loss"),)

    def init(self, parameters):
        zero = next(iter(parameters.values())).new_zeros(())
        return {f"age{age}": zero for age in range(5)}

    def follow(self, state, moment):
        return {"age0": moment.loss} | {f"age{age}": state[f"age{age - 1}"] for age in range(1, 5)}

    def measure(self, state, moment):
        return {"old_loss": state["age4"]}, self.follow(state, moment)


PROBES = [Loss(), GradientNorm(), AngleProbe(), GradientPath(), Oscillation(), ValidationLoss(), Remembering()]
LRS = (0.1, 0.3, 1e7)
"""The last one diverges at step 22, the second of a stride of three."""


def perceptron(**fields):
    data = Function("f1", samples=50, test_samples=10)
    given = {"data": data, "model": Perceptron(3), "loss": "half_mse", "optimizer": SGD(), "sweep": Sweep(lr=LRS),
             "steps": 200, "probes": PROBES, "dtype": "float64"}  # fmt: skip
    return Experiment(**given | fields)


@pytest.fixture(scope="module")
def compiling():
    """Every training on a CPU is compiled, in programs of three steps, run up to four times at once; noted are both."""
    programs, replays = [], []
    make, run = ensemble.compiled, ensemble.Replay.run

    def noting(*arguments):
        programs.append(make(*arguments))
        return programs[-1]

    def counting(replay, state, first, factors):
        replays.append(range(first, first + len(factors)))
        return run(replay, state, first, factors)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "COMPILED_FROM", -1.0)
        patch.setattr(plan, "LENGTHS", range(3, 4))
        patch.setattr(plan, "ROUNDS", 4)
        patch.setattr(loop, "BLOCK_SECONDS", np.inf)
        patch.setattr(ensemble, "compiled", noting)
        patch.setattr(ensemble.Replay, "run", counting)
        yield programs, replays


def finished(experiment, **options):
    """Return the records of a training, its blocks, and its last state."""
    run = stream(experiment, device="cpu", **options)
    blocks = list(run)
    return records.concatenate(blocks), blocks, run.state


@pytest.fixture(scope="module")
def single():
    return finished(perceptron())


@pytest.fixture(scope="module")
def whole(single, compiling):
    """The same training compiled, in several blocks."""
    programs, replays = compiling
    programs.clear(), replays.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "BLOCK_BYTES", 20_000)
        found = finished(perceptron())
    assert [program is not None for program in programs] == [True]
    assert [len(steps) for steps in replays] == [12] * 16 + [6]
    return found


def same(found, expected, rtol=1e-9):
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=rtol, atol=1e-12, err_msg=name)


@needs_compiler
def test_compiled_strides_give_the_records_of_single_steps(whole, single):
    same(whole[0], single[0])
    assert whole[0].loss.notnull().all("step").values.tolist() == [True, True, False]


@needs_compiler
def test_a_state_that_is_handed_on_longer_than_a_program_survives(whole):
    loss = whole[0].loss.values[:2]
    np.testing.assert_allclose(whole[0].old_loss.values[:2, 5:], loss[:, :-5], rtol=1e-12)
    assert (whole[0].old_loss.values[:2, :5] == 0).all()


@needs_compiler
def test_a_member_that_diverges_inside_a_stride_freezes_where_it_does_alone(whole, single):
    at = whole[0].diverged_at.isel(member=2)
    assert int(at[-1]) == 22
    assert at.values.tolist() == [-1] * 22 + [22] * 178
    assert whole[0].loss.isel(member=2, step=slice(22)).notnull().all()
    assert whole[0].loss.isel(member=2, step=slice(23, None)).isnull().all()
    frozen, alone = (state["chunk/0/parameters"][2] for _, _, state in (whole, single))
    assert np.isfinite(frozen).all()
    np.testing.assert_allclose(frozen, alone, rtol=1e-9)


@needs_compiler
def test_a_resume_in_the_middle_of_a_compiled_training_has_the_same_records(whole, compiling, monkeypatch):
    monkeypatch.setattr(loop, "BLOCK_BYTES", 20_000)
    assert len(whole[1]) == 3
    first = stream(perceptron(), device="cpu")
    blocks = [next(first) for _ in range(1)]
    assert 0 < first.state["chunk/0/step"] < 200
    blocks += stream(perceptron(), device="cpu", checkpoint=first.state)
    assert [block.sizes["step"] for block in blocks] == [block.sizes["step"] for block in whole[1]]
    same(records.concatenate(blocks), whole[0], rtol=1e-12)


@needs_compiler
@pytest.mark.long
def test_a_resume_with_single_steps_goes_on_compiled_at_the_next_stride(whole, compiling, single):
    """The training came from a machine without a compiler and stopped in the middle of a stride."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "COMPILED_FROM", np.inf)
        patch.setattr(loop, "BLOCK_SECONDS", 0.0)
        first = stream(perceptron(), device="cpu")
        blocks = [next(first) for _ in range(40)]
    compiling[1].clear()
    blocks += stream(perceptron(), device="cpu", checkpoint=first.state)
    assert compiling[1][0] == range(48, 60)
    same(records.concatenate(blocks), single[0])


def test_without_a_compiler_training_goes_on_step_by_step(compiling, single, monkeypatch):
    programs, replays = compiling
    programs.clear(), replays.clear()

    def none():
        raise compiler._compiler("exc").InvalidCxxCompiler

    monkeypatch.setattr(compiler._compiler("cpp_builder"), "get_cpp_compiler", none)
    found, _, _ = finished(perceptron())
    assert programs == [None]
    assert not replays
    same(found, single[0], rtol=0)


def test_a_graph_that_the_compiler_refuses_is_said_and_trained_step_by_step(compiling, single, monkeypatch):
    def refuse(*arguments):
        raise compiler._compiler("exc").InductorError(ValueError("no such operation\nand more"), None)

    monkeypatch.setattr(compiler._compiler("compile_fx"), "compile_fx_inner", refuse)
    monkeypatch.setattr(compiler._compiler("cpp_builder"), "get_cpp_compiler", lambda: "g++")
    with pytest.warns(RuntimeWarning) as caught:
        found, _, _ = finished(perceptron())
    assert [str(one.message) for one in caught] == [
        "the steps could not be compiled and run one by one: ValueError: no such operation"
    ]
    same(found, single[0], rtol=0)


def test_minibatches_and_large_networks_are_not_compiled(compiling):
    programs, _ = compiling
    programs.clear()
    train(perceptron(batch_size=10, steps=20, probes=[]), device="cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "COMPILED_BYTES", 100)
        train(perceptron(steps=20, probes=[]), device="cpu")
    assert programs == []


class Deep(nn.Module):
    """Layers wide enough for matrix products, with running statistics, dropout, and what writes over its inputs."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 40, bias=False), nn.BatchNorm1d(40), nn.ReLU(True), nn.Dropout(0.3))
        self.last = nn.Linear(40, 2)

    def forward(self, inputs):
        outputs = self.last(self.layers(inputs))
        outputs *= 2
        return outputs


def deep(**fields):
    draw = np.random.default_rng(0)
    data = Samples(
        draw.normal(size=(30, 3)), draw.normal(size=(30, 2)), validation=(draw.normal(size=(4, 3)), np.ones((4, 2)))
    )
    return perceptron(data=data, model=Deep, steps=60, sweep=Sweep(lr=[0.01, 0.1], seed=[0, 1]), **fields)


LONG = {
    "controller": lambda: perceptron(schedule=GradientAngle(), optimizer=SGD(momentum=0.5), sweep=Sweep(lr=[0.1, 0.2]),
                                     steps=100, probes=[LearningRate(reasons=True), Loss(), Weights(when=every(7))]),
    "sharpness": lambda: perceptron(schedule=SharpnessCapped(), sweep=Sweep(lr=[0.1, 3.0]), steps=60,
                                    probes=[LearningRate(reasons=True), Sharpness(when=every(10)), UpdateSize()]),
    "Adam": lambda: perceptron(optimizer=Adam(), schedule=Cosine(), sweep=Sweep(lr=[0.01, 0.1]),
                               probes=[Loss(), PreconditionedSharpness(when=every(20)), Oscillation(when=every(4))]),
    "each its own data": lambda: perceptron(sweep=Sweep(target=["f1", "f2"], lr=[0.01, 0.02]), steps=60),
    "noise and statistics": lambda: deep(),
}  # fmt: skip
"""Name -> an experiment; each takes some ten seconds to compile."""


@needs_compiler
@pytest.mark.long
@pytest.mark.parametrize("name", LONG)
def test_whatever_is_trained_may_be_compiled(name, compiling):
    experiment = LONG[name]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "COMPILED_FROM", np.inf)
        expected = finished(experiment)
    programs, replays = compiling
    programs.clear(), replays.clear()
    found = finished(experiment)
    assert programs
    assert None not in programs
    assert sum(map(len, replays)) > experiment.steps / 2
    same(found[0], expected[0])
    assert found[2].keys() == expected[2].keys()
    for key in found[2]:
        np.testing.assert_allclose(found[2][key], expected[2][key], rtol=1e-9, atol=1e-12, err_msg=key)


POOLED = """
from torch import nn
from lrscope.data import Digits
from lrscope.training import Experiment, Sweep, _loop, train

def pooled():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 10))

for _loop.COMPILED_FROM in (-1.0, float("inf")):
    fields = {"data": Digits(samples=20), "model": pooled, "loss": "cross_entropy", "dtype": "float64"}
    print(train(Experiment(**fields, sweep=Sweep(lr=[0.1]), steps=12), device="cpu").loss.values[0, -1])
"""


@needs_compiler
@pytest.mark.long
def test_pooling_is_compiled_where_nothing_of_the_compiler_is_imported_yet():
    done = subprocess.run([sys.executable, "-c", POOLED], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    compiled, single = map(float, done.stdout.split())
    assert compiled == pytest.approx(single, rel=1e-9)


@needs_compiler
@pytest.mark.long
def test_in_float32_compiled_steps_differ_by_rounding(compiling):
    experiment = perceptron(dtype="float32", sweep=Sweep(lr=[0.1, 0.3]), probes=[Loss(), GradientNorm()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "COMPILED_FROM", np.inf)
        expected = finished(experiment)[0]
    found = finished(experiment)[0]
    assert found.loss.dtype == np.float32
    same(found, expected, rtol=1e-4)


@needs_compiler
@pytest.mark.long
def test_lanes_compile_and_train_side_by_side(compiling):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        several = perceptron(sweep=Sweep(lr=[0.05, 0.1, 0.2, 0.3]))
        found = finished(several)[0].sortby("member")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "COMPILED_FROM", np.inf)
            same(found, finished(dataclasses.replace(several))[0].sortby("member"))
    finally:
        torch.set_num_threads(before)
