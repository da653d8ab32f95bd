"""The study's own analyses on known vectors, straight lines, and alarms and onsets at known steps."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.papers.stability._analysis import acceleration, alarm_score, duplicates, judged, similarity

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


def falling(*pieces):
    """Return records whose error falls at given rates for given numbers of steps."""
    rates = np.concatenate([np.full(steps, rate) for rate, steps in pieces])
    loss = np.exp(-np.append(0, np.cumsum(rates[:-1])))
    data = {"val_loss": ("step", loss), "diverged_at": ("step", np.full(len(loss), -1))}
    return xr.Dataset(data, coords={"step": np.arange(len(loss))}).expand_dims(member=[0])


def test_the_bend_of_two_lines_is_found_exactly():
    result = acceleration(falling((0.5, 20), (0.001, 480), (0.02, 300), (0.005, 200)))
    assert result["begins"].item() == 500
    assert 550 <= result["steepest"].item() <= 750


@pytest.mark.parametrize(
    "pieces",
    [
        [(0.01, 1000)],
        [(0.02, 300), (0.01, 300), (0.001, 400)],
        [(0.010, 500), (0.012, 500)],  # not much faster
        [(1e-6, 500), (1e-4, 500)],  # but goes nowhere
        [(0.01, 400), (-0.05, 100), (0.01, 100), (0.02, 400)],  # after a rise
    ],
    ids=["even", "slower", "hardly faster", "not far", "after a rise"],
)
def test_what_does_not_begin_to_fall_faster(pieces):
    result = acceleration(falling(*pieces))
    assert (result["begins"].item(), result["steepest"].item()) == (-1, -1)


def test_a_network_that_diverged_does_not_fall_faster():
    records = falling((0.5, 20), (0.001, 480), (0.02, 300), (0.005, 200))
    assert acceleration(records.assign(diverged_at=records["diverged_at"] + 500))["begins"].item() == -1


def alarm_at(*steps, length=1000):
    flags = np.zeros((1, length))
    flags[0, list(steps)] = 1
    return xr.DataArray(flags, {"member": [0], "step": np.arange(length)})


def onset_at(error, risen, early=0):
    onset = xr.DataArray([[error]], {"member": [0], "criterion": ["error"]})
    return xr.Dataset({"onset": onset, "risen": ("member", [risen]), "early": ("member", [early])})


def counts(judgement):
    return [int(judgement[name].item()) for name in ("true", "false")]


def test_true_alarms_come_at_most_a_horizon_before_the_onset():
    result = judged(alarm_at(100, 410, 480, 499, 500, 505, 700), onset_at(500, 510))
    assert counts(result) == [3, 1]
    assert (result["detected"].item(), result["lead"].item()) == (1, 90)


def test_an_alarm_at_the_onset_is_late():
    result = judged(alarm_at(399, 500), onset_at(500, 510))
    assert counts(result) == [0, 1]
    assert result["detected"].item() == 0
    assert result["lead"].isnull().item()


def test_an_alarm_whose_run_ends_within_the_horizon_is_undecided():
    result = judged(alarm_at(100, 899, 900, 999), onset_at(-1, -1))
    assert counts(result) == [0, 2]
    assert result["detected"].isnull().item()


def test_networks_unstable_from_the_start_are_counted_separately():
    result = judged(alarm_at(3), onset_at(1, 2, early=1))
    assert all(array.isnull().item() for array in result.values())
    score = alarm_score(result)
    assert (score["networks"].item(), score["early"].item(), score["onsets"].item()) == (0, 1, 0)
    assert all(score[name].isnull().all() for name in ("precision", "recall", "f1", "lead_quantiles"))


def test_precision_recall_and_lead_of_many():
    networks = [
        judged(alarm_at(480), onset_at(500, 510)),
        judged(alarm_at(460, 490), onset_at(500, 510)),
        judged(alarm_at(505), onset_at(500, 510)),
        judged(alarm_at(100), onset_at(-1, -1)),
        judged(alarm_at(), onset_at(-1, -1)),
    ]
    score = alarm_score(xr.concat(networks, "member"))
    assert score["precision"].item() == 3 / 4
    assert score["recall"].item() == 2 / 3
    assert score["f1"].item() == pytest.approx(2 * 0.75 * (2 / 3) / (0.75 + 2 / 3))
    assert score["lead_quantiles"].values.tolist() == pytest.approx([22, 30, 38])
