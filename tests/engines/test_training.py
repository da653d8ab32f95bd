"""Trainings by the workers of an engine: the records of this process, whatever dies."""

import os
import signal
from pathlib import Path

import pytest
import xarray as xr
from torch import nn

from lrscope import records
from lrscope.data import Shape
from lrscope.engines import Processes
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.probes import Activations, Gradients, Weights, every
from lrscope.training import Experiment, Sweep, _loop, stream, train


def experiment(**changes):
    fields = {
        "data": Shape("circle", samples=20),
        "model": Autoencoder(hidden=(6, 4)),
        "sweep": Sweep(shape=["circle", "spiral"], lr=[0.001, 0.01], seed=[0, 1]),
        "epochs": 12,
        "probes": (Weights(), Activations(when=every(5)), Gradients()),
        "dtype": "float64",
    }
    return Experiment(**{**fields, **changes})


def joined(blocks):
    return records.concatenate(blocks).sortby("member")


def test_the_records_are_those_of_this_process(engine):
    xr.testing.assert_allclose(train(experiment(), engine=engine), train(experiment()), rtol=1e-10, atol=1e-12)


def test_a_model_of_a_notebook_and_a_controller(engine):
    asked = experiment(
        model=lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)), probes=(), batch_size=8
    )
    xr.testing.assert_allclose(train(asked, engine=engine), train(asked), rtol=1e-10, atol=1e-12)


def test_there_is_a_chunk_for_every_worker(processes):
    blocks = list(stream(experiment(), device="cpu", engine=processes))
    assert sorted(block.member.values.tolist() for block in blocks) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_little_work_is_done_in_this_process():
    engine = Processes(2)
    run = stream(experiment(), device="cpu", engine=engine)
    assert [block.member.size for block in run] == [8]


def test_progress_counts_every_step_once(processes):
    seen = []
    run = stream(experiment(), device="cpu", engine=processes, progress=lambda *counts: seen.append(counts))
    list(run)
    assert seen == sorted(seen)
    assert seen[-1] == (run.total, run.total) == (8 * 12, 8 * 12)


def kills(folder: Path, times: int):
    """Return a model that kills its process the first few times that it is made."""

    def model() -> nn.Module:
        made = folder / "made"
        with made.open("a") as opened:
            opened.write("x")
        if made.stat().st_size <= times and os.getpid() != driver:
            os.kill(os.getpid(), signal.SIGKILL)
        return nn.Linear(2, 2)

    driver = os.getpid()
    return model


def test_workers_that_die_lose_nothing_and_count_nothing_twice(workers_that_die, tmp_path):
    asked = {"probes": (Weights(),), "sweep": Sweep(lr=[0.001, 0.01], seed=[0, 1])}
    expected = train(experiment(model=lambda: nn.Linear(2, 2), **asked))
    seen = []
    blocks = list(
        stream(
            experiment(model=kills(tmp_path, 3), **asked),
            engine=workers_that_die,
            progress=lambda *counts: seen.append(counts),
        )
    )
    xr.testing.assert_allclose(records.on_grid(joined(blocks)), expected, rtol=1e-10, atol=1e-12)
    assert seen[-1] == (4 * 12, 4 * 12)


@pytest.fixture(params=["processes", "on_ray"])
def workers_that_die(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("resumed_by", ["engine", "this process"])
def test_a_resume_goes_on_anywhere(processes, resumed_by, monkeypatch):
    monkeypatch.setattr(_loop, "BLOCK_BYTES", 1)
    several = experiment(sweep=Sweep(samples=[20, 24], lr=[0.001, 0.003, 0.01], seed=[0, 1, 2]), probes=())
    whole = list(stream(several, device="cpu", engine=processes))
    run = stream(several, device="cpu", engine=processes)
    blocks = [next(run) for _ in range(7)]
    run.stop()
    blocks += run
    assert not run.finished
    rest = stream(several, device="cpu", checkpoint=run.state, engine=processes if resumed_by == "engine" else None)
    blocks += rest
    assert rest.finished
    assert {tuple(block.member.values) for block in blocks} == {tuple(block.member.values) for block in whole}
    xr.testing.assert_identical(joined(blocks), joined(whole))


def test_what_cannot_be_trained_is_the_same_error(processes):
    def branches() -> nn.Module:
        class Branches(nn.Linear):
            def forward(self, inputs):
                return super().forward(inputs) if inputs.sum() > 0 else inputs

        return Branches(2, 2)

    asked = experiment(model=branches, probes=())
    with pytest.raises(InputError) as here:
        train(asked)
    with pytest.raises(InputError) as there:
        train(asked, engine=processes)
    sentences = [str(error.value).partition(" PyTorch says")[0] for error in (here, there)]
    assert sentences[0] == sentences[1]
