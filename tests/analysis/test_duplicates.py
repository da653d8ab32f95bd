"""Copies among neurons: known vectors, published runs, and what must not matter."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.analysis import duplicates, similarity
from lrscope.errors import InputError

ELEMENTS = st.one_of(st.just(0.0), st.floats(1e-100, 1e3), st.floats(-1e3, -1e-100))
"""None of them vanishes in another unit."""


def layer_of(weights, biases=None, outgoing=None, every=10):
    """Return records (member, step) of a layer `a` with weights (step, neuron, input) that leads to a layer `b`."""
    given = {"weights_a": (weights, ("neuron_a", "input_a"))}
    if biases is not None:
        given["biases_a"] = (biases, ("neuron_a",))
    if outgoing is not None:
        given["weights_b"] = (outgoing, ("neuron_b", "input_b"))
    data = {}
    for name, (values, dims) in given.items():
        quantity, layer = name.split("_")
        attrs = {"quantity": quantity, "statistic": "values", "layer": layer, "part": layer}
        data[name] = (("member", "step", *dims), np.asarray(values, dtype=float)[None], attrs)
    coords = {"member": [0], "step": every * np.arange(len(weights))}
    return xr.Dataset(data, coords=coords, attrs={"axes": ["member"]})


def of_pair(records, **options):
    return similarity(records, "a", **options).isel(member=0, neuron=0, other=1).values.tolist()


def test_up_to_sign_and_up_to_scale():
    first, others = [3.0, 4.0], [[3, 4], [-3, -4], [6, 8], [4, -3], [-30, -40]]
    records = layer_of([[first, other] for other in others])
    assert of_pair(records) == pytest.approx([1, 1, 2 * 50 / 125, 0, 2 * 10 / 101])
    assert of_pair(records, up_to="sign and scale") == pytest.approx([1, 1, 1, 0, 1])


def test_the_bias_belongs_to_the_incoming_weights():
    records = layer_of([[[1.0], [1.0]]] * 2, biases=[[2, 2], [2, -2]])
    assert of_pair(records) == pytest.approx([1, 0.6])


def test_outgoing_weights_must_be_alike_too():
    same = [[1.0, 2.0], [1.0, 2.0]]
    records = layer_of([same] * 3, outgoing=[[[1, 1], [2, 2]], [[1, -1], [2, -2]], [[1, 2], [2, -1]]])
    assert of_pair(records, outgoing="b") == pytest.approx([1, 1, 0])
    assert of_pair(records) == pytest.approx([1, 1, 1])


def test_the_weights_that_lead_away_from_a_channel_belong_together():
    towards = [[1, 0, 1, 0], [0, 2, 0, 2]]  # two neurons b, each with two taps of each of two channels a
    records = layer_of([[[1.0], [1.0]]], outgoing=[towards])
    assert of_pair(records, outgoing="b") == pytest.approx([1])
    towards[1] = [0, 2, 2, 0]
    records = layer_of([[[1.0], [1.0]]], outgoing=[towards])
    assert of_pair(records, outgoing="b") == pytest.approx([2 * 1 / (5 + 5)])


@settings(max_examples=50)
@given(
    st.lists(st.lists(ELEMENTS, min_size=3, max_size=3), min_size=2, max_size=5),
    st.sampled_from([-1.0, 1.0]),
    st.sampled_from([1e-150, 1.0, 1e150]),
)
def test_similarity_is_symmetric_bounded_and_blind_to_signs_and_units(rows, sign, unit):
    for up_to in ("sign", "sign and scale"):
        alike = similarity(layer_of([rows]), "a", up_to=up_to).values[0, 0]
        assert ((alike >= 0) & (alike <= 1)).all()
        np.testing.assert_array_equal(alike, alike.T)
        turned = similarity(layer_of([[unit * sign * np.array(row) for row in rows]]), "a", up_to=up_to).values[0, 0]
        np.testing.assert_allclose(turned, alike, atol=1e-12)


def test_a_neuron_without_weights_is_like_no_other():
    result = duplicates(layer_of([[[0.0, 0], [0, 0], [1, 1]]]), "a")
    assert result["group"].values.tolist() == [[[0, 1, 2]]]
    assert result["groups"].item() == 3


def test_groups_are_joined_by_chains():
    degrees = np.radians([0, 5, 10, 50, 54])
    rows = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    result = duplicates(layer_of([rows]), "a", threshold=float(np.cos(np.radians(6))))
    assert result["group"].values.tolist() == [[[0, 0, 0, 3, 3]]]
    assert result["groups"].values.tolist() == [[2]]


@settings(max_examples=30)
@given(st.permutations(range(5)))
def test_groups_do_not_depend_on_the_order_of_the_neurons(order):
    rows = np.random.default_rng(3).normal(size=(5, 2))
    groups, permuted = (duplicates(layer_of([some]), "a", threshold=0.8)["group"][0, 0] for some in (rows, rows[order]))
    same = groups.values[:, None] == groups.values
    np.testing.assert_array_equal(permuted.values[:, None] == permuted.values, same[np.ix_(order, order)])


def test_when_a_pair_merges_and_parts():
    apart, together = [[1.0, 0], [0, 1]], [[1.0, 0], [1, 0]]
    result = duplicates(layer_of([apart, together, apart, together, apart, apart]), "a")
    assert (result["merged"][0, 0, 1].item(), result["parted"][0, 0, 1].item()) == (10, 40)
    result = duplicates(layer_of([apart, together, together]), "a")
    assert (result["merged"][0, 0, 1].item(), result["parted"][0, 0, 1].item()) == (10, -1)
    result = duplicates(layer_of([apart, apart]), "a")
    assert (result["merged"][0, 0, 1].item(), result["parted"][0, 0, 1].item()) == (-1, -1)
    assert (result["merged"][0, 0, 0].item(), result["parted"][0, 0, 0].item()) == (0, -1)


def test_nothing_is_known_after_a_divergence(records, diverge):
    result = duplicates(diverge(records, member=4, step=5), "encoder.0", threshold=0.1)
    assert result["group"].isel(member=4, step=slice(5, None)).isnull().all()
    assert result["groups"].isel(member=4).notnull().values.tolist() == [True] * 5 + [False] * 2
    assert (result["parted"].isel(member=4) < 5).all()


def test_the_two_neurons_of_the_published_run_part(published):
    result = duplicates(published("f1", 3, 0.4, 20_000), "hidden", outgoing="output")
    assert result["merged"][0, 0, 1] <= 20
    assert 10_000 < result["parted"][0, 0, 1] < 20_000
    slower = duplicates(published("f1", 3, 0.4, 20_000), "hidden", up_to="sign and scale")
    assert slower["parted"][0, 0, 1] == -1  # both keep their threshold at the same x; only how steep they are parts


def test_neurons_0_and_1_of_the_other_published_run_stay_together(published):
    result = duplicates(published("f2", 20, 0.05, 3000), "hidden", outgoing="output")
    assert (result["merged"][0, 0, 1], result["parted"][0, 0, 1]) == (20, -1)
    assert 1 < result["groups"][0, -1] < 19


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layer": "encoder.1"}, r"layer must be one of encoder.0, encoder.2, decoder.0; got 'encoder.1'"),
        ({"outgoing": "decoder.0"}, "outgoing must be a layer whose inputs are the 4 neurons .*; got 'decoder.0'"),
        ({"up_to": "signs"}, "up_to must be one of sign, sign and scale; got 'signs'"),
        ({"threshold": 1.1}, "threshold must be above 0 and at most 1; got 1.1"),
    ],
)
def test_what_is_wrong_is_named(records, options, said):
    with pytest.raises(InputError, match=said):
        duplicates(records, **({"layer": "encoder.0"} | options))
