"""`lrscope run sweep -- COMMAND`: the study's answer about trainings of any script."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_scripts import SCRIPT, command
from lrscope import analysis, store
from lrscope.cli import main
from lrscope.studies import Folder
from lrscope.studies._report import report_of
from study_runs import alive, wait_until

LRS = ["--lrs", "0.001", "0.01", "0.1", "1"]


def run(folder: Path, *options: str, more: tuple[str, ...] = ()) -> int:
    words = ["run", "sweep", *options, "--out", str(folder / "results"), "--", *command(folder, *more)]
    return main(words)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    assert run(folder, *LRS, "--seeds", "3") == 0
    return folder / "results"


def test_the_report_has_what_the_records_allow(finished):
    assert (finished / "report.html").exists()
    rates = pd.read_csv(finished / "tables/rates.csv")
    assert rates.columns[0] == "lr"
    assert rates["lr"].tolist() == [0.001, 0.01, 0.1, 1.0]
    assert rates["diverged"].tolist() == [0, 0, 0, 3]
    assert rates["in the range"].tolist() == [False, True, False, False]
    networks = pd.read_csv(finished / "tables/networks.csv")
    assert networks["ended"].tolist() == ["finished"] * 9 + ["diverged"] * 3
    assert networks["diverged at step"].tolist()[-3:] == [2, 2, 2]


def test_the_recommendation_is_that_of_the_recorded_scores(finished):
    records = store.open_records(finished / "records-grid.root")
    scores = analysis.final_scores(records, "val_loss")
    expected = analysis.recommendation(scores)
    results = report_of(Folder(finished)).results
    assert results["rates"]["difference"].equals(expected["difference"])
    logged = [pd.read_csv(file)["val_loss"].iloc[-1] for file in sorted((finished / "trainings").glob("*/out/*.csv"))]
    assert np.allclose(sorted(logged), np.sort(np.where(np.isinf(scores), np.nan, scores).ravel()), equal_nan=True)


def test_a_report_is_written_again_without_the_trainings(finished, tmp_path):
    import shutil

    copy = shutil.copytree(finished, tmp_path / "copy")
    shutil.rmtree(copy / "trainings")
    (copy / "report.html").unlink()
    assert main(["report", str(copy)]) == 0
    assert (copy / "report.html").exists()


def test_what_is_maximised_has_the_largest_value_as_its_best(tmp_path):
    assert run(tmp_path, *LRS, "--seeds", "2", "--metric", "accuracy", "--maximize", "--at", "4") == 0
    results = report_of(Folder(tmp_path / "results")).results
    rates = results["rates"].to_dataset()
    assert float(rates["best"]) == 0.01
    assert float(rates["score"].sel(lr=0.01)) == pytest.approx(1 / 1.1, abs=0.01)
    assert (rates["score_low"] <= rates["score_high"])[:3].all()
    assert rates["difference"].values[0] > 0


def test_the_best_step_may_count(tmp_path):
    assert run(tmp_path, "--lrs", "0.01", "0.1", "--seeds", "2", "--at", "0") == 0
    first = report_of(Folder(tmp_path / "results")).results["rates/score"].values
    (tmp_path / "other").mkdir()
    assert run(tmp_path / "other", "--lrs", "0.01", "0.1", "--seeds", "2", "--at", "best") == 0
    best = report_of(Folder(tmp_path / "other/results")).results["rates/score"].values
    assert first == pytest.approx(5 * best)


def test_a_metric_that_was_logged_once_has_no_course(finished, tmp_path):
    printed = ("--metric", "printed", "--read", "stdout:val ([0-9.]+)")
    assert run(tmp_path, "--lrs", "0.01", "0.1", "--seeds", "2", *printed) == 0
    assert (finished / "figures/curves.svg").exists()
    assert {file.stem for file in (tmp_path / "results/figures").iterdir()} == {"outcome_by_rate", "differences"}


def test_further_axes_have_a_recommendation_each_and_jointly(tmp_path):
    options = (*LRS[:4], "--seeds", "3", "--grid", "wd=0,0.5")
    assert run(tmp_path, *options, more=("wd={wd}",)) == 0
    settings = pd.read_csv(tmp_path / "results/tables/settings.csv")
    assert settings["setting"].tolist() == ["wd 0", "wd 0.5"]
    assert settings["best lr"].tolist() == [0.01, 0.01]
    assert settings["may be the best of all"].tolist() == [True, False]
    rates = pd.read_csv(tmp_path / "results/tables/rates.csv")
    assert rates.columns[:2].tolist() == ["lr", "setting"]
    assert len(rates) == 6


def test_values_of_an_axis_that_cannot_be_the_best_get_no_further_seeds(tmp_path):
    options = ("--lrs", "0.001", "0.0095", "0.0115", "0.1", "--seeds", "3", "--grid", "wd=0,0.5")
    assert run(tmp_path, *options, "--until-decided", "--budget", "80", more=("wd={wd}",)) == 0
    results = tmp_path / "results"
    rates = pd.read_csv(results / "tables/rates.csv").set_index(["setting", "lr"])["networks"]
    assert rates["wd 0.5"].max() == 3
    assert rates["wd 0"][0.0095] == rates["wd 0"][0.0115] > 3
    assert len(list((results / "trainings").iterdir())) == rates.sum() <= 80
    assert pd.read_csv(results / "tables/rounds.csv")["settings"].unique().tolist() == [2, 1]


def test_what_failed_is_named_and_a_resume_repeats_only_that(tmp_path, capsys):
    assert run(tmp_path, *LRS[:4], "--seeds", "2", more=("crash=1",)) == 0
    assert "3 of the trainings failed" in capsys.readouterr().err
    results = tmp_path / "results"
    report = report_of(Folder(results))
    assert len(report.results.attrs["failed"]) == 3
    failed = pd.read_csv(results / "tables/failed.csv")
    assert all("broken on purpose" in lines for lines in failed["last lines"])
    assert "lr=0.001,seed=1" in " ".join(report.summary)
    (tmp_path / "train.py").write_text(SCRIPT.replace('given.get("crash")', "None"))
    kept = (results / "trainings/lr=0.01,seed=0/training.json").stat().st_mtime_ns
    words = ["--lrs", "0.001", "0.01", "0.1", "--seeds", "2", "--resume", "--out", str(results)]
    assert main(["run", "sweep", *words, "--", *report_command(results)]) == 0
    assert report_of(Folder(results)).results.attrs["failed"] == {}
    assert (results / "trainings/lr=0.01,seed=0/training.json").stat().st_mtime_ns == kept


def test_of_a_rate_whose_trainings_all_failed_nothing_is_claimed(tmp_path):
    script = "import sys; assert float(sys.argv[1]) < 0.1; print('score', 1 + int(sys.argv[2]))"
    words = ["--lrs", "0.01,0.1", "--seeds", "2", "--metric", "score", "--read", "stdout:score ([0-9.]+)"]
    words += ["--out", str(tmp_path / "results"), "--", sys.executable, "-c", script, "{lr}", "{seed}"]
    assert main(["run", "sweep", *words]) == 0
    report = report_of(Folder(tmp_path / "results"))
    assert report.results["rates/members"].values.tolist() == [2, 0]
    assert "nothing is known of 0.1." in " ".join(report.summary)


def report_command(results: Path) -> list[str]:
    return json.loads((results / "experiment.json").read_text())["options"]["command"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_children_and_a_resume_goes_on(tmp_path, number):
    words = [*LRS[:3], "--seeds", "1", "--out", str(tmp_path / "results")]
    line = [sys.executable, "-m", "lrscope", "run", "sweep", *words]
    source = str(Path(__file__).parents[3] / "src")
    running = subprocess.Popen(
        [*line, "--", *command(tmp_path, "sleep=600")],
        env={**os.environ, "PYTHONPATH": source},
        stderr=subprocess.PIPE,
        text=True,
    )
    pids = tmp_path / "results/trainings/lr=0.001,seed=0/out/pids"
    for _ in range(600):
        if pids.exists() and len(pids.read_text().split()) == 2:
            break
        time.sleep(0.1)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == (-number if number == signal.SIGKILL else 130)
    assert ("--resume -- " in said) == (number != signal.SIGKILL)
    wait_until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()))
    (tmp_path / "train.py").write_text(SCRIPT.replace("time.sleep(float", "(lambda _: child.kill())(float"))
    command_line = report_command(tmp_path / "results")
    assert main(["run", "sweep", *words, "--resume", "--", *command_line]) == 0


@pytest.mark.parametrize(
    ("options", "words", "sentence"),
    [
        ((), ["no-such-program", "{lr}", "{seed}", "{out}"], "there is no 'no-such-program'"),
        ((), ["python", "train.py"], "{lr}"),
        ((), ["python", "{lr}", "{sed}", "{out}"], "Did you mean 'seed'?"),
        ((), [], "a command must follow --"),
        (("--metric", "val_los"), None, "Did you mean 'val_loss'?"),
        (("--at", "33"), None, "at must be a step at which val_loss was logged; got 33. The nearest: 3 and 4."),
        (("--grid", "lr=1,2"), None, "grid must be"),
        (("--at", "never"), None, "at must be last, best or a step"),
        (("--epochs", "3"), None, "--epochs must be given to the command itself"),
        (("--epoch", "3"), None, "an option must be one of"),
        (("--device", "cpu"), None, "device must be"),
        (("--workers", "2"), None, "--jobs 2"),
        (("--engine", "ray", "--workers", "2", "--jobs", "3"), None, "not both"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_nothing_is_written(tmp_path, capsys, options, words, sentence):
    out = tmp_path / "results"
    words = list(command(tmp_path)) if words is None else words
    assert main(["run", "sweep", "--lrs", "0.1", "--seeds", "2", *options, "--out", str(out), "--", *words]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert len([line for line in said.splitlines() if line.startswith("lrscope: ")]) == 1
    assert not out.exists()


def test_an_estimate_names_the_metrics_and_writes_nothing(tmp_path, capsys):
    assert run(tmp_path, *LRS, "--estimate") == 0
    printed = capsys.readouterr().out
    assert "16 trainings" in printed
    assert "val_loss" in printed
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        (("--jobs", "4"), 4.0),
        (("--engine", "slurm", "--workers", "8"), 2.0),
        (("--engine", "ray", "--jobs", "2"), 8.0),
        (("--engine", "ray"), 16.0),
    ],
)
def test_an_estimate_counts_the_workers_that_are_asked_for(tmp_path, capsys, monkeypatch, options, seconds):
    monkeypatch.setattr("lrscope.commands._process.Process.seconds", 1.0)
    assert run(tmp_path, *LRS, *options, "--estimate") == 0
    said = capsys.readouterr().out
    assert f"about {seconds:.0f} s" in said
    assert ("divided by the number of workers" in said) == (seconds == 16.0)


def test_other_studies_take_no_command():
    assert main(["run", "fluctuation", "--", "true"]) == 2


def test_no_pytorch_is_loaded_for_commands(tmp_path):
    words = ["run", "sweep", "--lrs", "0.01", "0.1", "--seeds", "2", "--out", str(tmp_path / "results")]
    words += ["--", *command(tmp_path)]
    code = f"import sys; from lrscope.cli import main; main({words}); print('torch' in sys.modules)"
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")}
    done = subprocess.run([sys.executable, "-c", code], env=here, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
