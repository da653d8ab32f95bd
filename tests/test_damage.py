"""Whatever happens to a file of a run: an error of lrscope or the same numbers, and nothing is imported or hangs."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from lrscope import store
from lrscope.errors import LrscopeError
from lrscope.recorder import Recorder
from lrscope.studies import Folder
from lrscope.studies._pieces import Pieces

SECONDS = 20
SHORT, LONG = 12, pytest.mark.long


class HangError(BaseException):
    """Nothing catches it by accident."""


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Return bytes with one damage: a bit, a byte, zeros, noise, a part gone, doubled or moved, an early end."""
    data = bytearray(content)
    at = int(random.integers(len(data)))
    size = int(min(2 ** random.integers(1, 11), len(data) - at))
    kind = random.choice(["bit", "byte", "zeros", "ones", "noise", "cut out", "inserted", "copied", "truncated"])
    if kind == "bit":
        data[at] ^= 1 << int(random.integers(8))
    elif kind == "byte":
        data[at] = int(random.integers(256))
    elif kind == "inserted":
        data[at:at] = random.bytes(size)
    elif kind == "copied":
        start = int(random.integers(len(data) - size + 1))
        data[at : at + size] = data[start : start + size]
    elif kind == "truncated":
        del data[at:]
    elif kind == "cut out":
        del data[at : at + size]
    else:
        data[at : at + size] = {"zeros": bytes(size), "ones": b"\xff" * size, "noise": random.bytes(size)}[kind]
    return bytes(data)


def check_damage(file: Path, read: Callable[[], Any], same: Callable[[Any, Any], bool], count: int, least: int) -> None:
    """Damage a file `count` times; each time reading it must be refused, or give the same; `least` must be refused."""
    content, expected = file.read_bytes(), read()
    known = set(sys.modules)
    refused = 0
    signal.signal(signal.SIGALRM, _hang)
    try:
        for seed in range(count):
            file.write_bytes(mutated(content, np.random.default_rng(seed)))
            signal.alarm(SECONDS)
            try:
                assert same(read(), expected), f"seed {seed} is other data without a word"
            except LrscopeError:
                refused += 1
            finally:
                signal.alarm(0)
    finally:
        file.write_bytes(content)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert refused >= least
    assert {name.partition(".")[0] for name in set(sys.modules) - known} <= {name.partition(".")[0] for name in known}


def _hang(*_: object) -> None:
    raise HangError


def everything(file: Path) -> xr.Dataset:
    """Return the records, after everything that can be asked about their file."""
    store.summary(file)
    store.last_recorded(file)
    store.check(file)
    return store.open_records(file).load()


def same_records(read: xr.Dataset, expected: xr.Dataset) -> bool:
    """Compare records; a file may look like one that was not closed, which its readers say."""
    attrs = {**expected.attrs, "complete": read.attrs["complete"]}
    return read.identical(expected.assign_attrs(attrs))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Return a file of a Recorder."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("recorded") / "mine.root"
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, file, optimizer, labels={"data": "noise"}, time_budget=None) as recorder:
        for step in range(8):
            optimizer.zero_grad()
            loss = model(torch.randn(4, 2)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
            if step % 3 == 0:
                recorder.note(**{"val/loss": step})
    return file


@pytest.mark.parametrize("count", [SHORT, pytest.param(1000, marks=LONG)])
def test_a_damaged_file_of_a_recorder(recorded, count):
    check_damage(recorded, lambda: everything(recorded), same_records, count, least=count // 6)


@pytest.mark.parametrize("count", [SHORT, pytest.param(500, marks=LONG)])
def test_damaged_records_of_a_study(recorded_run, tmp_path, count):
    file = tmp_path / "records.root"
    file.write_bytes((recorded_run("fluctuation").path / "records.root").read_bytes())
    check_damage(file, lambda: everything(file), same_records, count, least=count // 6)


def same_arrays(read: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return list(read) == list(expected) and all(
        read[name].dtype == array.dtype and read[name].tobytes() == array.tobytes() for name, array in expected.items()
    )


@pytest.mark.parametrize("count", [SHORT, pytest.param(300, marks=LONG)])
def test_a_damaged_state(tmp_path, count):
    random = np.random.default_rng(0)
    state = {f"chunk/{name}": random.normal(size=(3, 4)) for name in range(5)} | {
        "step": np.array(7),
        "at": np.array("x"),
    }
    (tmp_path / "records.root").touch()
    store.save_state(tmp_path / "records.root", state)
    read = lambda: store.load_state(tmp_path / "records.root")  # noqa: E731
    check_damage(tmp_path / "records.state.npz", read, same_arrays, count, least=count // 6)


@pytest.mark.parametrize("count", [SHORT, pytest.param(300, marks=LONG)])
def test_damaged_pieces(tmp_path, count):
    pieces = Pieces(tmp_path, {"steps": 2})
    pieces.write("one", {"count": np.array([2]), "sum": np.random.default_rng(0).normal(size=(1, 20, 10))})
    check_damage(tmp_path / "one.npz", lambda: pieces.read("one"), same_arrays, count, least=count // 6)


@pytest.mark.parametrize("count", [SHORT, pytest.param(300, marks=LONG)])
def test_a_damaged_description(recorded_run, tmp_path, count):
    (tmp_path / "experiment.json").write_bytes((recorded_run("fluctuation").path / "experiment.json").read_bytes())
    folder = Folder(tmp_path)
    check_damage(
        folder.path / "experiment.json", folder.description, lambda one, other: one == other, count, count // 6
    )
