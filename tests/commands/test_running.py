"""Trainings by command: what is run, once or twice, at the same time, and what of it is kept."""

import json
import math
import os
import sys

import numpy as np
import pytest

from command_scripts import command
from lrscope.commands import CommandError, Running, Trainings
from lrscope.commands._machine import environment
from lrscope.commands._process import Place, Process
from lrscope.errors import InputError
from lrscope.sweep import Sweep
from study_runs import alive, wait_until


def asked(tmp_path, *more, lrs=(0.001, 0.01), seeds=(0, 1), **options) -> Trainings:
    options = {"metric": "val_loss", "command": command(tmp_path, *more)} | options
    return Trainings(sweep=Sweep(lr=lrs, **options.pop("axes", {}), seed=seeds), **options)


def ended(folder):
    return {file.parent.name: json.loads(file.read_text()) for file in sorted(folder.glob("*/training.json"))}


def test_every_combination_is_trained_with_its_own_values(tmp_path):
    running = Running(asked(tmp_path, "wd={wd}", axes={"wd": (0, 0.5)}, lrs=(0.01, 1.0)), tmp_path / "trainings")
    (block,) = running
    assert running.done == running.total == 8
    scores = block["val_loss"].values
    values = {name: block[name].values for name in ("lr", "wd", "seed")}
    assert np.isnan(scores[values["lr"] == 1.0, 2:]).all()
    assert set(block["diverged_at"].max("step").values[values["lr"] == 1.0].tolist()) == {2}
    assert set(block["diverged_at"].max("step").values[values["lr"] == 0.01].tolist()) == {-1}
    with_decay = (values["lr"] == 0.01) & (values["wd"] == 0.5)
    assert scores[with_decay, -1] / scores[(values["lr"] == 0.01) & (values["wd"] == 0), -1] == pytest.approx(
        math.exp(1.5)
    )
    assert len(ended(tmp_path / "trainings")) == 8


def test_several_at_a_time_are_the_same(tmp_path):
    (alone,) = Running(asked(tmp_path), tmp_path / "one")
    (together,) = Running(asked(tmp_path, jobs=3), tmp_path / "three")
    assert alone.equals(together)


def test_what_has_finished_is_not_repeated(tmp_path):
    trainings = asked(tmp_path)
    (first,) = Running(trainings, tmp_path / "trainings")
    (tmp_path / "trainings/lr=0.01,seed=1/training.json").unlink()
    before = ended(tmp_path / "trainings")
    (again,) = Running(trainings, tmp_path / "trainings")
    after = ended(tmp_path / "trainings")
    assert {name for name in after if after[name] != before.get(name)} == {"lr=0.01,seed=1"}
    assert first.equals(again)


def test_a_failure_is_tried_once_more(tmp_path):
    running = Running(asked(tmp_path, f"once={tmp_path / 'failed'}"), tmp_path / "trainings")
    (block,) = running
    results = ended(tmp_path / "trainings")
    assert sorted(own["attempts"] for own in results.values()) == [1, 1, 1, 2]
    assert np.isfinite(block["val_loss"].values).all()


def test_a_second_failure_has_no_values_and_is_no_divergence(tmp_path):
    running = Running(asked(tmp_path, "crash=1"), tmp_path / "trainings")
    (block,) = running
    failed = block["seed"].values == 1
    assert np.isnan(block["val_loss"].values[failed]).all()
    assert np.isfinite(block["val_loss"].values[~failed]).all()
    assert (block["diverged_at"].values == -1).all()
    notes = running.notes["trainings"]["lr=0.01,seed=1"]
    assert notes["ended"] == "exit status 1"
    assert "broken on purpose" in notes["last_lines"]
    assert (tmp_path / "trainings/lr=0.01,seed=1/output-1.txt").read_text().startswith("about to fail")


def test_a_command_that_always_fails_ends_the_run(tmp_path):
    trainings = asked(tmp_path, lrs=(0.1, 0.2, 0.3, 0.4), command=(sys.executable, "-c", "1/0 # {lr} {seed} {out}"))
    with pytest.raises(CommandError, match="ZeroDivisionError"):
        list(Running(trainings, tmp_path / "trainings"))
    assert len(ended(tmp_path / "trainings")) == 3


def test_later_trainings_of_a_command_that_worked_may_all_fail(tmp_path):
    list(Running(asked(tmp_path, lrs=(0.01,), seeds=(0,)), tmp_path / "trainings"))
    running = Running(asked(tmp_path, "crash=0", lrs=(0.1, 0.2, 0.3, 0.4), seeds=(0,)), tmp_path / "trainings")
    (block,) = running
    assert running.failed == 4
    assert np.isnan(block["val_loss"].values).all()


def test_a_training_that_takes_too_long_is_ended_with_its_children(tmp_path):
    trainings = asked(tmp_path, "sleep=500", lrs=(0.1,), seeds=(0,), timeout=1.5)
    with pytest.raises(CommandError, match=r"longer than 1.5 s"):
        list(Running(trainings, tmp_path / "trainings"))
    pids = (tmp_path / "trainings/lr=0.1,seed=0/out/pids").read_text().split()
    wait_until(lambda: not any(alive(int(pid)) for pid in pids))


def test_the_metric_can_be_printed(tmp_path):
    trainings = asked(tmp_path, metric="printed", read="stdout:val ([0-9.]+)", lrs=(0.01, 1.0))
    (block,) = Running(trainings, tmp_path / "trainings")
    (files,) = Running(asked(tmp_path, lrs=(0.01, 1.0)), tmp_path / "others")
    assert np.allclose(block["printed"].values[:2, -1], files["val_loss"].values[:2, -1])
    assert (block["diverged_at"].values[2:, -1] == 0).all()


def test_a_path_with_placeholders_is_read(tmp_path):
    (tmp_path / "runs").mkdir()
    code = "import sys; open(sys.argv[1] + '.csv', 'w').write('val_loss\\n' + sys.argv[2])"
    trainings = asked(
        tmp_path,
        command=(sys.executable, "-c", code, f"{tmp_path}/runs/{{lr}}-{{seed}}", "{lr}"),
        read=f"{tmp_path}/runs/{{lr}}-{{seed}}.csv",
    )
    (block,) = Running(trainings, tmp_path / "trainings")
    assert block["val_loss"].values[:, 0].tolist() == block["lr"].values.tolist()


def test_a_file_of_an_earlier_run_is_not_taken_for_its_own(tmp_path):
    old = tmp_path / "0.1-0.csv"
    old.write_text("val_loss\n1\n")
    os.utime(old, (1e9, 1e9))
    trainings = asked(
        tmp_path,
        lrs=(0.1,),
        seeds=(0,),
        command=(sys.executable, "-c", "pass", "{lr}", "{seed}"),
        read=f"{tmp_path}/{{lr}}-{{seed}}.csv",
    )
    with pytest.raises(InputError, match="left none"):
        list(Running(trainings, tmp_path / "trainings"))


@pytest.mark.parametrize(
    ("words", "options", "sentence"),
    [
        (("python", "{seed}", "{out}"), {}, r"\{lr\}"),
        (("python", "{lr}", "{out}"), {}, r"\{seed\}"),
        (("python", "{lr}", "{seed}"), {}, r"\{out\}"),
        (("python", "{lr}", "{seeds}", "{out}"), {}, "Did you mean 'seed'"),
        (("python", "{lr}", "{seed}"), {"read": "log.csv"}, "differ for each training"),
        (("python", "{lr}", "{seed}"), {"read": "stdout:loss"}, "group"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused(words, options, sentence):
    with pytest.raises(InputError, match=sentence):
        Trainings(command=words, sweep=Sweep(lr=[0.1], seed=[0, 1]), metric="loss", **options)


def test_placeholders_are_filled_into_arguments_never_into_a_shell(tmp_path):
    code = (
        "import json, sys; open(sys.argv[1] + '/a.jsonl', 'w').write(json.dumps({'val_loss': 1})); print(sys.argv[2])"
    )
    text = '$(touch /nothing); {lr} {{lr}} {"a": {"b": 1}} \'x'
    trainings = asked(tmp_path, lrs=(0.1,), seeds=(0,), command=(sys.executable, "-c", code, "{out}", text))
    list(Running(trainings, tmp_path / "trainings"))
    printed = (tmp_path / "trainings/lr=0.1,seed=0/output.txt").read_text()
    assert printed == '$(touch /nothing); 0.1 {lr} {"a": {"b": 1}} \'x\n'


def test_stopping_ends_what_runs_and_keeps_what_is_done(tmp_path):
    running = Running(asked(tmp_path), tmp_path / "trainings", lambda done, _: running.stop() if done == 2 else None)
    assert list(running) == []
    assert not running.finished
    assert len(ended(tmp_path / "trainings")) == 2


def test_each_job_has_its_gpu_and_its_share_of_the_cores(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores = len(os.sched_getaffinity(0))
    one, two = environment(0, 2, ["3", "5"]), environment(1, 2, ["3", "5"])
    assert (one["CUDA_VISIBLE_DEVICES"], two["CUDA_VISIBLE_DEVICES"]) == ("3", "5")
    assert one["OMP_NUM_THREADS"] == str(max(1, cores // 2))
    assert "OMP_NUM_THREADS" not in environment(0, 1, [])


def test_a_training_that_outlived_its_run_is_not_begun_again_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr("lrscope.commands._training.GRACE", 0.1)
    place = Place(tmp_path / "trainings/lr=0.1,seed=0")
    arguments = asked(tmp_path, "sleep=600").arguments({"lr": 0.1, "seed": 0}, place.out)
    with Process(arguments, {}, place, tmp_path) as orphan:
        with pytest.raises(InputError, match="goes on there"):
            list(Running(asked(tmp_path, lrs=(0.1,), seeds=(0,)), tmp_path / "trainings"))
        assert orphan.status() is None
        orphan.end()
    (block,) = Running(asked(tmp_path, lrs=(0.1,), seeds=(0,)), tmp_path / "trainings")
    assert block.sizes["member"] == 1


def test_a_file_that_is_no_program_is_refused(tmp_path):
    file = tmp_path / "train"
    file.write_bytes(b"\x00\x01")
    file.chmod(0o755)
    with pytest.raises(InputError, match="can be run"):
        list(Running(asked(tmp_path, command=(str(file), "{lr}", "{seed}", "{out}")), tmp_path / "trainings"))
