"""Each claim holds, fails and stays undecided where it must: on records made so that this is known."""

import re

import numpy as np
import pytest

from lrscope.papers.fluctuation import STUDY
from lrscope.papers.fluctuation._definitions import LRS, QUANTITIES, SHAPES, published_counts
from lrscope.report import array_of
from lrscope.studies._study import UNDECIDED

SPIRAL = (
    "reconstruction-best", "reconstruction-second", "reconstruction-worst", "close-to-zero", "decoder-weights",
    "encoder-weights", "decoder-biases", "encoder-biases", "engages-most", "most-inactive", "similarly-inactive",
)  # fmt: skip
OVERALL = ("lowest-bin", "half-barely-move", "gradients-least")
TABLES = tuple(f"tables-{quantity.replace('_', '-')}" for quantity in QUANTITIES)
NEURONS = ("neurons-encoder", "neurons-decoder", "neurons-relu")
ALL_SHAPES = "engages-most-all-shapes"

AS_PUBLISHED = {
    ("weights", "encoder"): (35, 25, 10),
    ("weights", "decoder"): (5, 10, 15),
    ("biases", "encoder"): (40, 10, 10),
    ("biases", "decoder"): (10, 10, 10),
    ("activations", "encoder"): (30, 10, 10),
    ("activations", "decoder"): (30, 10, 10),
}
"""Neurons that move at the three rates where every statement holds; one of each gradient."""
OPPOSITE = {
    ("weights", "encoder"): (60, 40, 90),
    ("weights", "decoder"): (90, 60, 60),
    ("biases", "encoder"): (10, 10, 10),
    ("biases", "decoder"): (50, 50, 50),
    ("activations", "encoder"): (2, 25, 25),
    ("activations", "decoder"): (3, 25, 25),
}
"""The same where none does; 60 of each gradient."""
PUBLISHED_ERRORS, OPPOSITE_ERRORS = (0.3, 0.2, 0.1), (0.1, 0.2, 0.3)


def at(lr: float) -> int:
    return LRS.index(lr)


def moving_as_published(quantity, module, place):
    return AS_PUBLISHED.get((quantity, module), (1, 1, 1))[at(place[1])]


def moving_opposite(quantity, module, place):
    return OPPOSITE.get((quantity, module), (60, 60, 60))[at(place[1])]


def by_id(results):
    return {claim.id: claim for claim in STUDY.judged(results)}


@pytest.fixture(scope="module")
def as_published(plan):
    return by_id(plan(moving=moving_as_published, error=lambda place: PUBLISHED_ERRORS[at(place[1])]).results())


@pytest.fixture(scope="module")
def opposite(plan):
    return by_id(plan(moving=moving_opposite, error=lambda place: OPPOSITE_ERRORS[at(place[1])]).results())


@pytest.fixture(scope="module")
def diverged(plan):
    return by_id(plan(shapes=("circle", "spiral"), diverged=lambda _: True).results())


def test_every_claim_is_tested_here(as_published):
    assert set(as_published) == {*SPIRAL, *OVERALL, *TABLES, *NEURONS, ALL_SHAPES}


@pytest.mark.parametrize("id", [*SPIRAL, *OVERALL, *NEURONS, ALL_SHAPES])
def test_a_statement_that_is_true_holds(as_published, id):
    assert as_published[id].holds is True
    assert id in NEURONS or as_published[id].agree


@pytest.mark.parametrize("id", [*SPIRAL, *OVERALL, ALL_SHAPES])
def test_a_statement_that_is_false_does_not_hold(opposite, id):
    assert opposite[id].holds is False
    assert opposite[id].measured is not None


@pytest.mark.parametrize("id", [*SPIRAL, *OVERALL, *TABLES, ALL_SHAPES])
def test_nothing_is_said_of_networks_that_diverged(diverged, id):
    claim = diverged[id]
    assert (claim.holds, claim.measured, claim.agree) == (None, None, "")
    assert claim.note == UNDECIDED or claim.note.startswith("Needs")


@pytest.mark.parametrize("id", NEURONS)
def test_neurons_are_counted_even_if_they_diverged(diverged, id):
    assert diverged[id].holds is True


def test_other_networks_have_other_numbers_of_neurons(plan):
    judged = by_id(plan(sizes={"encoder": 30, "decoder": 31}, relu=29).results())
    assert [judged[id].holds for id in NEURONS] == [False] * 3
    assert [judged[id].measured for id in NEURONS] == ["30", "31", "29"]


def test_every_case_is_counted(as_published):
    cases = {"half-barely-move": "6 of 6", "gradients-least": "3 of 3", "lowest-bin": "30 of 30", ALL_SHAPES: "1 of 1"}
    for id, agree in cases.items():
        assert as_published[id].agree.startswith(f"{agree} case")


def test_a_statement_needs_the_rates_it_is_about(plan):
    judged = by_id(plan(lrs=(0.0001, 0.5)).results())
    for id in (*SPIRAL, ALL_SHAPES):
        assert (judged[id].holds, judged[id].measured, judged[id].agree) == (None, None, "")
        assert {"lr 0.001", "lr 0.01"} <= set(re.findall(r"lr [0-9.]*[0-9]", judged[id].note))


def test_a_statement_about_the_spiral_needs_the_spiral(plan):
    judged = by_id(plan(shapes=("circle",)).results())
    assert {judged[id].note for id in SPIRAL} == {"Needs the spiral."}
    assert {judged[id].holds for id in SPIRAL} == {None}
    assert all(judged[id].holds is not None for id in (*OVERALL, ALL_SHAPES))


def test_of_equal_values_none_is_the_largest(plan):
    judged = by_id(plan().results())
    no = {"reconstruction-best", "reconstruction-second", "reconstruction-worst", "decoder-weights", "encoder-biases"}
    no |= {"engages-most", "most-inactive", ALL_SHAPES, "gradients-least"}
    assert {id for id in (*SPIRAL, *OVERALL, ALL_SHAPES) if judged[id].holds is False} == no


def test_zero_of_everything_is_no_massive_fluctuation(plan):
    assert by_id(plan(moving=lambda *_: 0).results())["encoder-biases"].holds is False


@pytest.mark.parametrize(("agreeing", "holds"), [(3, True), (2, True), (1, False), (0, False)])
def test_several_seeds_vote(plan, agreeing, holds):
    def moving(quantity, module, place):
        return (moving_as_published if place[2] < agreeing else moving_opposite)(quantity, module, place)

    def error(place):
        return (PUBLISHED_ERRORS if place[2] < agreeing else OPPOSITE_ERRORS)[at(place[1])]

    judged = by_id(plan(seeds=3, moving=moving, error=error).results())
    assert {judged[id].agree for id in SPIRAL} == {f"{agreeing} of 3 seeds"}
    assert {judged[id].holds for id in SPIRAL} == {holds}
    assert judged[ALL_SHAPES].agree.startswith(f"{agreeing} of 3 cases")
    assert judged[ALL_SHAPES].holds is holds


def test_a_seed_that_diverged_does_not_vote(plan):
    def error(place):
        return (PUBLISHED_ERRORS if place[2] == 0 else OPPOSITE_ERRORS)[at(place[1])]

    some = plan(seeds=3, moving=moving_as_published, error=error, diverged=lambda place: place[1:] == (0.01, 2))
    judged = by_id(some.results())
    assert judged["reconstruction-best"].agree == "1 of 2 seeds"
    assert judged["reconstruction-best"].holds is False  # half is no majority
    assert judged["decoder-weights"].agree == "2 of 2 seeds"
    assert judged["reconstruction-best"].measured == "error: 0.167 at 0.0001, 0.2 at 0.001, 0.2 at 0.01"
    assert judged["gradients-least"].agree.startswith("8 of 8 ")
    assert judged["lowest-bin"].agree.startswith("80 of 80 ")


def neurons_of(row, size):
    """Return fluctuations whose counts are in the proportions of a published row."""
    low, middle, _high = (round(count * size / row.sum()) for count in row)
    return [*[0.1] * low, *[0.5] * middle, *[1.0] * (size - low - middle)]


PUBLISHED = published_counts()


def moving_like_the_tables(quantity, module, place):
    row = PUBLISHED[quantity].sel(shape=place[0], lr=place[1], module=module).values
    size = 96 if quantity == "activations" else {"encoder": 97, "decoder": 98}[module]
    return neurons_of(row if np.isfinite(row).all() else np.array([1, 1, 1]), size)


def test_the_published_tables_agree_with_themselves(plan):
    judged = by_id(plan(shapes=SHAPES, moving=moving_like_the_tables).results())
    for id in TABLES:
        assert judged[id].holds is True
        assert judged[id].measured <= 0.001  # the square's odd counts do not halve
        assert judged[id].agree.startswith("7 of 7 ")


def test_a_table_is_judged_on_the_number_itself_however_little_is_missing(plan):
    results = plan(shapes=SHAPES, moving=moving_like_the_tables).results()
    yardstick = array_of(results, "definitions/yardstick")
    for factor, holds in ((1 + 1e-6, False), (1 - 1e-6, True)):
        results["definitions/validated"] = (yardstick * factor).expand_dims(seed=[0])
        judged = by_id(results)
        assert {judged[id].holds for id in TABLES} == {holds}


def test_the_distance_is_that_of_the_shares(plan):
    """Half the sum of the differences of shares, computed here without labels."""
    results = plan(shapes=("circle",), lrs=(0.001,), moving=lambda *_: 20).results()
    rows = PUBLISHED["weights"].sel(shape="circle", lr=0.001).values
    ours = np.array([[77, 0, 20], [78, 0, 20]]) / [[97], [98]]
    distance = np.abs(ours - rows / rows.sum(1, keepdims=True)).sum(1) / 2
    np.testing.assert_allclose(array_of(results, "modules/distance").sel(quantity="weights").values.ravel(), distance)


def test_tables_need_two_published_shapes(plan):
    """One to choose the definition on, one to judge it on."""
    for some in (plan(shapes=("spiral", "circle")), plan(shapes=("circle", "square"), lrs=(0.5,))):
        judged = by_id(some.results())
        assert {judged[id].holds for id in TABLES} == {None}
        assert all("two shapes" in judged[id].note for id in TABLES)


def test_a_table_counts_the_networks_that_have_one(plan):
    some = plan(shapes=SHAPES[:2], seeds=3, moving=moving_like_the_tables, diverged=lambda place: place[2] == 1)
    judged = by_id(some.results())
    assert {judged[id].agree[:6] for id in TABLES} == {"4 of 4"}
