"""Summary, tables, figures and histograms say what the records hold, and nothing where they hold nothing."""

import dataclasses
import re

import numpy as np
import pytest

from lrscope.papers.fluctuation import Options, findings
from lrscope.papers.fluctuation import _figures as pictures
from lrscope.papers.fluctuation import _tables as tables
from lrscope.papers.fluctuation._findings import _active, _histograms, _summary
from lrscope.records import MEMBER
from lrscope.studies import ONLY


def diverges_at_7(place):
    return place[1] == 7.0


def dialled(plan, **chosen):
    """Return records whose networks differ: the faster, the smaller the error and the fewer neurons move."""
    return plan(error=lambda place: 0.01 / place[1] ** 0.25, moving=lambda *_: 40, **chosen)


def test_the_summary_of_one_network(plan):
    found = plan(lrs=(0.001,), moving=lambda *_: 40).results()
    found = dataclasses.replace(found, options=dataclasses.replace(found.options, epochs=1))
    what, errors, movement, by_rate = _summary(found)
    end = "It ended with a lower loss than at the start."
    assert what == f"1 autoencoder learned 1 shape at 1 learning rate with 1 seed for 1 epoch. {end}"
    assert errors == "On this shape the mean squared error of the reconstruction is 0.1 at 0.001."
    shares = "59% by their weights, 59% by their biases, 58% by their activations, 59% by their weight gradients"
    below = "of all neurons a fluctuation below 0.1 of the largest in their part"
    assert movement == f"Most neurons barely move: {below} have {shares}, 59% by their bias gradients."
    assert by_rate == "Neurons that take part: by their weights, 41% at 0.001; by their activations, 42% at 0.001."


def test_the_summary_of_many_networks(plan):
    found = dialled(plan, shapes=("circle", "spiral"), seeds=3, lrs=(0.0001, 0.01)).results()
    what, errors, _movement, by_rate = _summary(found)
    assert what == (
        "12 autoencoders learned 2 shapes at 2 learning rates with 3 seeds for 1000 epochs. "
        "All ended with a lower loss than at the start."
    )
    assert errors == (
        "On average over the shapes a learning rate of 0.01 reconstructs best "
        "(mean squared error 0.1 at 0.0001, 0.032 at 0.01)."
    )
    assert by_rate.startswith("Neurons that take part, on average over the shapes: by their weights, 41% at 0.0001, ")


def test_most_is_said_only_of_most(plan):
    moving = {"biases": 60}
    found = plan(moving=lambda quantity, *_: moving.get(quantity, 10)).results()
    assert _summary(found)[2].startswith("Not every neuron takes part: of all neurons a fluctuation below 0.1 ")


def test_the_summary_of_networks_of_which_some_diverged(plan):
    found = dialled(plan, lrs=(0.001, 0.01, 7.0), seeds=2, diverged=diverges_at_7).results()
    what, errors, _movement, by_rate = _summary(found)
    assert what.endswith("Of these, 4 ended with a lower loss than at the start, 2 diverged.")
    assert "0.01 reconstructs best (mean squared error 0.056 at 0.001, 0.032 at 0.01, – at 7)." in errors
    assert by_rate.endswith("by their activations, 42% at 0.001, 42% at 0.01, – at 7.")


def test_a_rate_at_which_one_network_diverged_is_not_the_best(plan):
    found = dialled(plan, shapes=("circle", "spiral"), diverged=lambda place: place[:2] == ("circle", 0.01)).results()
    assert "a learning rate of 0.001 reconstructs best" in _summary(found)[1]


def test_the_summary_of_the_one_rate_that_came_to_the_end(plan):
    found = dialled(plan, lrs=(0.01, 7.0), diverged=diverges_at_7).results()
    sentence = "On this shape the mean squared error of the reconstruction is 0.032 at 0.01"
    assert _summary(found)[1] == f"{sentence}; at every other rate a network diverged."


def test_the_summary_of_networks_that_all_diverged(plan):
    found = plan(lrs=(1e30,), diverged=lambda _: True).results()
    assert _summary(found) == [
        "1 autoencoder learned 1 shape at 1 learning rate with 1 seed for 1000 epochs. It diverged.",
        "At no learning rate did every network come to the end, so none reconstructs best.",
        "No network came far enough to tell which neurons move: that takes two recorded steps.",
    ]


def test_equal_errors_have_no_best(plan):
    errors = "mean squared error 0.1 at 0.0001, 0.1 at 0.001, 0.1 at 0.01"
    assert _summary(plan().results())[1] == f"On this shape all learning rates reconstruct alike ({errors})."


def test_a_network_that_does_not_improve_is_called_so(plan):
    found = plan(error=lambda place: 2.0 if place[1] == 0.01 else 0.1).results()
    assert _summary(found)[0].endswith("Of these, 2 ended with a lower loss than at the start, 1 did not improve.")


def test_a_diverged_network_has_empty_cells(plan):
    found = plan(shapes=("circle",), lrs=(0.001, 7.0), moving=lambda *_: 20, diverged=diverges_at_7).results()
    assert tables.networks(found).table.rows == [
        ("circle", 0.001, 0, "converged", None, 1.0, 0.1, pytest.approx(0.1)),
        ("circle", 7.0, 0, "diverged", 1, 1.0, None, None),
    ]
    weights = [row for row in tables.counts(found).table.rows if row[1:3] == ("weights", "encoder")]
    assert weights[0][:9] == ("circle", "weights", "encoder", 0.001, 0, 77, 0, 20, "70 / 26 / 1")
    assert weights[0][9] == pytest.approx(abs(77 / 97 - 70 / 97) / 2 + (26 / 97) / 2 + (19 / 97) / 2)
    assert weights[1] == ("circle", "weights", "encoder", 7.0, 0, None, None, None, None, None)
    layers = [row for row in tables.participation(found).table.rows if row[:2] == ("weights", "encoder.0")]
    assert layers == [("weights", "encoder.0", 0.001, 97, 77 / 97), ("weights", "encoder.0", 7.0, 97, None)]


def test_a_missing_published_row_is_an_empty_cell(plan):
    found = plan(shapes=("pentagon",), lrs=(0.01,)).results()
    row = next(row for row in tables.counts(found).table.rows if row[1:3] == ("bias gradients", "encoder"))
    assert row[5:] == (87, 0, 10, None, None)


def test_distances_have_one_row_a_quantity_and_shape(plan):
    found = plan(shapes=("circle", "spiral", "square"), seeds=2).results()
    rows = tables.distances(found).table.rows
    assert [row[:2] for row in rows][:2] == [("weights", "circle"), ("weights", "square")]
    assert len(rows) == 5 * 2
    for words, shape, distance, scatter in rows:
        quantity = words.replace(" ", "_")
        assert distance == pytest.approx(float(found.distance[quantity].sel(shape=shape).mean()))
        assert scatter == pytest.approx(float(found.scatter[quantity].sel(shape=shape).mean()))


def test_tables_name_quantities_in_words(plan):
    found = plan(shapes=("circle",), seeds=2).results()
    for listed in (tables.distances(found), tables.counts(found), tables.participation(found)):
        quantities = {row[listed.table.columns.index("quantity")] for row in listed.table.rows}
        assert {"weight gradients", "bias gradients"} <= quantities
        assert not [name for name in quantities if "_" in name]


def test_the_bars_against_the_published_tables_are_explained_where_there_are_some(plan):
    bars = "bars: 95 % intervals of the mean over the seeds"
    assert bars in pictures.against_published(plan(shapes=("circle",), seeds=2).results()).caption
    assert bars not in pictures.against_published(plan(shapes=("circle",)).results()).caption


def test_the_activity_has_the_colours_of_the_other_reports(plan):
    some = plan(lrs=(0.01,), seeds=1)
    drawn = pictures.activity(_active(some.results(), some.records(), "spiral")).draw()
    assert [ax.get_title("left") for ax in drawn.axes if ax.get_title("left")] == ["spiral, lr 0.01, seed 0"]
    assert "activity" in {mesh.get_cmap().name for ax in drawn.axes for mesh in ax.collections if mesh.get_cmap()}


def test_the_activity_of_a_network_that_came_to_its_end_is_shown(plan):
    some = plan(shapes=("circle", "spiral"), lrs=(0.001, 7.0), seeds=2, diverged=diverges_at_7)
    active = _active(some.results(), some.records(), "spiral")
    assert (active["shape"].item(), active["lr"].item(), active["seed"].item()) == ("spiral", 0.001, 0)
    assert active.dims == ("step", "neuron")
    assert active.notnull().all()


def test_the_activity_of_the_middle_rate_is_shown(plan):
    some = plan(lrs=(0.5, 0.001, 0.01))
    assert _active(some.results(), some.records(), "spiral")["lr"].item() == 0.01


def test_the_activity_of_a_diverged_network_is_shown_where_there_is_no_other(plan):
    some = plan(lrs=(7.0,), diverged=diverges_at_7)
    assert _active(some.results(), some.records(), "spiral")["lr"].item() == 7.0


def test_histograms_count_every_neuron_that_has_a_fluctuation(plan):
    found = plan(shapes=("circle", "spiral"), lrs=(0.001, 7.0), seeds=2, diverged=diverges_at_7).results()
    made = _histograms(found)
    assert len(made) == 5 * 2 * 2
    histogram = made["fluctuation_weights_encoder_lr_0.001"]
    assert histogram.sum() == 97 * 2 * 2
    assert histogram.values()[0] == 87 * 4
    assert histogram.values()[-1] == 10 * 4
    assert made["fluctuation_weights_encoder_lr_7"].sum() == 0


def test_the_order_of_the_members_does_not_matter(plan):
    some = plan(shapes=("spiral", "circle"), lrs=(0.01, 0.0001), seeds=2)
    chosen = Options(shapes=("spiral", "circle"), lrs=(0.01, 0.0001), seeds=2)
    records = some.records()
    order = np.random.default_rng(0).permutation(records.sizes[MEMBER])
    one, other = (findings({ONLY: some}, chosen) for some in (records, records.isel(member=order)))
    assert one.summary == other.summary
    assert one.claims == other.claims
    rows = [
        [
            sorted(map(str, item.table.rows))
            for chapter in each.chapters
            for item in chapter.items
            if hasattr(item, "table")
        ]
        for each in (one, other)
    ]
    assert rows[0] == rows[1]


def test_every_text_of_the_findings_is_one_for_people(plan):
    some = plan(shapes=("circle", "spiral"), lrs=(1e-5, 1e6), seeds=2, diverged=lambda place: place[1] == 1e6)
    found = findings({ONLY: some.records()}, Options(shapes=("circle", "spiral"), lrs=(1e-5, 1e6), seeds=2))
    texts = [*found.summary, *(str(dataclasses.astuple(claim)) for claim in found.claims)]
    texts += [
        item.title + item.caption for chapter in found.chapters for item in chapter.items if hasattr(item, "caption")
    ]
    for text in texts:
        assert not re.search(r"\bnan\b|\binf\b|1e\+|e-0|\b1 \w+s\b(?! apart)", text), text
