"""A replicated run may be killed at any moment: `--resume` ends with the records of any other."""

import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from lrscope import store

RUN = ("run", "linearity", "--model", "perceptron", "--replicates", "48", "--epochs", "1")
SMALL_PIECES = """
import lrscope.papers.linearity._replicate as module
module.at_once = lambda *_: 4
module.PIECE_SECONDS = 0.0
"""
"""Set-up that trains four replicates at a time."""


@pytest.fixture(scope="module")
def finished(commands, tmp_path_factory) -> Path:
    """Return the folder of a run that nobody disturbed, in one piece."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    ended = commands.run([*RUN, "--out", folder], commands.NO_REPORT)
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def reference(finished) -> xr.Dataset:
    return read(finished)


def read(folder: Path) -> xr.Dataset:
    return store.open_records(folder).load().drop_vars("seconds_sum")


def pieces(folder: Path) -> list[Path]:
    return sorted((folder / "pieces" / "perceptron").glob("*.npz"))


def killed(commands, folder: Path, count: int, pause: float, resume: bool = False) -> None:
    arguments = [*RUN, "--out", folder, *(["--resume"] if resume else [])]
    when = lambda: len(pieces(folder)) >= count  # noqa: E731
    ended = commands.signalled(arguments, signal.SIGKILL, when, pause, SMALL_PIECES + commands.NO_REPORT)
    assert ended.code in (-signal.SIGKILL, 0), ended.err


def check_complete(folder: Path, reference: xr.Dataset) -> None:
    found = read(folder)
    assert found.attrs["complete"] is True
    xr.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-9)
    assert json.loads((folder / "experiment.json").read_text())["finished"] is True
    assert not list(folder.rglob("*.npz"))
    assert not (folder / "pieces").exists()


def resumed(commands, folder: Path) -> None:
    ended = commands.run([*RUN, "--out", folder, "--resume"], SMALL_PIECES + commands.NO_REPORT)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))])
def test_a_run_killed_twice_ends_with_the_same_sums(commands, reference, tmp_path, seed):
    folder, random = tmp_path / "run", np.random.default_rng(seed)
    for number in range(2):
        killed(commands, folder, 1 + 3 * number + int(random.integers(0, 3)), random.uniform(0, 0.05), number > 0)
    if not json.loads((folder / "experiment.json").read_text())["finished"]:
        resumed(commands, folder)
    check_complete(folder, reference)


def test_a_run_killed_after_its_records_only_becomes_complete(commands, reference, tmp_path):
    folder = tmp_path / "run"
    setup = commands.NO_REPORT + "lrscope.studies.Folder.finish = lambda *_: os.kill(os.getpid(), 9)\n"
    assert commands.run([*RUN, "--out", folder], setup).code == -signal.SIGKILL
    written = [file.name for file in folder.glob("*.root")]
    resumed(commands, folder)
    assert [file.name for file in folder.glob("*.root")] == written
    check_complete(folder, reference)


def test_ctrl_c_keeps_the_pieces_and_says_how_to_go_on(commands, reference, tmp_path):
    folder = tmp_path / "run"
    arguments = [*RUN, "--out", str(folder)]
    when = lambda: len(pieces(folder)) >= 2  # noqa: E731
    ended = commands.signalled(arguments, signal.SIGINT, when, setup=SMALL_PIECES + commands.NO_REPORT)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1].endswith(f"Go on with: lrscope {' '.join(arguments)} --resume")
    assert "Traceback" not in ended.err
    assert 2 <= len(pieces(folder)) < 12
    assert not list(folder.glob("*.root"))
    resumed(commands, folder)
    check_complete(folder, reference)


def test_a_resume_may_choose_no_other_rate(commands, reference, tmp_path):
    folder = tmp_path / "run"
    killed(commands, folder, 2, 0)
    ended = commands.run([*RUN, "--out", folder, "--resume", "--lr", "0.3"])
    assert ended.code == 2
    assert "--resume must have the options of the run; lr was not given, is 0.3." in ended.err
    resumed(commands, folder)
    check_complete(folder, reference)


def test_a_new_run_does_not_read_the_pieces_of_an_old_one(commands, reference, tmp_path):
    folder = tmp_path / "run"
    other = [word if word != "1" else "2" for word in RUN]
    when = lambda: len(pieces(folder)) >= 2  # noqa: E731
    commands.signalled([*other, "--out", folder], signal.SIGKILL, when, setup=SMALL_PIECES + commands.NO_REPORT)
    stale = pieces(folder)
    ended = commands.run([*RUN, "--out", folder, "--overwrite", "--replicates", "5"])
    assert ended.code == 2
    assert pieces(folder) == stale  # a wrong option costs nothing
    ended = commands.run([*RUN, "--out", folder, "--overwrite"], commands.NO_REPORT)
    assert ended.code == 0, ended.err
    check_complete(folder, reference)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is such a device")
@pytest.mark.parametrize("engine", [[], ["--engine", "ray"]])
def test_a_device_that_is_not_there_costs_nothing(commands, finished, tmp_path, engine):
    folder = finished
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    for where, how in ((folder, ["--overwrite"]), (tmp_path / "new", [])):
        ended = commands.run([*RUN, "--out", where, *how, "--device", "cuda", *engine])
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("lrscope: device must be a device of this machine; got 'cuda'.")
        assert len(ended.err.splitlines()) == 1
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    assert not (tmp_path / "new").exists()
