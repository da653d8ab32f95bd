"""Summary, tables and figures hold what the records hold, and nothing where they hold nothing."""

import numpy as np
import pytest

from lrscope.papers.fluctuation import STUDY
from lrscope.records import MEMBER
from lrscope.report import Figure, Table, array_of


def diverges_at_7(place):
    return place[1] == 7.0


def moderate(plan, **chosen):
    """Return records whose networks differ: the faster, the smaller the error."""
    return plan(error=lambda place: 0.01 / place[1] ** 0.25, moving=lambda *_: 40, **chosen)


def summary(some):
    return STUDY.summary(some.results(), some.options)


def frames(some):
    """Return the tables of the report by name."""
    results = some.results()
    items = [item for section in STUDY.sections(results, some.options) for item in section.items]
    return {item.name: item.frame(results) for item in items if isinstance(item, Table)}


def drawings(some, *names):
    results = some.results()
    items = [item for section in STUDY.sections(results, some.options) for item in section.items]
    return {item.name: item.draw(results) for item in items if isinstance(item, Figure) and item.name in names}


def test_the_summary_counts_names_the_best_rate_and_who_takes_part(plan):
    trained, errors, movement, by_rate, *_ = summary(
        moderate(plan, shapes=("circle", "spiral"), seeds=3, lrs=(0.0001, 0.01))
    )
    assert trained.startswith("12 autoencoders learned 2 shapes at 2 learning rates with 3 seeds for 1000 epochs.")
    assert "0.01 reconstructs best (mean squared error 0.1 at 0.0001, 0.032 at 0.01)" in errors
    assert "59% by their weights" in movement
    assert "by their weights, 41% at 0.0001" in by_rate


def test_a_rate_at_which_one_network_diverged_is_not_the_best(plan):
    some = moderate(plan, shapes=("circle", "spiral"), diverged=lambda place: place[:2] == ("circle", 0.01))
    assert "a learning rate of 0.001 reconstructs best" in summary(some)[1]
    alone = moderate(plan, lrs=(0.01, 7.0), diverged=diverges_at_7)
    assert "at every other rate a network diverged" in summary(alone)[1]


def test_a_diverged_network_has_empty_cells(plan):
    some = plan(shapes=("circle",), lrs=(0.001, 7.0), moving=lambda *_: 20, diverged=diverges_at_7)
    tables = frames(some)
    assert tables["networks"].values.tolist() == [
        ["circle", 0.001, 0, "converged", None, 1, pytest.approx(0.1), pytest.approx(0.1)],
        ["circle", 7, 0, "diverged", 1, 1, None, None],
    ]
    counts = tables["fluctuation_counts"]
    (row,) = counts[
        (counts["quantity"] == "weights") & (counts["module"] == "encoder") & (counts["lr"] == 0.001)
    ].values
    assert row[5:-1].tolist() == [77, 0, 20, 70, 26, 1]
    assert row[-1] == pytest.approx(abs(77 / 97 - 70 / 97) / 2 + (26 / 97) / 2 + (19 / 97) / 2)
    share = array_of(some.results(), "neurons/weights/share").sel(of_layer="encoder.0", lr=0.001)
    assert share.item() == pytest.approx(77 / 97)


def test_definitions_are_listed_the_closest_first(plan):
    table = frames(plan(shapes=("circle", "square"), seeds=2))["definitions"]
    assert len(table) == 32
    assert table["mean"].tolist() == sorted(table["mean"])
    assert table["chosen for"].sum() == 2


def test_the_activity_is_that_of_a_middle_rate_at_which_the_network_did_not_diverge(plan):
    some = plan(shapes=("circle", "spiral"), lrs=(0.001, 7.0), seeds=2, diverged=diverges_at_7)
    active = array_of(some.results(), "active/share")
    assert (active["shape"].item(), active["lr"].item(), active["seed"].item()) == ("spiral", 0.001, 0)
    assert active.notnull().all()
    assert array_of(plan(lrs=(0.5, 0.001, 0.01)).results(), "active/share")["lr"].item() == 0.01
    assert array_of(plan(lrs=(7.0,), diverged=diverges_at_7).results(), "active/share")["lr"].item() == 7.0


def test_reconstructions_hold_outputs_over_targets(plan):
    some = plan(lrs=(0.01,), shapes=("circle",), error=lambda _: 0.25)
    (figure,) = drawings(some, "reconstructions").values()
    original, made = (np.asarray(one.get_offsets()) for one in figure.axes[0].collections)
    np.testing.assert_allclose(made - original, 0.5)
    assert "0.25" in [text.get_text() for text in figure.axes[0].texts]


def test_the_order_of_the_members_does_not_matter(plan):
    some = plan(shapes=("spiral", "circle"), lrs=(0.01, 0.0001), seeds=2)
    records = some.records()
    order = np.random.default_rng(0).permutation(records.sizes[MEMBER])
    one, other = (STUDY.results({"records": each}, some.options) for each in (records, records.isel(member=order)))
    assert STUDY.judged(one) == STUDY.judged(other)
    assert sorted(STUDY.summary(one, some.options)) == sorted(STUDY.summary(other, some.options))
