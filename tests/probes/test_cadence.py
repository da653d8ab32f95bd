"""Cadences against the sentence that describes each of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import InputError
from lrscope.probes import at, every

totals = st.integers(1, 400)
counts = st.integers(1, 50)


@given(totals, st.integers(1, 20), counts)
def test_every_step_is_the_multiples(total, per_epoch, count):
    expected = [step for step in range(total) if step % count == 0]
    assert every(count).steps(total, per_epoch).tolist() == expected


@given(totals, st.integers(1, 20), st.integers(1, 5))
def test_every_epoch_is_the_last_step_of_each(total, per_epoch, count):
    expected = [step for step in range(total) if (step + 1) % (count * per_epoch) == 0]
    assert every(count, "epoch").steps(total, per_epoch).tolist() == expected


@given(st.data(), totals)
def test_at_counts_from_both_ends(data, total):
    wanted = data.draw(st.lists(st.integers(-total, total - 1), min_size=1, max_size=8))
    assert at(*wanted).steps(total, 1).tolist() == sorted({range(total)[step] for step in wanted})


@pytest.mark.parametrize(
    ("cadence", "label"),
    [
        (every(), "every_1"),
        (every(3, "epoch"), "every_3_epoch"),
        (at(0, -1, -2), "at_0_last_minus2"),
    ],
)
def test_labels_are_names(cadence, label):
    assert cadence.label == label
    assert label.isidentifier()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: every(1, "week"), "unit must be 'step' or 'epoch'; got 'week'."),
        (lambda: at(5).steps(5, 1), "at must be steps between -5 and 4; got 5."),
    ],
)
def test_what_cannot_be_is_said(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == sentence
