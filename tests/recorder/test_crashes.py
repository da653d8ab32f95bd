"""What a crash of the loop, of the process, or of the disk leaves."""

import contextlib
import errno
import gc
import itertools
import json
import operator
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
import uproot
from torch import nn

import lrscope
import lrscope.store._rootfile
from lrscope.cli import main
from lrscope.probes import Every, Probe, every
from lrscope.recorder import Recorder, _buffer
from lrscope.recorder._probes import DEFAULT
from lrscope.records import Variable
from lrscope.specification import specification
from lrscope.store import Writer, check, open_records, summary
from lrscope.studies._report import report_of_files


def test_an_exception_in_the_loop_loses_nothing(model, path, optimizer, steps_of):
    with pytest.raises(KeyboardInterrupt), Recorder(model, path, optimizer, time_budget=None) as recorder:  # noqa: PT012
        steps_of(recorder, model, optimizer, 7)
        raise KeyboardInterrupt
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(7))
    assert records.attrs["complete"]


def interrupted(*_given, **_named) -> None:
    raise KeyboardInterrupt


def test_interrupting_a_full_block_and_going_on_loses_nothing(model, path, optimizer, monkeypatch, steps_of):
    """A loop in a notebook: the cell is stopped while a block waits for the disk, and run again."""
    monkeypatch.setattr(_buffer, "BLOCK_BYTES", 3000)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                steps_of(recorder, model, optimizer, 50)
        done = recorder.cost.steps
        steps_of(recorder, model, optimizer, 5)
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(done + 5))
    assert np.isfinite(records["weights_0"].values).all()


def test_interrupting_the_end_and_ending_again_loses_nothing(model, path, optimizer, monkeypatch, steps_of):
    recorder = Recorder(model, path, optimizer, time_budget=None)
    steps_of(recorder, model, optimizer, 7)
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            recorder.close()
    recorder.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert open_records(path)["step"].values.tolist() == list(range(7))


@pytest.mark.parametrize("place", ["BlockBuffer.steps_of_block", "BlockBuffer.drop"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_interrupting_the_making_of_a_block_and_going_on_loses_nothing(
    model, path, optimizer, monkeypatch, place, moment, steps_of
):
    monkeypatch.setattr(_buffer, "BLOCK_BYTES", 3000)
    real = operator.attrgetter(place)(_buffer)
    calls = itertools.count()

    def sometimes(*given, **named):
        number = next(calls)
        result = real(*given, **named) if moment == "after" or number % 2 else None
        if number % 2 == 0:
            raise KeyboardInterrupt
        return result

    taken = []
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        monkeypatch.setattr(f"lrscope.recorder._buffer.{place}", sometimes)
        for _ in range(30):
            taken.append(model[0].weight.detach().numpy().copy())
            with contextlib.suppress(KeyboardInterrupt):
                steps_of(recorder, model, optimizer, 1)
        monkeypatch.setattr(f"lrscope.recorder._buffer.{place}", real)
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(30))
    np.testing.assert_array_equal(records["weights_0"].values[0], taken)
    np.testing.assert_array_equal(np.diff(records["loss"].values[0]) < 0, True)


@specification
class Fragile(Probe):
    """Ctrl-C is pressed while it measures for the fourth time, or it fails then."""

    error: Literal["interrupt", "mistake"]
    when: Every = Every()

    def labels(self, structure):
        return (Variable("fine", "fine", "fine"),)

    def measure(self, state, moment):
        calls[self] = calls.get(self, 0) + 1
        if calls[self] == 4:
            raise KeyboardInterrupt if self.error == "interrupt" else ValueError("odd")
        return {"fine": moment.loss}, state


@pytest.fixture
def calls_from_zero():
    calls.clear()


calls = {}


@pytest.mark.usefixtures("calls_from_zero")
def test_a_step_that_is_interrupted_while_it_is_measured_is_lost_as_a_whole(model, path, optimizer, steps_of):
    probes = [*DEFAULT, Fragile("interrupt")]
    with Recorder(model, path, optimizer, probes, time_budget=None) as recorder:
        for _ in range(6):
            with contextlib.suppress(KeyboardInterrupt):
                steps_of(recorder, model, optimizer, 1)
    records = open_records(path)
    assert records["step"].values.tolist() == [0, 1, 3, 4, 5]  # the first moment is measured twice
    assert np.isfinite(records["weights_0"].values).all()
    assert np.isnan(records["gradient_angle"].values[0]).tolist() == [True, False, True, False, False]


@pytest.mark.usefixtures("calls_from_zero")
def test_a_probe_that_fails_ends_the_recording_and_not_the_training(model, path, optimizer, steps_of):
    recorder = Recorder(model, path, optimizer, [*DEFAULT, Fragile("mistake")], time_budget=None)
    with pytest.warns(RuntimeWarning, match="^recording has stopped, training goes on: odd") as warned:
        steps_of(recorder, model, optimizer, 6)
    assert len(warned) == 1
    assert recorder.failed == "odd"
    assert Path(warned[0].filename).name == "conftest.py", "where the loop is"
    recorder.close()
    records = open_records(path)
    assert records["step"].values.tolist() == [0, 1]
    assert records.attrs["warnings"] == [str(warned[0].message)]


@pytest.mark.parametrize("action", ["default", "error"])
def test_what_was_warned_of_is_in_the_file_and_does_not_end_the_loop(
    action, model, path, optimizer, update, shown, capsys
):
    warnings.simplefilter(action)
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        recorder.step(loss=update(model, optimizer), accuracy="good")
        model[2] = nn.Linear(4, 2)
        optimizer.param_groups[0]["params"] = list(model.parameters())
        for _ in range(2):
            recorder.step(loss=update(model, optimizer), accuracy="good")
    told = [str(one.message) for one in shown]
    assert {one.filename for one in shown} <= {__file__, str(Path(__file__).with_name("conftest.py"))}, (
        "where the loop is"
    )
    assert [sum(word in text for text in told) for word in ("accuracy", "parameters of 2")] == [1, 1]
    shown.clear()
    assert open_records(path).attrs["warnings"] == told == list(summary(path).warnings)
    with uproot.open(path) as file:
        assert json.loads(str(file["warnings"]))["warnings"] == told
    assert check(path)
    assert main(["inspect", str(path)]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  warning: ")]
    assert listed == [f"  warning: {text}" for text in told]
    said = report_of_files([path]).results.attrs["missing"]
    assert all(any(text in sentence for sentence in said) for text in told)


def test_files_that_are_read_together_have_the_warnings_of_all(model, tmp_path, optimizer, update, shown):
    for number, name in enumerate(("one", "two")):
        with Recorder(model, tmp_path / f"{name}.root", optimizer, labels={"seed": number}) as recorder:
            recorder.step(loss=update(model, optimizer), **{name: "text"})
    told = [str(one.message) for one in shown]
    assert len(told) == 2
    assert open_records([tmp_path / "one.root", tmp_path / "two.root"]).attrs["warnings"] == told
    shown.clear()


def test_numbers_noted_between_records_are_written_in_time(model, path, optimizer, monkeypatch, steps_of):
    monkeypatch.setattr(_buffer, "MAX_STEPS", 10)
    with Recorder(model, path, optimizer, when=every(1000), time_budget=None) as recorder:
        for number in range(35):
            steps_of(recorder, model, optimizer, 1)
            recorder.note(val_loss=number)
        recorder._file._writer.wait()
        assert open_records(path)["val_loss"].sizes["step_val_loss"] >= 20
    assert open_records(path)["val_loss"].values[0].tolist() == list(range(35))


def test_an_exception_before_the_first_step_leaves_no_file(model, path, optimizer):
    with pytest.raises(ZeroDivisionError), Recorder(model, path, optimizer, time_budget=None):
        _ = 1 / 0
    assert not path.exists()


class Full:
    """The disk is full from some write on."""

    def __init__(self, monkeypatch) -> None:
        self.now = False
        write = lrscope.store._rootfile.RawFile._write_some

        def some(file, view):
            if self.now:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(file, view)

        monkeypatch.setattr(lrscope.store._rootfile.RawFile, "_write_some", some)


def test_a_full_disk_ends_the_recording_with_one_warning_and_the_loop_goes_on(
    model, path, optimizer, monkeypatch, steps_of
):
    monkeypatch.setattr(_buffer, "BLOCK_BYTES", 1000)
    full = Full(monkeypatch)
    recorder = Recorder(model, path, optimizer, time_budget=None)
    steps_of(recorder, model, optimizer, 20)
    assert recorder.failed is None
    full.now = True
    before = model[0].weight.detach().clone()
    with pytest.warns(RuntimeWarning) as warned:
        steps_of(recorder, model, optimizer, 50)
    assert len(warned) == 1
    assert "No space left" in recorder.failed
    assert not torch.equal(before, model[0].weight)
    recorder.note(val_loss=1.0)
    recorder.close()
    assert len(open_records(path)["step"]) >= 10
    assert not any(module._forward_hooks for module in model.modules())


def test_a_full_disk_at_the_end_is_a_warning(model, path, optimizer, monkeypatch, steps_of):
    full = Full(monkeypatch)
    recorder = Recorder(model, path, optimizer)
    steps_of(recorder, model, optimizer, 5)
    full.now = True
    with pytest.warns(RuntimeWarning, match="No space left"):
        recorder.close()
    assert recorder.failed


KILLED = """
    import sys, torch
    from torch import nn
    from lrscope.recorder import Recorder, _buffer
    _buffer.BLOCK_BYTES = 20_000
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, sys.argv[1], optimizer, time_budget=None) as recorder:
        for step in range(10**9):
            optimizer.zero_grad()
            loss = model(torch.ones(8, 3)).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
            if step == 300:
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
    assert len(steps) > 100  # a block holds some 60 steps
    assert steps.tolist() == list(range(len(steps)))
    assert np.isfinite(records["weights_0"].values).all()


def test_a_recorder_that_is_forgotten_completes_its_file(model, path, optimizer, steps_of):
    """A cell of a notebook that is run again gives its Recorder's name to another."""
    recorder = Recorder(model, path, optimizer, time_budget=None)
    steps_of(recorder, model, optimizer, 4)
    if (child := os.fork()) == 0:
        del recorder
        os._exit(0)
    os.waitpid(child, 0)
    steps_of(recorder, model, optimizer, 3)
    del recorder
    gc.collect()
    records = open_records(path)
    assert records["step"].values.tolist() == list(range(7))
    assert records.attrs["complete"]


FORGOTTEN = """
    import os, sys, torch
    from torch import nn
    from lrscope import Recorder
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = Recorder(model, "a.root", optimizer, time_budget=None)
    os.mkdir("elsewhere")
    os.chdir("elsewhere")
    for step in range(6):
        optimizer.zero_grad()
        loss = model(torch.ones(8, 3)).square().mean()
        loss.backward()
        optimizer.step()
        recorder.step(loss=loss)
    sys.exit("the end")
"""


def test_a_script_that_neither_closes_its_recorder_nor_stays_in_its_folder_has_whole_records(tmp_path):
    here = {**os.environ, "PYTHONPATH": str(Path(lrscope.__file__).parents[1])}
    command = [sys.executable, "-c", textwrap.dedent(FORGOTTEN)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=here, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (1, "the end\n")
    records = open_records(tmp_path / "a.root")
    assert records["step"].values.tolist() == list(range(6))
    assert records.attrs["complete"]


@pytest.mark.parametrize("blocks", [0, 1])
def test_what_cannot_be_written_leaves_the_blocks_before_or_no_file(
    model, path, optimizer, monkeypatch, steps_of, blocks, shown
):
    recorder = Recorder(model, path, optimizer, time_budget=None)
    monkeypatch.setattr(_buffer, "BLOCK_SECONDS", 0.0 if blocks else 1e9)
    steps_of(recorder, model, optimizer, 3)
    monkeypatch.setattr(_buffer.BlockBuffer, "steps_of_block", lambda _: 1 / 0)
    monkeypatch.setattr(_buffer, "BLOCK_SECONDS", 1e9)
    steps_of(recorder, model, optimizer, 3)
    recorder.close()
    assert recorder.failed == "division by zero"
    assert [str(one.message) for one in shown] == ["recording has stopped, training goes on: division by zero"]
    shown.clear()
    assert path.exists() == bool(blocks)
    if blocks:
        assert open_records(path)["step"].values.tolist() == [0, 1, 2]
