"""What every engine does with a piece of work, with trainings and studies, and with workers that die.

They stand in one file, so that the workers are started once.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from torch import nn

import lrscope
from command_scripts import command
from killed_trainings import check_killed_at_random, check_repeated_by_another_worker, killed, terminated
from lrscope import engines, records, studies
from lrscope.commands import Running, Trainings
from lrscope.data import Shape
from lrscope.engines import ATTEMPTS, Processes, WorkerError
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.probes import Activations, Gradients, Weights, every
from lrscope.studies import Folder, Where
from lrscope.training import Experiment, Sweep, _loop, stream, train
from study_runs import SMALL, alive, wait_until

SOURCE = Path(lrscope.__file__).parents[1]


def dies_until(file: Path, attempts: int) -> Callable[[], int]:
    """Return a function that kills its process, but for the last of some attempts, and returns how many there were.

    It travels by value, so that new workers do not import what this file does.
    """

    def dies() -> int:
        with file.open("a") as opened:
            opened.write("x")
        if file.stat().st_size < attempts:
            os.kill(os.getpid(), signal.SIGKILL)
        return file.stat().st_size

    return dies


def test_what_a_function_returns_arrives_and_can_be_written(engine):
    array = engine.submit(lambda scale: scale * np.arange(3.0), scale=2).result()
    array += 1
    np.testing.assert_array_equal(array, [1, 3, 5])


def test_as_many_pieces_as_one_likes(engine):
    futures = [engine.submit(pow, number, 2) for number in range(20)]
    assert [future.result() for future in futures] == [number**2 for number in range(20)]


def test_the_error_of_a_function_is_that_of_the_future(engine):
    def fails() -> None:
        raise InputError("lr must be above 0; got -1.")

    with pytest.raises(InputError, match=r"^lr must be above 0; got -1\.$"):
        engine.submit(fails).result()


@pytest.fixture(params=["processes", "on_ray"])
def workers(request):
    return request.getfixturevalue(request.param)


def test_a_piece_whose_worker_dies_is_called_again(workers, tmp_path):
    others = [workers.submit(pow, number, 2) for number in range(4)]
    assert workers.submit(dies_until(tmp_path / "attempts", ATTEMPTS)).result() == ATTEMPTS
    assert [future.result() for future in others] == [0, 1, 4, 9]


def test_a_piece_whose_workers_always_die_is_given_up_and_the_engine_goes_on(workers, tmp_path):
    with pytest.raises(WorkerError, match="given up"):
        workers.submit(dies_until(tmp_path / "attempts", 1 + ATTEMPTS)).result()
    assert (tmp_path / "attempts").stat().st_size == ATTEMPTS
    assert workers.submit(pow, 2, 3).result() == 8


def test_ctrl_c_is_the_drivers(processes):
    assert processes.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN


def test_the_cores_are_divided_among_the_processes():
    with Processes(1) as one, Processes(10**6) as many:
        threads = one.submit(os.environ.get, "OMP_NUM_THREADS").result()
        assert int(threads) >= 1
        assert many.submit(os.environ.get, "OMP_NUM_THREADS").result() == "1"


def test_processes_end_at_once_if_they_are_told_to(tmp_path):
    engine = Processes(1)
    pid = engine.submit(os.getpid).result()
    hanging = [engine.submit(time.sleep, 600) for _ in range(2)]
    engine.shutdown(cancel_futures=True)
    assert not alive(pid)
    assert all(future.cancelled() or isinstance(future.exception(), WorkerError) for future in hanging)


def test_processes_do_not_outlive_a_driver_that_is_killed(tmp_path):
    driver = """
import os, time
from lrscope.engines import Processes
engine = Processes(2)
pids = {engine.submit(lambda: (time.sleep(0.2), os.getpid())[1]) for _ in range(4)}
print(*{future.result() for future in pids}, flush=True)
hanging = [engine.submit(time.sleep, 600) for _ in range(2)]
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    running = subprocess.Popen([sys.executable, "-c", driver], stdout=subprocess.PIPE, text=True, env=environment)
    pids = [int(pid) for pid in running.stdout.readline().split()]
    assert pids
    assert all(map(alive, pids))
    running.kill()
    running.wait()
    running.stdout.close()
    wait_until(lambda: not any(map(alive, pids)))


def test_a_process_that_is_killed_while_it_sends_a_result_is_noticed():
    """The process ends after the first 1000 bytes that it writes to a pipe."""

    def dies_writing() -> np.ndarray:
        def write(pipe: int, data: bytes) -> int:
            written = os.write(pipe, data[:1000])
            os.kill(os.getpid(), signal.SIGKILL)
            return written

        Connection._send.__defaults__ = (write,)
        return np.zeros(10**6)

    with Processes(1) as engine:
        assert engine.submit(dies_writing).result(60).shape == (10**6,)
        assert engine.submit(pow, 2, 3).result(60) == 8


@pytest.mark.parametrize("workers", [0, -1, True, 1.5])
def test_a_number_of_workers_that_is_none_is_refused(workers):
    with pytest.raises(InputError, match="workers"):
        Processes(workers)


def test_a_device_that_is_not_there_is_refused(on_ray):
    with pytest.raises(InputError, match="no GPU"):
        engines.Ray(device="cuda")
    with pytest.raises(InputError, match="auto, cpu or cuda"):
        engines.Ray(device="gpu")
    assert on_ray.submit(pow, 2, 3).result() == 8


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


def test_little_work_goes_to_workers_that_have_started():
    with Processes(2) as engine:
        engine.submit(int).result()
        run = stream(experiment(), device="cpu", engine=engine)
        assert sorted(block.member.size for block in run) == [4, 4]


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


def test_workers_that_die_lose_nothing_and_count_nothing_twice(workers, tmp_path):
    asked = {"probes": (Weights(),), "sweep": Sweep(lr=[0.001, 0.01], seed=[0, 1])}
    expected = train(experiment(model=lambda: nn.Linear(2, 2), **asked))
    seen = []
    blocks = list(
        stream(
            experiment(model=kills(tmp_path, 3), **asked),
            engine=workers,
            progress=lambda *counts: seen.append(counts),
        )
    )
    xr.testing.assert_allclose(records.on_grid(joined(blocks)), expected, rtol=1e-10, atol=1e-12)
    assert seen[-1] == (4 * 12, 4 * 12)


@pytest.mark.long
def test_sixty_four_pieces_with_workers_killed_at_random_are_those_of_one_process(workers):
    lrs, seeds = [0.0001 * 2**number for number in range(8)], range(8)
    asked = experiment(sweep=Sweep(lr=lrs, seed=seeds), probes=(Weights(when=every(20)),), epochs=100)
    blocks = []
    for block in stream(asked, device="cpu", chunk_size=1, engine=workers):
        blocks.append(block)
        if len(blocks) in (5, 20, 35, 50):  # this process goes on when the worker has begun its next piece
            os.kill(workers.submit(os.getpid).result(), signal.SIGKILL)
    assert len(blocks) >= 64
    expected = train(asked, device="cpu", chunk_size=1)
    xr.testing.assert_allclose(records.on_grid(joined(blocks)), expected, rtol=1e-10, atol=1e-12)


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


@pytest.mark.parametrize("study", SMALL)
@pytest.mark.usefixtures("on_ray")
def test_every_study_runs_on_a_ray(tmp_path, study):
    options, folder = studies.study(study).options(**SMALL[study]), Folder(tmp_path / "run")
    assert studies.run(study, options, folder, command="", where=Where(engine="ray", workers=2))
    described = json.loads((folder.path / "experiment.json").read_text())
    assert described["finished"]
    assert described["machine"]["workers"] == "Ray, 2 workers of one core"


def test_trainings_by_command_are_those_of_this_machine(on_ray, tmp_path):
    grid = {"sweep": Sweep(lr=[0.001, 0.01], seed=[0, 1]), "metric": "val_loss"}
    (expected,) = Running(Trainings(command=command(tmp_path), **grid), tmp_path / "here")
    running = Running(Trainings(command=command(tmp_path), **grid), tmp_path / "workers", engine=on_ray)
    (got,) = running
    xr.testing.assert_identical(got, expected)
    assert running.workers == "Ray, 2 workers of one core"


@pytest.mark.parametrize("end", [killed, terminated])
def test_a_command_ends_with_its_worker_and_is_run_by_another(on_ray, tmp_path, end):
    check_repeated_by_another_worker(tmp_path, on_ray, lambda worker, _command: end(worker))


@pytest.mark.long
def test_sixty_four_commands_with_workers_and_run_killed_at_random_are_those_of_this_machine(tmp_path):
    pytest.importorskip("ray")
    check_killed_at_random(tmp_path, ["--engine", "ray", "--workers", "2"], 3 * [killed, terminated])
