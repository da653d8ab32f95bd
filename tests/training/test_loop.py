"""The loop: blocks as they come, going on behind a checkpoint, what a run will cost."""

import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr

from lrscope import records
from lrscope.data import Samples, Shape
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.optim import GradientAngle as GradientAngleRate
from lrscope.probes import (
    Activations,
    GradientAngle,
    GradientNorm,
    GradientPath,
    Gradients,
    LearningRate,
    Loss,
    Oscillation,
    Outputs,
    Sharpness,
    UpdateSize,
    Weights,
    at,
    every,
)
from lrscope.training import Experiment, Stream, Sweep, estimate, stream, train
from lrscope.training import _loop as loop

EVERYTHING = [Weights(), Activations(), Gradients(), LearningRate(), GradientNorm(), UpdateSize(), Outputs()]


def full_batch(**fields):
    given = {
        "data": Shape("circle", samples=6),
        "model": Autoencoder(hidden=()),
        "epochs": 12,
        "sweep": Sweep(shape=["circle", "spiral"], lr=[1e-3, 1e-1]),
        "probes": EVERYTHING,
    }
    return Experiment(**given | fields)


def minibatches(cases, **fields):
    model, data, loss = cases["dropout"]
    given = {
        "data": data,
        "model": model,
        "loss": loss,
        "steps": 20,
        "batch_size": 6,
        "sweep": Sweep(lr=[1e-3, 1e-1], seed=[0, 1]),
        "probes": [Weights(), Activations()],
    }
    return Experiment(**given | fields)


@pytest.fixture
def small_blocks(monkeypatch):
    """A run is some three to six blocks."""
    monkeypatch.setattr(loop, "BLOCK_BYTES", 2_000)


def with_states(run):
    """Return the blocks of a run, and its state after each of them."""
    blocks, states = [], []
    for block in run:
        blocks.append(block)
        states.append({name: np.array(value) for name, value in run.state.items()})
    return blocks, states


@pytest.mark.parametrize("chunk_size", [None, 3])
@pytest.mark.parametrize("kind", ["full batch", "minibatches"])
def test_a_resumed_run_has_the_same_records(kind, chunk_size, cases, small_blocks):
    experiment = full_batch() if kind == "full batch" else minibatches(cases)
    whole, states = with_states(stream(experiment, device="cpu", chunk_size=chunk_size))
    assert len(whole) > 2
    expected = records.concatenate(whole)
    for after in (1, len(whole) - 1):
        rest = stream(experiment, device="cpu", checkpoint=states[after - 1])
        xr.testing.assert_identical(records.concatenate([*whole[:after], *rest]), expected)


def test_a_resumed_run_remembers_what_its_probes_and_controller_remembered(small_blocks):
    seldom = [GradientPath(when=every(5)), Oscillation(when=every(5)), Sharpness(0, 2, when=every(5))]
    experiment = full_batch(
        probes=[GradientAngle(), *seldom], schedule=GradientAngleRate(), epochs=60, sweep=Sweep(lr=[1e-3, 1e-1])
    )
    whole, states = with_states(stream(experiment, device="cpu"))
    assert len(whole) == 2
    assert whole[0].step[-1] == 40  # the next measurement of most is at 45
    checkpoint = dict(sorted(states[0].items()))  # the order of its arrays does not matter
    after = [whole[0], *stream(experiment, device="cpu", checkpoint=checkpoint)]
    xr.testing.assert_identical(records.concatenate(after), records.concatenate(whole))


def test_a_checkpoint_is_plain_arrays(small_blocks):
    run = stream(full_batch(), device="cpu")
    next(run)
    assert {"chunk/0/parameters", "chunk/0/step", "chunk_size"} <= set(run.state)
    assert all(isinstance(value, np.ndarray) for value in run.state.values())
    before = {name: value.copy() for name, value in run.state.items()}
    kept = run.state
    next(run)
    assert all(np.array_equal(kept[name], before[name]) for name in before)


@pytest.mark.parametrize("change", [{"model": Autoencoder(hidden=(5,))}, {"sweep": Sweep(lr=[0.1])}])
def test_a_checkpoint_of_another_experiment_is_said(change, small_blocks):
    run = stream(full_batch(), device="cpu")
    next(run)
    other = full_batch(**change)
    with pytest.raises(InputError, match="checkpoint must be a state of the same experiment; got "):
        next(stream(other, device="cpu", checkpoint=run.state))


def test_stop_lets_the_block_in_hand_come_out():
    seen = []

    def progress(done, total):
        seen.append((done, total))
        if done == 4 * 5:
            run.stop()

    run = stream(full_batch(), device="cpu", progress=progress)
    (block,) = run
    assert block.sizes["step"] == 5
    assert seen == [(4 * step, 48) for step in range(1, 6)]
    rest = list(stream(full_batch(), device="cpu", checkpoint=run.state))
    xr.testing.assert_identical(
        records.concatenate([block, *rest]), records.concatenate(stream(full_batch(), device="cpu"))
    )


def test_stop_before_the_first_step_yields_nothing():
    run = stream(full_batch(), device="cpu")
    run.stop()
    assert list(run) == []


def test_progress_counts_networks_times_steps_across_chunks_and_resumes():
    seen = []
    run = stream(full_batch(), device="cpu", chunk_size=2, progress=lambda done, total: seen.append((done, total)))
    assert isinstance(run, Stream)
    assert run.total == 48
    next(run)
    middle = len(seen)
    rest = stream(
        full_batch(), device="cpu", checkpoint=run.state, progress=lambda done, total: seen.append((done, total))
    )
    for _ in rest:
        pass
    assert [done for done, _ in seen] == list(range(2, 49, 2))
    assert 0 < middle < len(seen)


def test_a_slow_training_yields_blocks_by_age(monkeypatch):
    monkeypatch.setattr(loop, "BLOCK_SECONDS", 0.0)
    assert [block.sizes["step"] for block in stream(full_batch(), device="cpu")] == [1] * 12


def test_blocks_are_closed_by_size(monkeypatch):
    monkeypatch.setattr(loop, "BLOCK_BYTES", 4 * 30 * (4 + 8))  # 30 steps of a loss and a divergence of 4 members
    assert [block.sizes["step"] for block in stream(full_batch(epochs=70, probes=[]), device="cpu")] == [30, 30, 10]


def test_no_block_is_empty(monkeypatch):
    monkeypatch.setattr(loop, "BLOCK_SECONDS", 0.0)
    seldom = full_batch(probes=[Loss(when=at(0, 8, -1))])
    assert [block.step.values.tolist() for block in stream(seldom, device="cpu")] == [[0], [8], [11]]


def test_members_with_data_of_different_sizes_train_together():
    sweep = Sweep(samples=[4, 6], lr=[1e-2])
    found = train(full_batch(sweep=sweep, probes=[Weights(), Activations()]), device="cpu")
    for samples in (4, 6):
        alone = train(full_batch(data=Shape("circle", samples), sweep=Sweep(lr=[1e-2])), device="cpu")
        assert np.allclose(found.loss.sel(samples=samples), alone.loss, rtol=1e-5)


def test_full_records_of_data_of_different_sizes_are_filled_up_with_nan():
    found = train(full_batch(sweep=Sweep(samples=[4, 6], lr=[1e-2]), probes=[Outputs()]), device="cpu")
    outputs = found.outputs.isel(lr=0)
    assert outputs.sizes["sample"] == 6
    assert outputs.sel(samples=4).notnull().all("output").values.tolist() == [[True] * 4 + [False] * 2]
    assert outputs.sel(samples=6).notnull().all()


def bytes_of(experiment, **options):
    blocks = list(stream(experiment, device="cpu", **options))
    return sum(array.nbytes for block in blocks for array in block.data_vars.values())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"probes": []},
        {"probes": [Activations(full=True, when=every(5)), Weights(detail="std", when=at(0))]},
        {"dtype": "float64", "steps": 7, "epochs": None},
        {"sweep": Sweep(samples=[4, 6], lr=[1e-2, 1e-1]), "batch_size": 2, "probes": [Loss(when=every(2)), Weights()]},
    ],
)
def test_the_estimate_knows_the_bytes_exactly(fields):
    experiment = full_batch(**fields)
    cost = estimate(experiment, device="cpu", steps=1)
    assert cost.record_bytes == bytes_of(experiment)
    assert cost.members == len(experiment.sweep)


def test_the_estimate_knows_members_and_steps_and_says_so(cases):
    cost = estimate(minibatches(cases), device="cpu", steps=2)
    assert (cost.members, cost.steps) == (4, 20)
    assert cost.seconds > 0
    assert str(dataclasses.replace(cost, record_bytes=2_600_000, seconds=12.3)) == (
        "4 networks, 20 steps each: 3 MB of records, about 12 s"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_said():
    for run in (train, stream, estimate):
        with pytest.raises(InputError) as caught:
            run(full_batch(), device="cuda")
        assert str(caught.value) == (
            "device must be a device of this machine; got 'cuda'. PyTorch finds no CUDA here: use auto or cpu."
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_finds_what_a_cpu_finds():
    experiment = full_batch(dtype="float64")
    on_gpu, on_cpu = (train(experiment, device=device) for device in ("cuda", "cpu"))
    for name in on_cpu:
        assert np.allclose(on_gpu[name], on_cpu[name], rtol=1e-6, atol=1e-9, equal_nan=True), name


def test_an_unknown_device_is_said():
    with pytest.raises(InputError, match=r"device must be auto, cpu or cuda; got 'gpu'\."):
        stream(full_batch(), device="gpu")


@pytest.mark.parametrize("size", [0, -1])
def test_chunks_have_at_least_one_member(size):
    with pytest.raises(InputError, match=rf"chunk_size must be a positive integer; got {size}\."):
        stream(full_batch(), device="cpu", chunk_size=size)


def test_everything_is_checked_before_the_first_step():
    """What does not fit is said when the stream is made, before anybody opens a file for it."""
    inputs = np.zeros((5, 2))
    for fields, start in [
        ({"batch_size": 7}, "batch_size must be at most the 6 samples; got 7."),
        ({"probes": [Weights(include=("encoder.7",))]}, "include must be one of encoder.0, decoder.0; got"),
        ({"probes": [Weights(), Weights(when=at(-1))]}, "probes must record each variable once; got weights_encoder_0"),
        ({"model": Autoencoder(inputs=3)}, "model and loss must accept inputs (6, 2) and targets (6, 2); PyTorch says"),
        (
            {"data": Samples(inputs, inputs[:, :1]), "sweep": Sweep(lr=[1.0])},
            "the model's output for a sample must be of",
        ),
    ]:
        with pytest.raises(InputError) as caught:
            stream(full_batch(**fields), device="cpu")
        assert str(caught.value).startswith(start)
