"""Every outcome can be reported; where the truth is known, the report says it."""

import re

import numpy as np
import pytest

from lrscope.report import Figure, Report, Table
from lrscope.studies._report import report_from
from lrscope.studies.sweep import STUDY

LRS = (0.0001, 0.001, 0.01)
CLEAR = {0.0001: [2.0, 1.5, 1.2, 1.0], 0.001: [0.9, 0.5, 0.3, 0.2], 0.01: [1.0, 0.8, 0.9, 0.7]}
NOTHING_DIVERGES: dict[tuple[float, int], int] = {}
CHANGES = {
    "one diverges": {(0.01, 2): 5},
    "one diverges at once": {(0.0001, 0): 0},
    "the largest diverges": {(0.01, seed): 4 for seed in range(3)},
    "the largest diverges at once": {(0.01, seed): 0 for seed in range(3)},
    "the best diverges": {(0.001, seed): 11 for seed in range(3)},
    "all but one diverge": {(lr, seed): 6 for lr in LRS for seed in range(3) if (lr, seed) != (0.001, 1)},
    "all diverge": {(lr, seed): 7 for lr in LRS for seed in range(3)},
    "all diverge at once": {(lr, seed): 0 for lr in LRS for seed in range(3)},
}
DRAWN = ("the largest diverges at once", "all but one diverge", "all diverge at once")


def findings(records, options) -> Report:
    return report_from(STUDY, records, options)


def items(found: Report, kind: type) -> list:
    return [item for item in found.items if isinstance(item, kind)]


def table(found: Report, name: str) -> list[dict[str, object]]:
    (one,) = (item for item in items(found, Table) if item.name == name)
    return one.frame(found.results).to_dict("records")


def check_told(found: Report) -> None:
    """Check that there is no number that is none in words, tables and claims."""
    told = [*found.summary, *(str(claim.measured) for claim in found.claims), *(claim.note for claim in found.claims)]
    told += [figure.caption for figure in items(found, Figure)] + [table.note for table in items(found, Table)]
    words = re.findall(r"[\w.]+", " ".join(told))
    assert not {"nan", "inf"} & set(words)
    for listed in items(found, Table):
        cells = listed.frame(found.results).to_numpy().ravel().tolist()
        assert cells, listed.name
        assert np.isfinite([cell for cell in cells if isinstance(cell, float)]).all(), listed.name
        assert not {"nan", "inf"} & {str(cell) for cell in cells}, listed.name


@pytest.mark.parametrize("change", CHANGES)
def test_everything_is_told_listed_and_drawn_whatever_became_of_the_networks(known, options, change, check_report):
    found = findings(known(CLEAR, CHANGES[change]), options(lrs=LRS))
    check_told(found)
    if change in DRAWN:
        check_report(found)
    diverged = len(CHANGES[change])
    assert found.summary[0].startswith("9 networks learned own_things:ARRAYS at 3 learning rates with 3 seeds")
    assert f" {diverged} of them diverged." in found.summary[0]


def test_nothing_is_recommended_where_all_diverged(known, options):
    found = findings(known(CLEAR, CHANGES["all diverge"]), options(lrs=LRS))
    text = "At no learning rate did a network come to the end, so none can be recommended: try smaller ones."
    assert found.summary[1] == text
    assert not [words for words in found.summary if "Use a learning rate" in words]


def row_of(found: Report, lr: float) -> dict[str, object]:
    return next(row for row in table(found, "rates") if row["lr"] == lr)


def test_the_best_rate_is_recommended_and_others_are_worse_by_as_much_as_they_are(known, options):
    found = findings(known(CLEAR, NOTHING_DIVERGES), options(lrs=LRS))
    assert found.summary[1].startswith(
        "Use a learning rate of 0.001: on average over the seeds it ends with the lowest"
    )
    assert "No other rate of the grid is as good" in found.summary[1]
    best, worst = row_of(found, 0.001), row_of(found, 0.0001)
    assert best["validation loss"] == pytest.approx(0.2, rel=0.01)
    assert worst["worse than best"] == pytest.approx(np.log(5), abs=0.01)
    assert (best["in the range"], worst["in the range"]) == (True, False)
    assert best["best in resamples"] == 1


def test_equal_rates_are_not_decided_between(known, options):
    same = {**CLEAR, 0.01: CLEAR[0.001]}
    found = findings(known(same, NOTHING_DIVERGES), options(lrs=LRS))
    assert "The data do not decide: 0.001 and 0.01 do not differ significantly with 3 seeds" in found.summary[1]
    assert "That would take more than 16 times as many seeds" in found.summary[1]
    assert "They reach the largest rate of the grid" in found.summary[1]
    assert [row_of(found, lr)["in the range"] for lr in LRS] == [False, True, True]


def test_a_rate_that_diverges_is_told_however_good_its_other_networks_are(known, options):
    tempting = {**CLEAR, 0.01: [0.1, 0.05, 0.02, 0.01]}
    found = findings(known(tempting, {(0.01, 0): 3, (0.01, 1): 0}), options(lrs=LRS))
    assert found.summary[1].startswith("Use a learning rate of 0.001")
    assert "Training diverged in 2 of 3 at 0.01." in found.summary[2]
    row = row_of(found, 0.01)
    assert (row["networks"], row["diverged"], row["in the range"]) == (3, 2, False)


def test_networks_that_diverged_in_the_first_epoch_did_not_reach_the_target(known, options):
    early = {0.0001: [2.0, 1.5, 1.2, 1.0], 0.001: [0.9, 0.5, 0.3, 0.2], 0.01: [0.1, 0.1, 0.2, 0.7]}
    found = findings(known(early, {(0.01, 0): 0, (0.01, 1): 1}), options(lrs=LRS))
    assert "reached first at 0.001, after 11 steps" in found.summary[2]
    steps = {(row["lr"], row["seed"]): row["steps to target"] for row in table(found, "networks")}
    assert [steps[0.01, seed] for seed in range(3)] == [None, None, 2]
    assert [steps[0.001, seed] for seed in range(3)] == [11, 11, 11]


@pytest.mark.parametrize(
    ("lrs", "chosen"),
    [
        ((0.003,), {"seeds": 1, "epochs": 1, "crossed_seeds": 0}),
        pytest.param((0.003,), {}, marks=pytest.mark.long),
        pytest.param((0.003, 0.03), {"seeds": 1, "crossed_seeds": 0}, marks=pytest.mark.long),
        ((0.003, 0.03), {"batch_size": 48, "epochs": 3, "optimizer": "momentum", "schedule": "linear"}),
    ],
    ids=["one rate, seed, epoch", "one rate", "one seed", "whole batches"],
)
def test_a_run_may_be_as_small_as_one_likes(train, options, lrs, chosen, check_report):
    asked = options(lrs=lrs, **chosen)
    found = findings(train(lrs=lrs, **chosen), asked)
    check_told(found)
    check_report(found)
    assert found.claims == []
    assert len(table(found, "networks")) == len(lrs) * asked.seeds
    if len(lrs) == 1:
        assert "Only one rate was tried" in found.summary[1]


@pytest.mark.parametrize(
    "chosen",
    [
        {"data": "own_things:sums", "model": "own_things:one_output"},
        pytest.param(
            {"data": "own_things:sums", "model": "own_things:one_output", "loss": "l1", "optimizer": "sgd"},
            marks=pytest.mark.long,
        ),
        {"data": "own_things:shares", "loss": "cross_entropy"},
    ],
    ids=["numbers", "absolute differences", "shares of classes"],
)
def test_data_without_classes_have_losses_and_no_accuracy(train, options, chosen, check_report):
    found = findings(train(lrs=LRS, **chosen), options(lrs=LRS, **chosen))
    check_told(found)
    check_report(found)
    assert "accuracy" not in " ".join(found.summary)
    columns = {column for listed in items(found, Table) for column in listed.frame(found.results)}
    assert not [column for column in columns if "accuracy" in column]
    assert not found.claims


def test_a_smooth_optimum_is_told_first_where_there_are_enough_rates(train, options):
    chosen = {"lrs": (0.001, 0.003, 0.01, 0.03, 0.1), "seeds": 3, "tolerance": 0.99}
    own = options(**chosen)
    found = STUDY.results(train(**chosen), own)
    smooth = found["optimum"]
    assert 0.001 <= smooth["low"] <= smooth["best"] <= smooth["high"] <= 0.1
    assert STUDY.summary(found, own)[1].startswith("Any learning rate from")
