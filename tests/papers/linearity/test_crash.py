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


def kept(folder: Path) -> Path:
    return folder / "pieces" / "perceptron" / "sums.npz"


def check_complete(folder: Path, reference: xr.Dataset) -> None:
    found = read(folder)
    assert found.attrs["complete"] is True
    xr.testing.assert_allclose(found, reference, rtol=1e-9, atol=1e-9)
    assert json.loads((folder / "experiment.json").read_text())["finished"] is True
    assert not list(folder.rglob("*.npz"))
    assert not (folder / "pieces").exists()


def test_ctrl_c_keeps_the_pieces_and_says_how_to_go_on(commands, reference, tmp_path):
    folder = tmp_path / "run"
    arguments = [*RUN, "--out", str(folder)]
    setup = SMALL_PIECES + commands.NO_REPORT
    ended = commands.signalled(arguments, signal.SIGINT, kept(folder).exists, setup=setup)
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1].endswith(f"Go on with: lrscope {' '.join(arguments)} --resume")
    assert "Traceback" not in ended.err
    with np.load(kept(folder)) as sums:
        assert 0 < sums["trained"].sum() < 48
    assert not list(folder.glob("*.root"))
    ended = commands.run([*RUN, "--out", folder, "--resume"], setup)
    assert ended.code == 0, ended.err
    check_complete(folder, reference)


def test_a_new_run_does_not_read_the_pieces_of_an_old_one(commands, reference, tmp_path):
    folder = tmp_path / "run"
    other = [word if word != "1" else "2" for word in RUN]
    setup = SMALL_PIECES + commands.NO_REPORT
    commands.signalled([*other, "--out", folder], signal.SIGKILL, kept(folder).exists, setup=setup)
    stale = kept(folder).read_bytes()
    ended = commands.run([*RUN, "--out", folder, "--overwrite", "--replicates", "5"])
    assert ended.code == 2
    assert kept(folder).read_bytes() == stale  # a wrong option costs nothing
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
