"""Runs that exist have the configuration and the values that their tools have logged."""

import json
import math
import random
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from lrscope.errors import InputError
from lrscope.logs import Run, runs_of

GRID = [(lr, seed) for lr in (0.001, 0.01, 0.1) for seed in (0, 1)]


def course(lr: float, seed: int) -> dict[int, float]:
    """Return the validation loss of a run by step, exact in single precision."""
    noise = random.Random(f"{lr} {seed}").randrange(8) / 64
    return {10 * step: round(4 * abs(math.log10(lr / 0.01)) + 1) / step + noise for step in (1, 2, 4)}


def csv_files(folder: Path) -> Path:
    for lr, seed in GRID:
        rows = [{"step": step, "val_loss": value} for step, value in course(lr, seed).items()]
        pd.DataFrame(rows).to_csv(folder / f"lr={lr},seed={seed}.csv", index=False)
    return folder


def csv_folders(folder: Path) -> Path:
    for lr, seed in GRID:
        (folder / f"lr_{lr}_seed_{seed}").mkdir()
        rows = [{"step": step, "val_loss": value} for step, value in course(lr, seed).items()]
        pd.DataFrame(rows).to_csv(folder / f"lr_{lr}_seed_{seed}/metrics.csv", index=False)
    return folder


def one_csv(folder: Path) -> Path:
    rows = [
        {"lr": lr, "seed": seed, "step": step, "val_loss": value}
        for lr, seed in GRID
        for step, value in course(lr, seed).items()
    ]
    pd.DataFrame(rows).to_csv(folder / "all.csv", index=False)
    return folder / "all.csv"


def chart_of_wandb(folder: Path) -> Path:
    runs = {f"lr{lr}-seed{seed} - val_loss": course(lr, seed) for lr, seed in GRID}
    table = pd.DataFrame(runs).rename_axis("Step").reset_index()
    table.assign(**{f"{name}__MAX": table[name] for name in runs}).to_csv(folder / "wandb.csv", index=False)
    return folder / "wandb.csv"


def lightning(folder: Path) -> Path:
    for number, (lr, seed) in enumerate(GRID):
        own = folder / f"lightning_logs/version_{number}"
        own.mkdir(parents=True)
        (own / "hparams.yaml").write_text(f"batch_size: 64\nlr: {lr}\nname: small\nseed: {seed}\n")
        lines = [f"0,{step},{value}," for step, value in course(lr, seed).items()]
        (own / "metrics.csv").write_text("epoch,step,val_loss,train_loss\n" + "\n".join(lines) + "\n0,45,,0.5\n")
    return folder


def hugging_face(folder: Path) -> Path:
    for lr, seed in GRID:
        for last in (20, 40):
            log = [{"val_loss": value, "step": step} for step, value in course(lr, seed).items() if step <= last]
            own = folder / f"lr{lr}-seed{seed}/checkpoint-{last}"
            own.mkdir(parents=True)
            (own / "trainer_state.json").write_text(json.dumps({"global_step": last, "log_history": log}))
    return folder


def tensorboard(folder: Path) -> Path:
    from torch.utils.tensorboard import SummaryWriter

    for number, (lr, seed) in enumerate(GRID):
        with SummaryWriter(folder / f"run {number}") as writer:
            for step, value in course(lr, seed).items():
                writer.add_scalar("val_loss", value, step)
            writer.add_hparams({"lr": lr, "seed": seed}, {"end": 0.0}, run_name="hparams")
    return folder


def mlflow_files(folder: Path) -> Path:
    for number, (lr, seed) in enumerate(GRID):
        run = folder / f"mlruns/0/run{number}"
        for kind in ("metrics", "params"):
            (run / kind).mkdir(parents=True)
        (run / "meta.yaml").write_text(f"lifecycle_stage: active\nrun_id: run{number}\n")
        (run / "params/lr").write_text(str(lr))
        (run / "params/seed").write_text(str(seed))
        lines = [f"1700000000{step} {value} {step}" for step, value in course(lr, seed).items()]
        (run / "metrics/val_loss").write_text("\n".join(lines) + "\n")
    shutil.copytree(run, folder / "mlruns/0/gone")
    (folder / "mlruns/0/gone/meta.yaml").write_text("lifecycle_stage: deleted\nrun_id: gone\n")
    return folder / "mlruns"


def mlflow_sqlite(folder: Path) -> Path:
    with sqlite3.connect(folder / "mlflow.db") as database:
        database.execute("CREATE TABLE runs (run_uuid TEXT, name TEXT, lifecycle_stage TEXT)")
        database.execute("CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT)")
        columns = "run_uuid TEXT, key TEXT, value FLOAT, timestamp INT, step INT, is_nan BOOLEAN"
        database.execute(f"CREATE TABLE metrics ({columns})")
        for number, (lr, seed) in enumerate(GRID):
            database.execute("INSERT INTO runs VALUES (?, ?, 'active')", (str(number), f"run {number}"))
            for key, value in (("lr", lr), ("seed", seed)):
                database.execute("INSERT INTO params VALUES (?, ?, ?)", (str(number), key, str(value)))
            for step, value in course(lr, seed).items():
                database.execute(
                    "INSERT INTO metrics VALUES (?, 'val_loss', ?, ?, ?, 0)", (str(number), value, step, step)
                )
        database.execute("INSERT INTO runs VALUES ('gone', 'gone', 'deleted')")
    return folder / "mlflow.db"


def trackio(folder: Path) -> Path:
    with sqlite3.connect(folder / "project.db") as database:
        database.execute("CREATE TABLE configs (id INTEGER PRIMARY KEY, run_name TEXT, config TEXT, created_at TEXT)")
        database.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INT, metrics TEXT)"
        )
        for number, (lr, seed) in enumerate(GRID):
            config = json.dumps({"lr": lr, "seed": seed, "_Username": "x"})
            database.execute("INSERT INTO configs (run_name, config) VALUES (?, ?)", (f"run {number}", config))
            for step, value in course(lr, seed).items():
                row = (str(step), f"run {number}", step, json.dumps({"val_loss": value}))
                database.execute("INSERT INTO metrics (timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?)", row)
    return folder / "project.db"


SOURCES = (csv_files, csv_folders, one_csv, chart_of_wandb, lightning, hugging_face, tensorboard, mlflow_files,
           mlflow_sqlite, trackio)  # fmt: skip


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_the_values_are_those_of_the_source(make, tmp_path):
    runs = runs_of(make(tmp_path))
    by_labels = {(float(run.config["lr"]), int(run.config["seed"])): run for run in runs}
    assert sorted(by_labels) == sorted(GRID)
    assert len(runs) == len(GRID)
    for labels, run in by_labels.items():
        assert run.curves["val_loss"].to_dict() == course(*labels)


def test_a_table_of_runs_has_last_values_only(tmp_path):
    rows = [
        {"Name": f"run {lr} {seed}", "State": "finished", "lr": lr, "seed": seed, "val_loss": lr} for lr, seed in GRID
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "runs.csv", index=False)
    runs = runs_of(tmp_path / "runs.csv")
    assert [run.name.startswith("run ") for run in runs] == [True] * len(GRID)
    assert [run.curves["val_loss"].tolist() for run in runs] == [[lr] for lr, _ in GRID]


def test_rows_without_steps_are_runs_whatever_they_have_in_common(tmp_path):
    rows = [{"Name": "base", "lr": 0.1, "seed": 0, "optimizer": name, "loss": 1} for name in ("adam", "sgd", "sgd")]
    pd.DataFrame(rows).to_csv(tmp_path / "runs.csv", index=False)
    runs = runs_of(tmp_path / "runs.csv")
    assert [run.config["optimizer"] for run in runs] == ["adam", "sgd", "sgd"]
    assert len({run.name for run in runs}) == 3


def test_a_run_is_that_of_its_name_whatever_changes_in_it(tmp_path):
    rows = [
        {"run": f"{lr} {seed}", "initial_lr": lr, "lr": lr / step, "seed": seed, "step": step, "loss": 1 / step}
        for lr, seed in GRID
        for step in (1, 2, 3)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "runs.csv", index=False)
    runs = runs_of(tmp_path / "runs.csv")
    assert [(run.config["initial_lr"], run.config["seed"]) for run in runs] == GRID
    assert [len(run.curves["loss"]) for run in runs] == [3] * len(GRID)


@pytest.mark.parametrize("columns", [["lr", "seed", "step", "loss"], ["run", "lr", "seed", "step", "loss"]])
def test_rows_of_several_runs_that_nothing_tells_apart_are_refused(tmp_path, columns):
    rows = [(*("base", 0.1, 0)[-len(columns) + 2 :], step, loss) for loss in (1, 2) for step in (0, 1)]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(InputError, match="loss"):
        runs_of(tmp_path / "runs.csv")


def test_mlflow_writes_an_infinite_value_as_the_largest_number(tmp_path):
    file = mlflow_sqlite(tmp_path)
    with sqlite3.connect(file) as database:
        database.execute("UPDATE metrics SET value = -1.7976931348623157e308 WHERE step = 40")
    assert [run.curves["val_loss"].iloc[-1] for run in runs_of(file)] == [-math.inf] * len(GRID)


def test_nothing_is_run_that_a_file_names(tmp_path):
    mark = tmp_path / "mark"
    (tmp_path / "run").mkdir()
    (tmp_path / "run/hparams.yaml").write_text(f"lr: 0.1\nx: !!python/object/apply:os.system ['touch {mark}']\n")
    (tmp_path / "run/metrics.csv").write_text("val_loss\n1\n")
    (run,) = runs_of(tmp_path)
    assert isinstance(run, Run)
    assert run.config["lr"] == 0.1
    assert not mark.exists()


@pytest.mark.parametrize("name", ["none", "empty", "other.db", "text.txt"])
def test_a_source_without_runs_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with sqlite3.connect(tmp_path / "other.db") as database:
        database.execute("CREATE TABLE animals (name TEXT)")
    (tmp_path / "text.txt").write_text("text")
    with pytest.raises(InputError):
        runs_of(tmp_path / name)
