"""``summary.csv``: the columns of the design, one row a network, steps as whole numbers, empty for what never was."""

import csv

import pytest

from lrscope.papers.stability import Options, findings
from lrscope.report import write_table
from lrscope.studies import Listed

COLUMNS = [
    *("target", "hidden", "lr", "epochs", "init_scale", "seed", "final_train_error", "final_test_error"),
    *("min_train_error", "min_train_error_step", "min_test_error", "min_test_error_step", "min_gradient_norm_step"),
    *("angle_onset_step", "gradient_norm_onset_step", "error_onset_step", "sharpness_crossing_step", "outcome"),
]
"""As the design lists them."""
STEPS = [name for name in COLUMNS if name.endswith("_step")]
ONSETS = ("angle_onset_step", "gradient_norm_onset_step", "error_onset_step", "sharpness_crossing_step")


def tables(found, folder):
    """Return the rows of each table as they stand in its file."""
    listed = [item for chapter in found.chapters for item in chapter.items if isinstance(item, Listed)]
    files = {each.name: write_table(folder / f"{each.name}.csv", each.table) for each in listed}
    return {name: list(csv.DictReader(file.read_text().splitlines())) for name, file in files.items()}


@pytest.fixture
def told(train_all, tmp_path):
    def tell(**options):
        chosen = Options(**options)
        return tables(findings(train_all(chosen), chosen), tmp_path)

    return tell


def test_the_summary_has_a_row_for_every_network_of_the_source(found_shortly, tmp_path):
    rows = tables(found_shortly, tmp_path)["summary"]
    assert list(rows[0]) == COLUMNS
    assert len(rows) == 2 * 12
    assert (
        len({(row["target"], row["hidden"], row["lr"], row["epochs"], row["init_scale"], row["seed"]) for row in rows})
        == 24
    )
    first = rows[0]
    assert [first[name] for name in COLUMNS[:6]] == ["f1", "3", "1.0", "1000", "1.0", "0"]
    assert [730 <= int(first[name]) <= 760 for name in ONSETS[:3]] == [True, True, True]
    assert int(first["sharpness_crossing_step"]) < int(first["angle_onset_step"])
    assert first["outcome"] == "converged"


def test_steps_are_whole_numbers_and_what_did_not_happen_is_empty(told):
    (row,) = told(target="f1", lrs=(0.1,), epochs=50)["summary"]
    assert {row[name] for name in ONSETS} == {""}
    assert [row[name] for name in STEPS if name not in ONSETS] == ["49", "49", "49"]
    assert float(row["final_train_error"]) == float(row["min_train_error"])


def test_numbers_of_the_summary_are_those_of_the_records(train_all, tmp_path):
    options = Options(target="f2", hidden=4, lrs=(1.0, 0.3), epochs=40, seeds=2)
    records = train_all(options)
    rows = tables(findings(records, options), tmp_path)["summary"]
    assert [(row["lr"], row["seed"]) for row in rows] == [("0.3", "0"), ("0.3", "1"), ("1.0", "0"), ("1.0", "1")]
    for row in rows:
        member = (records["run"]["lr"] == float(row["lr"])) & (records["run"]["seed"] == int(row["seed"]))
        run = records["run"].sel(member=member).squeeze("member")
        for name, error in (("train", "loss"), ("test", "val_loss")):
            assert float(row[f"final_{name}_error"]) == float(run[error][-1])
            assert float(row[f"min_{name}_error"]) == float(run[error].min())
            assert int(row[f"min_{name}_error_step"]) == int(run[error].argmin("step"))
        assert int(row["min_gradient_norm_step"]) == int(run["gradient_norm"].argmin("step"))


def test_a_rate_far_too_high_diverges_at_a_step(told):
    row, slow = sorted(told(target="f2", lrs=(50.0, 0.1), epochs=150)["summary"], key=lambda row: -float(row["lr"]))
    words, step = row["outcome"].rsplit(" ", 1)
    assert words == "diverged at step"
    assert 10 < int(step) < 150
    assert row["final_train_error"] == row["final_test_error"] == ""
    assert float(row["min_train_error"]) > 0
    assert slow["outcome"] == "converged"
