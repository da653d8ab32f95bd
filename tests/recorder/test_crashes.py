"""What a crash of the loop, of the process, or of the disk leaves."""

import contextlib
import errno
import itertools
import operator
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import lrscope
import lrscope.store._rawfile
from lrscope.errors import InputError, StoreError
from lrscope.probes import every
from lrscope.recorder import Recorder, _blocks
from lrscope.store import open_records


def steps_of(recorder, model, optimizer, count):
    for _ in range(count):
        optimizer.zero_grad()
        loss = model(torch.ones(8, 3)).square().mean()
        loss.backward()
        optimizer.step()
        recorder.step(loss=loss)


@pytest.fixture
def parts(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    return model, tmp_path / "a.root", torch.optim.SGD(model.parameters(), lr=0.1)


def test_an_exception_in_the_loop_loses_nothing(parts):
    model, path, optimizer = parts
    with pytest.raises(KeyboardInterrupt), Recorder(model, path, optimizer) as recorder:  # noqa: PT012
        steps_of(recorder, model, optimizer, 7)
        raise KeyboardInterrupt
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(7))
    assert records.attrs["complete"]


def test_who_interrupts_a_full_block_and_goes_on_loses_nothing(parts, monkeypatch):
    """A loop in a notebook: the cell is stopped while a block waits for the disk, and run again."""
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 3000)
    model, path, optimizer = parts
    with Recorder(model, path, optimizer) as recorder:
        steps_of(recorder, model, optimizer, 1)
        room = recorder._sheet.gathered["step"].room
        assert room < 10
        with monkeypatch.context() as patch:
            patch.setattr(recorder._file._writer, "wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                steps_of(recorder, model, optimizer, room)
        steps_of(recorder, model, optimizer, 5)
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(room + 5))
    assert np.isfinite(records["weights_0"].values).all()


def interrupted(*_given, **_named) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["_sheet.block_of", "_sheet.Gathered.add_rows", "_sheet.Frames.begin_anew"])
@pytest.mark.parametrize("moment", ["before", "behind"])
def test_who_interrupts_the_making_of_a_block_and_goes_on_loses_nothing(parts, monkeypatch, place, moment):
    monkeypatch.setattr(_blocks, "BLOCK_BYTES", 3000)
    model, path, optimizer = parts
    real = operator.attrgetter(place)(lrscope.recorder)
    calls = itertools.count()

    def sometimes(*given):
        number = next(calls)
        found = real(*given) if moment == "behind" or number % 2 else None
        if number % 2 == 0:
            raise KeyboardInterrupt
        return found

    taken = []
    with Recorder(model, path, optimizer) as recorder:
        monkeypatch.setattr(f"lrscope.recorder.{place}", sometimes)
        for _ in range(30):
            taken.append(model[0].weight.detach().numpy().copy())
            with contextlib.suppress(KeyboardInterrupt):
                steps_of(recorder, model, optimizer, 1)
        monkeypatch.setattr(f"lrscope.recorder.{place}", real)
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(30))
    np.testing.assert_array_equal(records["weights_0"].values[0], taken)
    np.testing.assert_array_equal(np.diff(records["loss"].values[0]) < 0, True)


def test_a_step_that_fails_takes_nothing_of_the_others(parts):
    """A number with a name that is taken, told by an exception that the loop catches."""
    model, path, optimizer = parts
    with Recorder(model, path, optimizer) as recorder:
        losses, weights = [], []
        for step in range(12):
            weights.append(model[0].weight.detach().numpy().copy())
            optimizer.zero_grad()
            loss = model(torch.ones(8, 3)).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            with contextlib.suppress(InputError):
                recorder.step(loss=loss, **({"weights_0": 1.0} if step == 4 else {}))
    records, kept = open_records(path), [step for step in range(12) if step != 4]
    assert records["step"].values.tolist() == kept
    np.testing.assert_array_equal(records["loss"].values[0], np.array(losses, np.float32)[kept])
    np.testing.assert_array_equal(records["weights_0"].values[0], np.array(weights)[kept])


def test_numbers_noted_between_records_are_written_in_time(parts, monkeypatch):
    monkeypatch.setattr(_blocks, "_MOST_STEPS", 10)
    model, path, optimizer = parts
    with Recorder(model, path, optimizer, when=every(1000)) as recorder:
        for number in range(35):
            steps_of(recorder, model, optimizer, 1)
            recorder.note(val_loss=number)
        recorder._file.wait()
        assert open_records(path)["val_loss"].sizes["step_val_loss"] >= 20
    assert open_records(path)["val_loss"].values[0].tolist() == list(range(35))


def test_an_exception_before_the_first_step_leaves_no_file(parts):
    model, path, optimizer = parts
    with pytest.raises(ZeroDivisionError), Recorder(model, path, optimizer):
        _ = 1 / 0
    assert not path.exists()


class Full:
    """The disk is full from some write on."""

    def __init__(self, monkeypatch) -> None:
        self.now = False
        write = lrscope.store._rawfile.RawFile._write_some

        def some(file, view):
            if self.now:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(file, view)

        monkeypatch.setattr(lrscope.store._rawfile.RawFile, "_write_some", some)


def test_a_full_disk_is_said_once_and_the_loop_may_go_on(parts, monkeypatch):
    monkeypatch.setattr("lrscope.recorder._blocks.BLOCK_BYTES", 1000)
    model, path, optimizer = parts
    full = Full(monkeypatch)
    recorder = Recorder(model, path, optimizer)
    steps_of(recorder, model, optimizer, 20)
    full.now = True
    with pytest.raises(StoreError, match=r"^No space left on .*Every block before is kept.*in a new file\.$"):
        steps_of(recorder, model, optimizer, 50)
    before = model[0].weight.detach().clone()
    steps_of(recorder, model, optimizer, 3)
    assert not torch.equal(before, model[0].weight)
    recorder.close()
    assert len(open_records(path)["step"]) >= 10
    assert not any(module._forward_hooks for module in model.modules())


KILLED = """
    import sys, torch
    from torch import nn
    import lrscope.recorder._blocks as implementation
    from lrscope.recorder import Recorder, _blocks
    implementation.BLOCK_BYTES = 20_000
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, sys.argv[1], optimizer) as recorder:
        for step in range(10**9):
            optimizer.zero_grad()
            loss = model(torch.ones(8, 3)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
            if step == 1000:
                print("on", flush=True)
"""


def test_a_killed_process_leaves_all_blocks_but_the_last(tmp_path):
    path = tmp_path / "a.root"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path)]
    here = {**os.environ, "PYTHONPATH": str(Path(lrscope.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here) as process:
        assert process.stdout.readline() == "on\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    records = open_records(path)
    steps = records["step"].values
    assert not records.attrs["complete"]
    assert len(steps) > 800  # a block holds some 60 steps
    assert steps.tolist() == list(range(len(steps)))
    assert np.isfinite(records["weights_0"].values).all()
