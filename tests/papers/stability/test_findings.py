"""Whatever becomes of the networks, everything is told, listed and drawn."""

import numpy as np
import pytest

from lrscope.papers.stability import Options, findings
from lrscope.report._old import Claim, Interactive
from lrscope.studies import Chapter, Findings, Listed, Still


def items(found: Findings, kind: type) -> list:
    return [item for chapter in found.chapters for item in chapter.items if isinstance(item, kind)]


def test_everything_is_told_listed_and_drawn_whatever_became_of_the_networks(changed, request, check_drawn):
    found = findings(changed, Options(seeds=2))
    if request.node.callspec.params["changed"] not in ("one seed", "the first diverges"):  # drawn like the others
        check_drawn(found)
    assert [chapter.title for chapter in found.chapters][-5:] == [
        *("Smaller rates", "Duplicate neurons", "The alarm", "A rate that listens", "Every network"),
    ]
    words = " ".join([*found.summary, *(str(claim) for claim in found.claims)])
    assert " nan" not in words
    assert "None " not in words
    assert all(isinstance(claim, Claim) and claim.holds in (True, False, None) for claim in found.claims)
    assert len({claim.id for claim in found.claims}) == len(found.claims) > 20
    for listed in items(found, Listed):
        assert {len(row) for row in listed.table.rows} <= {len(listed.table.columns)}, listed.name
        numbers = [cell for row in listed.table.rows for cell in row if isinstance(cell, float)]
        assert np.isfinite(numbers).all(), listed.name


def test_all_figures_of_the_source_are_there(found_shortly):
    found = found_shortly
    names = {still.name for still in items(found, Still)}
    assert {"training_f1-h3", "training_f2-h8", "gradient_path_f1-h3", "gradient_path_f2-h8"} <= names
    assert {"figure_3", "figure_4", "figure_5", "figure_6", "functions", "sharpness_f1-h3", "sharpness_f2-h8"} <= names
    assert {"alarm", "controllers_f1", "controllers_f2", "guided_f1-h3", "guided_f2-h8"} <= names
    assert [film.name for film in found.films] == ["film_f1-h3", "film_f2-h8"]
    assert len(items(found, Interactive)) == 2
    assert {listed.name for listed in items(found, Listed)} >= {"summary", "alarm", "controllers", "duplicates"}


def test_the_names_of_networks_are_explained_before_one_is_used(found_shortly):
    explained = found_shortly.summary[1]
    assert "the units of its hidden layer" in explained
    assert "(f1, 3, 1, 1000); ×10 behind it: initial weights times 10." in explained
    assert "f1(x) = exp(x/5) and f2(x) = sin(x) (25 - x²)" in explained
    assert "(f1," not in found_shortly.summary[0]


def test_a_function_of_ones_own_and_rates_that_are_close_are_named_apart(train_all):
    options = Options(target="numpy:tanh", hidden=2, lrs=(0.1, 0.10001), epochs=2)
    found = findings(train_all(options), options)
    assert found.summary[1].endswith("as in (numpy:tanh, 2, 0.1, 2).")
    titles = [still.title for still in items(found, Still)]
    assert "Training of (numpy:tanh, 2, 0.10001, 2)" in titles


def test_the_score_of_an_alarm_is_not_called_as_the_target(found_shortly):
    (alarm,) = (listed.table for listed in items(found_shortly, Listed) if listed.name == "alarm")
    assert alarm.columns[2:5] == ("precision", "recall", "F-score")
    assert {row[0] for row in alarm.rows} == {"f1", "f2"}
    assert not [words for words in found_shortly.summary if "F1" in words]


@pytest.mark.parametrize(
    "chosen",
    [
        {"target": "f1", "hidden": 2, "lrs": (0.1,), "epochs": 1},
        pytest.param({"target": "f2", "hidden": 2, "lrs": (0.1, 1e6), "epochs": 2, "seeds": 2}, marks=pytest.mark.long),
        pytest.param({"target": "f1", "hidden": 3, "lrs": (1e300,), "epochs": 30}, marks=pytest.mark.long),
        {"target": "f2", "hidden": 4, "lrs": (0.1,), "epochs": 20, "init_scale": 1e200},
    ],
    ids=["one step", "two steps", "diverged behind a step", "diverged at once"],
)
def test_a_run_of_ones_own_may_be_as_short_or_wild_as_one_likes(train_all, monkeypatch, chosen, check_drawn):
    monkeypatch.setattr("lrscope.papers.stability._figures.FRAMES", 2)
    options = Options(**chosen)
    found = findings(train_all(options), options)
    check_drawn(found)
    assert found.claims == []
    assert all(isinstance(chapter, Chapter) and chapter.items for chapter in found.chapters)
    networks = len(options.lrs) * options.seeds
    assert found.summary[0].startswith(f"{networks} perceptron")
    (summary,) = (listed for listed in items(found, Listed) if listed.name == "summary")
    assert len(summary.table.rows) == networks
