"""From the command line to the folder: images from files, data and networks of a user's own, costs and help."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from image_files import write_mnist
from lrscope import store
from lrscope.cli import main
from lrscope.report._files import picture
from lrscope.studies import study
from lrscope.studies.sweep import Options
from lrscope.training import Estimate

RUN = ["run", "sweep"]
QUICK = ["--epochs", "2", "--batch-size", "10", "--crossed-seeds", "0"]


@pytest.fixture
def blank(monkeypatch):
    """Leave the figures of a report blank; other tests draw them."""
    monkeypatch.setattr("lrscope.report._write.picture", lambda _figure: picture(Figure()))


def table(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "tables" / f"{name}.csv").read_text().splitlines()))


def claims(folder: Path) -> dict[str, dict[str, object]]:
    return {claim["id"]: claim for claim in json.loads((folder / "claims.json").read_text())}


def check_page(page: str) -> None:
    assert " nan" not in page
    assert "None" not in page


def test_files_of_mnist_are_learned_and_the_accuracy_of_the_source_is_judged(tmp_path, capsys, read, blank):
    write_mnist(tmp_path)
    out = tmp_path / "run"
    words = ["--data", "mnist", "--root", str(tmp_path), "--seeds", "2", *QUICK]
    assert main([*RUN, *words, "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"Report: {out / 'report.html'}\n"
    told = claims(out)
    (found,) = (row for row in table(out, "rates") if row["lr"] == "0.001")
    assert told["accuracy"]["measured"] == pytest.approx(float(found["validation accuracy"]), abs=1e-4)
    assert told["accuracy"]["holds"] is False
    assert told["best"]["note"].endswith("Here: mnist, 2 epochs (6 updates).")
    check_page(read(out / "report.html"))


def test_numbers_of_the_tables_are_those_of_the_records(own, tmp_path, read, blank):
    out = tmp_path / "run"
    words = ["--data", f"{own}:sums", "--model", f"{own}:one_output", "--lrs", "1e-3", "1e30", "--optimizer", "sgd"]
    assert main([*RUN, *words, "--seeds", "2", "--out", str(out), *QUICK]) == 0
    rows = {(float(row["lr"]), int(row["seed"])): row for row in table(out, "networks")}
    records = store.open_records(out / "records-grid.root")
    assert len(rows) == 4
    for (lr, seed), row in rows.items():
        member = records.isel(member=np.flatnonzero((records["lr"] == lr) & (records["seed"] == seed)))
        if lr == 1e30:
            assert (row["outcome"], row["validation loss"]) == ("diverged", "")
            assert int(row["diverged at step"]) == int(member["diverged_at"].max())
        else:
            assert float(row["validation loss"]) == float(member["val_loss"].isel(step_every_1_epoch=-1)[0])
    assert "accuracy" not in (out / "tables" / "rates.csv").read_text()
    page = read(out / "report.html")
    assert "Training diverged in 2 of 2 at 1e30." in page
    check_page(page)


def test_the_cost_is_that_of_all_experiments_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "lrscope.studies._here.estimate",
        lambda experiment, **_: Estimate(len(experiment.sweep), experiment.epochs or experiment.steps, 10**6, 2.0),
    )
    networks = 3 * 8 + 8 + 3 * 3 * 3
    assert main([*RUN, "--estimate"]) == 0
    assert capsys.readouterr().out == f"{networks} networks, up to 100 steps: 3 MB of records, about 6 s.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_the_setting_of_the_source_on_the_digits():
    made = study("sweep").experiments(Options())
    assert list(made) == ["grid", "range-test", "crossed"]
    grid = made["grid"]
    assert grid.sweep.axes == {"lr": (0.0001, 0.001, 0.01), "seed": tuple(range(8))}
    assert (grid.epochs, grid.batch_size, grid.loss) == (20, 64, "cross_entropy")
    assert made["range-test"].sweep.axes["seed"] == grid.sweep.axes["seed"]
    assert made["range-test"].steps == 100
    rates = [1e-7 * made["range-test"].schedule.factor(step, 100) for step in (0, 99)]
    assert rates == pytest.approx([1e-7, 10.0])
    assert made["crossed"].sweep.axes == {"lr": grid.sweep.axes["lr"], "init_seed": (0, 1, 2), "order_seed": (0, 1, 2)}


def test_the_network_of_the_source_has_an_output_for_classes_that_are_only_validation(own):
    made = study("sweep").experiments(Options(data=f"{own}:new_class", lrs=(0.01,), seeds=1, batch_size=8))
    assert next(iter(made.values())).data.arrays().targets.max() == 1
    assert [experiment.model.classes for experiment in made.values()] == [3, 3, 3]
