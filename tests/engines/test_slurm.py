"""Workers that are jobs of Slurm: of a Slurm of one node where it can be started, else of submitit's local executor."""

import json
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import submitit
import xarray as xr

from killed_trainings import check_killed_at_random, check_repeated_by_another_worker, killed
from lrscope import records, store
from lrscope.data import Shape
from lrscope.engines import Slurm, WorkerError
from lrscope.engines._calls import packed, reply_to
from lrscope.engines._engine import ATTEMPTS
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.probes import Weights, every
from lrscope.training import Experiment, Sweep, stream, train
from single_node_slurm import jobs, single_node
from study_runs import wait_until

HERE = {"address": "127.0.0.1"}


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with single_node(tmp_path_factory.mktemp("slurm")):
        yield


def test_workers_that_die_are_replaced_and_their_pieces_called_again(tmp_path):
    def dies_once(file: Path) -> int:
        if not file.exists():
            file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    with Slurm(tmp_path / "jobs", 1, cluster="local", **HERE) as engine:
        others = [engine.submit(lambda number: number + np.arange(2), number) for number in range(3)]
        died = engine.submit(dies_once, tmp_path / "begun")
        with pytest.raises(InputError, match="above 0"):
            engine.submit(fails).result()
        pid = died.result()
        np.testing.assert_array_equal([each.result() for each in others], [[0, 1], [1, 2], [2, 3]])
    wait_until(lambda: not Path(f"/proc/{pid}").exists())
    assert not (tmp_path / "jobs").exists()


def test_a_slurm_that_refuses_all_further_jobs_ends_the_run(tmp_path, monkeypatch):
    def submit_array(executor, functions):
        submitted.append(len(functions))
        if len(submitted) > 1:
            raise RuntimeError("sbatch: error: QOSMaxSubmitJobPerUserLimit")
        return []  # jobs that have ended at once

    submitted: list[int] = []
    monkeypatch.setattr(submitit.LocalExecutor, "submit_array", submit_array)
    monkeypatch.setattr("lrscope.engines._slurm.CHECK_SECONDS", 0.1)
    with Slurm(tmp_path / "jobs", 2, cluster="local", **HERE) as engine:
        error = engine.submit(pow, 2, 3).exception(timeout=30)
    assert isinstance(error, WorkerError)
    assert "QOSMaxSubmitJobPerUserLimit" in str(error)
    assert submitted == [2] * ATTEMPTS


@pytest.mark.parametrize("kind", ["exit", "unpicklable"])
def test_an_error_that_cannot_travel_is_returned_as_its_text(kind):
    def raises() -> None:
        class UnpicklableError(Exception):
            def __reduce__(self):
                raise TypeError("cannot be pickled")

        raise SystemExit("what happened") if kind == "exit" else UnpicklableError("what happened")

    returned, error = pickle.loads(reply_to(packed(raises, (), {})))
    assert not returned
    assert isinstance(error, RuntimeError)
    assert "what happened" in str(error)


def fails() -> None:
    raise InputError("lr must be above 0; got -1.")


def test_without_slurm_it_is_said_in_one_sentence_and_nothing_is_written(refused, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "there is no sbatch here" in refused("run", "sweep", "--engine", "slurm")
    monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.delitem(sys.modules, "lrscope.engines._slurm", raising=False)
    assert 'pip install "lrscope[slurm]"' in refused("run", "sweep", "--engine", "slurm")
    assert "--engine slurm" in refused("run", "sweep", "--slurm", "partition=gpu")
    assert "NAME=VALUE" in refused("run", "sweep", "--engine", "slurm", "--slurm", "=gpu")


@pytest.mark.long
def test_what_slurm_refuses_is_said_in_one_sentence_and_nothing_is_written(slurm, refused):
    run = "run", "sweep", "--engine", "slurm"
    assert "partition" in refused(*run, "--slurm", "partition=nowhere")
    assert "--tme=5" in refused(*run, "--slurm", "tme=5")
    assert "gpus-per-node" in refused(*run, "--device", "cuda")
    assert "5000 jobs" in refused(*run, "--workers", "5000")
    assert jobs() == []


@pytest.mark.long
def test_jobs_that_cannot_reach_the_run_end_it_and_their_logs_are_kept(tmp_path):
    with Slurm(tmp_path / "jobs", 1, cluster="local", address="nowhere.invalid") as engine:
        error = engine.submit(pow, 2, 3).exception()
    assert isinstance(error, WorkerError)
    assert "nowhere.invalid" in str(error)
    assert any("nowhere.invalid" in log.read_text() for log in engine.folder.glob("*.err"))


@pytest.mark.long
def test_sixty_four_pieces_with_workers_that_end_at_random_are_those_of_one_process(slurm, tmp_path):
    asked = Experiment(
        data=Shape("circle", samples=20),
        model=Autoencoder(hidden=(6, 4)),
        sweep=Sweep(lr=np.geomspace(1e-4, 1e-2, 8), seed=range(8)),
        epochs=100,
        probes=(Weights(when=every(20)),),
        dtype="float64",
    )
    ways, blocks = ["scontrol requeue", "scancel --signal=KILL", "scancel", "scancel --signal=USR2"], []
    chosen = random.Random(0)
    with Slurm(tmp_path / "jobs", 3, {"time": "10", "requeue": True}, **HERE) as engine:
        for block in stream(asked, device="cpu", chunk_size=1, engine=engine):
            blocks.append(block)
            if ways and len(blocks) % 5 == 0 and (running := jobs("RUNNING")):
                subprocess.run([*ways.pop().split(), chosen.choice(running)], check=True)
    assert not ways
    assert len(blocks) >= 64
    expected = train(asked, device="cpu", chunk_size=1)
    xr.testing.assert_allclose(records.on_grid(records.concatenate(blocks)), expected, rtol=1e-10, atol=1e-12)


RUN = ["run", "fluctuation", "--shapes", "circle", "spiral", "--lrs", "0.001", "0.01", "--epochs", "150"]


@pytest.mark.long
def test_a_driver_that_is_killed_loses_nothing_and_its_workers_end(slurm, commands, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert commands.run([*RUN, "--out", whole], commands.NO_REPORT).code == 0
    on_slurm = ["--engine", "slurm", "--workers", "2", "--slurm", "time=10", "--address", "127.0.0.1"]
    configured = f"import os\nos.environ['SLURM_CONF'] = {os.environ['SLURM_CONF']!r}\n"
    arguments, setup = [*RUN, *on_slurm, "--out", broken], configured + commands.SMALL_BLOCKS + commands.NO_REPORT
    size = lambda: sum(file.stat().st_size for file in broken.glob("records*.root"))  # noqa: E731
    ended = commands.signalled(arguments, signal.SIGKILL, lambda: size() > 100_000, setup=setup)
    assert ended.code == -signal.SIGKILL, ended.err
    wait_until(lambda: not jobs())
    ended = commands.run([*arguments, "--resume"], setup)
    assert ended.code == 0, ended.err
    wait_until(lambda: not jobs())
    assert not (broken / "slurm").exists()
    described = json.loads((broken / "experiment.json").read_text())
    assert described["machine"]["workers"] == "Slurm, 2 workers"
    got, expected = (store.open_records(folder).load() for folder in (broken, whole))
    xr.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(got.step, expected.step)


@pytest.mark.long
def test_sixty_four_commands_with_workers_and_run_killed_at_random_are_those_of_this_machine(slurm, tmp_path):
    def job_of(worker: int) -> str:
        environment = Path(f"/proc/{worker}/environ").read_text().split("\0")
        return next(text.partition("=")[2] for text in environment if text.startswith("SLURM_JOB_ID="))

    def by(words: str) -> Callable[[int], object]:
        return lambda worker: subprocess.run([*words.split(), job_of(worker)], check=True)

    ways = [killed, by("scontrol requeue"), by("scancel"), by("scancel --signal=USR2"), by("scancel --signal=KILL")]
    engine = ["--engine", "slurm", "--workers", "3", "--slurm", "time=10", "--slurm", "requeue"]
    check_killed_at_random(tmp_path, [*engine, "--address", "127.0.0.1"], ways)
    wait_until(lambda: not jobs())


@pytest.mark.long
def test_a_command_that_slurm_ends_with_its_worker_is_run_by_another(tmp_path):
    def warn(worker: int, training: int) -> None:
        for pid in worker, training:  # Slurm sends its signals to all processes of a job
            os.kill(pid, signal.SIGUSR2)

    with Slurm(tmp_path / "jobs", 1, cluster="local", **HERE) as engine:
        check_repeated_by_another_worker(tmp_path, engine, warn)
