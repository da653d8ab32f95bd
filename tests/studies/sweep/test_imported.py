"""`lrscope import`: a recommendation from runs that exist where they allow one, and the reason where not."""

import math
import random
from pathlib import Path

import pandas as pd
import pytest

from lrscope.cli import main
from lrscope.studies import Folder, compare
from lrscope.studies._report import report_of

LRS = (0.001, 0.01, 0.1)


def write(folder: Path, *, lrs=LRS, seeds=lambda _: (0, 1, 2), steps=lambda _: 5, metric=lambda _: "val_loss", more=""):
    """Write a run for each rate and seed: best at 0.01."""
    for lr in lrs:
        for seed in seeds(lr):
            noise = random.Random(f"{lr} {seed}").gauss(1, 0.02)
            end = noise * math.exp(abs(math.log10(lr / 0.01)))
            rows = [{"step": step, metric(seed): end * (10 - step)} for step in range(steps(lr))]
            named = "" if seed is None else f",seed={seed}"
            file = folder / "runs" / f"lr={lr}{named}{more}.csv"
            file.parent.mkdir(exist_ok=True)
            pd.DataFrame(rows).to_csv(file, index=False)


def imported(folder: Path, *options: str):
    assert main(["import", str(folder / "runs"), "--out", str(folder / "results"), *options]) == 0
    return report_of(Folder(folder / "results"))


def test_the_report_is_that_of_the_values(tmp_path):
    write(tmp_path)
    report = imported(tmp_path)
    rates = pd.read_csv(tmp_path / "results/tables/rates.csv")
    assert rates["lr"].tolist() == list(LRS)
    assert rates["in the range"].tolist() == [False, True, False]
    assert report.results.attrs["refused"] == []
    ((_, result),) = compare([tmp_path / "results"], (0.01, 0.1)).results
    assert float(result["difference"]) != 0
    assert main(["report", str(tmp_path / "results")]) == 0


def test_rate_and_seed_of_a_table_are_no_metrics(tmp_path):
    rows = [(f"{lr} {seed}", lr, seed, step, lr / (step + 1)) for lr in LRS for seed in (0, 1) for step in range(3)]
    table = pd.DataFrame(rows, columns=["run", "lr", "seed", "epoch", "val_loss"])
    (tmp_path / "runs").mkdir()
    table.to_csv(tmp_path / "runs/all.csv", index=False)
    assert main(["import", str(tmp_path / "runs/all.csv"), "--out", str(tmp_path / "results")]) == 0
    assert list(report_of(Folder(tmp_path / "results")).results["curves"].children) == ["val_loss"]


def test_of_a_rate_with_one_seed_no_bound_is_given(tmp_path):
    write(tmp_path, seeds=lambda lr: (2,) if lr == LRS[0] else (0, 1, 2))
    report = imported(tmp_path)
    assert report.results["rates/plausible"].values.tolist() == [True, True, False]
    assert "how much worse than the best they may be is not known" in " ".join(report.summary)


def one_of_several_has_the_metric(folder):
    write(folder, metric=lambda seed: "other" if seed else "val_loss")


def one_rate(folder):
    write(folder, lrs=(0.01,))


def one_seed(folder):
    write(folder, seeds=lambda _: (0,))


def other_seeds(folder):
    write(folder, seeds=lambda lr: (int(1000 * lr), int(1000 * lr) + 500))


def other_lengths(folder):
    write(folder, steps=lambda lr: 3 if lr == 0.1 else 5)


@pytest.mark.parametrize(
    "make",
    [one_rate, one_seed, one_of_several_has_the_metric, other_seeds, other_lengths],
    ids=lambda make: make.__name__,
)
def test_no_rate_is_recommended_where_the_runs_do_not_allow_it(make, tmp_path):
    make(tmp_path)
    report = imported(tmp_path)
    assert len(report.results.attrs["refused"]) == 1
    assert not [text for text in report.summary if "Use a learning rate" in text]
    assert not (tmp_path / "results/tables/rates.csv").exists()
    assert (tmp_path / "results/tables/networks.csv").exists()


def test_runs_of_other_lengths_are_compared_at_a_common_step(tmp_path):
    other_lengths(tmp_path)
    report = imported(tmp_path, "--at", "2")
    assert report.results.attrs["refused"] == []
    assert float(report.results["rates/best"]) == 0.01


def test_runs_without_seeds_are_numbered_and_that_is_said(tmp_path):
    rows = [
        {"run": f"{lr} {n}", "lr": lr, "val_loss": abs(math.log10(lr / 0.01)) + 1 + n / 99}
        for lr in LRS
        for n in (0, 1, 2)
    ]
    (tmp_path / "runs").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "runs/all.csv", index=False)
    assert main(["import", str(tmp_path / "runs/all.csv"), "--out", str(tmp_path / "results")]) == 0
    report = report_of(Folder(tmp_path / "results"))
    assert len(report.results.attrs["noted"]) == 2  # no seeds, one value each
    assert float(report.results["rates/best"]) == 0.01


def test_what_else_differs_is_named_and_can_be_chosen(tmp_path):
    write(tmp_path, more=",bs=32")
    write(tmp_path, seeds=lambda _: (3, 4), more=",bs=64")
    both = imported(tmp_path)
    assert both.results.attrs["trained"] == 15
    assert any("bs" in text for text in both.results.attrs["noted"])
    one = imported(tmp_path, "--where", "bs=32", "--overwrite")
    assert one.results.attrs["trained"] == 9
    assert one.results.attrs["noted"] == []


def test_another_name_of_the_seed_is_no_difference(tmp_path):
    for seed in range(3):
        write(tmp_path, seeds=lambda _, seed=seed: (seed,), more=f",s=run{seed}")
    assert imported(tmp_path).results.attrs["noted"] == []


def several_names(folder):
    write(folder, metric=lambda seed: "val_loss" if seed else "eval_loss")


def twice(folder):
    write(folder, more=",bs=32")
    write(folder, more=",bs=64")


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (several_names, (), "--metric val_loss"),
        (twice, (), "--where bs=VALUE"),
        (write, ("--metric", "val_los"), "Did you mean 'val_loss'?"),
        (write, ("--lr", "rate"), "lr must be one of"),
        (write, ("--seed", "sed"), "Did you mean 'seed'?"),
        (write, ("--where", "bs=3"), "where must be one of"),
        (write, ("--at", "first"), "at must be"),
        (write, ("--at", "7"), "The nearest: 3 and 4"),
        (lambda folder: (folder / "runs").mkdir(), (), "must hold runs"),
        (lambda folder: None, (), "there is no"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_and_nothing_is_written(tmp_path, refused, make, options, sentence):
    make(tmp_path)
    assert sentence in refused("import", "runs", "--out", "results", *options)


def test_a_run_without_the_metric_has_failed_and_one_without_a_rate_is_left_out(tmp_path):
    write(tmp_path, metric=lambda seed: "val_loss" if seed < 2 else "other")
    (tmp_path / "runs/seed=1.csv").write_text("step,val_loss\n0,1\n")
    with pytest.warns(RuntimeWarning, match="seed=1"):
        report = imported(tmp_path)
    assert report.results.attrs["trained"] == 9
    assert any("seed=1" in text for text in report.results.attrs["noted"])
    assert sorted(report.results.attrs["failed"]) == [f"lr={lr},seed=2" for lr in LRS]
    assert float(report.results["rates/best"]) == 0.01
    assert not [text for text in report.summary if "--until-decided" in text]


def test_a_rate_that_changes_is_refused_and_another_can_be_named(tmp_path):
    rows = [
        {"run": f"{lr} {seed}", "start": lr, "lr": lr / step, "seed": seed, "step": step, "val_loss": lr + seed}
        for lr in LRS
        for seed in (0, 1, 2)
        for step in (1, 2)
    ]
    (tmp_path / "runs").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "runs/all.csv", index=False)
    given = ["import", str(tmp_path / "runs/all.csv"), "--out", str(tmp_path / "results")]
    assert main(given) == 2
    assert main([*given, "--lr", "start"]) == 0
    assert report_of(Folder(tmp_path / "results")).results["rates"]["lr"].values.tolist() == list(LRS)


def test_the_folder_of_an_import_is_inspected(tmp_path, capsys):
    write(tmp_path)
    imported(tmp_path)
    assert main(["inspect", str(tmp_path / "results"), "--check"]) == 0
    assert "records-grid.root" in capsys.readouterr().out


def test_a_folder_of_logs_is_inspected(tmp_path, capsys):
    write(tmp_path)
    assert main(["inspect", str(tmp_path / "runs")]) == 0
    printed = capsys.readouterr().out
    assert "9 runs" in printed
    assert "lr: 0.001, 0.01, 0.1" in printed
    assert "val_loss" in printed
