"""Duplicates among neurons: known vectors, what must not matter, when they merge and part."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.papers.stability._duplicates import duplicates, similarity

ELEMENTS = st.one_of(st.just(0.0), st.floats(1e-100, 1e3), st.floats(-1e3, -1e-100))


def layer_of(vectors):
    """Return records whose neurons have these incoming weights and biases (step, neuron, 2)."""
    values = np.asarray(vectors, dtype=float)
    data = {
        "weights_hidden": (("step", "neuron_hidden", "input_hidden"), values[..., :1]),
        "biases_hidden": (("step", "neuron_hidden"), values[..., 1]),
    }
    return xr.Dataset(data, coords={"step": 10 * np.arange(len(values))})


def test_similarity_counts_direction_and_length_up_to_the_sign():
    others = [[3, 4], [-3, -4], [6, 8], [4, -3], [-30, -40], [0, 0]]
    similar = similarity(layer_of([[[3, 4], other] for other in others])).sel(pair="0 and 1")
    assert similar.values == pytest.approx([1, 1, 2 * 50 / 125, 0, 2 * 10 / 101, 0])


def test_a_pair_has_the_numbers_of_its_neurons():
    similar = similarity(layer_of([[[1, 0], [0, 1], [0, 1]]]))
    assert dict(zip(similar["pair"].values, similar.values[0], strict=True)) == {
        "0 and 1": 0,
        "0 and 2": 0,
        "1 and 2": 1,
    }
    assert similarity(layer_of([[[1, 0]]])).sizes["pair"] == 0


@settings(max_examples=50)
@given(
    st.lists(st.lists(ELEMENTS, min_size=2, max_size=2), min_size=2, max_size=5),
    st.sampled_from([-1.0, 1.0]),
    st.sampled_from([1e-150, 1.0, 1e150]),
)
def test_similarity_is_bounded_and_independent_of_signs_and_units(rows, sign, unit):
    similar = similarity(layer_of([rows])).values
    assert ((similar >= 0) & (similar <= 1 + 1e-12)).all()
    np.testing.assert_allclose(similarity(layer_of([unit * sign * np.array(rows)])).values, similar, atol=1e-12)


def test_nothing_is_known_after_a_divergence():
    similar = similarity(layer_of([[[1, 0], [1, 0]], [[np.nan, np.nan], [np.nan, np.nan]]]))
    np.testing.assert_array_equal(similar.values[:, 0], [1, np.nan])


def test_when_a_pair_merges_and_parts():
    apart, together = [[1.0, 0], [0, 1]], [[1.0, 0], [1, 0]]
    cases = [((apart, together, apart, together, apart, apart), (10, 40)), ((apart, together, together), (10, -1))]
    for states, when in cases:
        result = duplicates(similarity(layer_of(states))).sel(pair="0 and 1")
        assert (result["merged"].item(), result["parted"].item()) == when
    assert duplicates(similarity(layer_of([apart, apart]))).sizes["pair"] == 0
