"""How consecutive steps lie to each other, against complex numbers and vectors whose angles are known."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrscope.data import Samples
from lrscope.optim import SGD
from lrscope.probes import GradientAngle, GradientPath, Oscillation, at, every
from lrscope.training import Experiment, Sweep, train

numbers = st.floats(-100, 100).map(lambda number: round(number, 3))
vectors = st.lists(numbers, min_size=8, max_size=8).filter(lambda vector: np.linalg.norm(vector) > 0.1)
sequences = st.lists(vectors, min_size=1, max_size=8)
DIRECTIONS = (GradientAngle(), GradientPath(), Oscillation())


@pytest.fixture(scope="module")
def moment(moment_of):
    """A moment of a linear layer with two neurons, 6 weights and 2 biases."""
    torch.manual_seed(0)
    return moment_of(nn.Linear(3, 2).double(), torch.randn(5, 3).double(), torch.randn(5, 2).double())


def measured(probe, moment, steps, due=lambda _step: True):
    """Return what a probe finds, step by step, for a sequence of gradients; each update is a hundredth of it."""
    state, values = probe.init(moment.parameters), []
    for step, vector in enumerate(steps):
        gradient = torch.tensor(vector, dtype=torch.float64)
        now = dataclasses.replace(moment, gradient=gradient, update=-0.01 * gradient)
        if due(step):
            found, state = probe.measure(state, now)
            values.append({name: value.numpy() for name, value in found.items()})
        else:
            state = probe.follow(state, now)
    return values


def angles(steps):
    """Return the angles (radians) of consecutive vectors by the arc cosine, which is good enough for rough ones."""
    units = np.array([vector / np.linalg.norm(vector) for vector in map(np.array, steps)])
    return np.arccos(np.clip((units[1:] * units[:-1]).sum(1), -1, 1))


@given(steps=sequences)
def test_the_angle_is_that_of_consecutive_gradients(steps, moment):
    first, *others = (values["gradient_angle"] for values in measured(GradientAngle(), moment, steps))
    assert np.isnan(first)
    assert np.allclose(others, np.rad2deg(angles(steps)), atol=1e-5)


@given(steps=sequences)
def test_the_path_turns_by_the_angles_to_alternating_sides(steps, moment):
    """As arrows of the complex plane: as long as the gradients, the first along the real axis, then right, left, ..."""
    found = np.array([values["gradient_path"] for values in measured(GradientPath(), moment, steps)])
    sides = [(-1) ** step for step in range(1, len(steps))]
    headings = np.concatenate([[0], np.cumsum(sides * angles(steps))])
    expected = np.cumsum(np.linalg.norm(steps, axis=1) * np.exp(1j * headings))
    assert np.allclose(found[:, 0] + 1j * found[:, 1], expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(np.diff(found, axis=0), axis=1), np.linalg.norm(steps, axis=1)[1:])


def test_a_gradient_of_zero_adds_nothing_to_the_path_and_has_no_angle(moment):
    steps = [[3.0] + [0] * 7, [0.0] * 8, [0, 4.0] + [0] * 6, [4.0, 0] + [0] * 6]
    path = np.array([values["gradient_path"] for values in measured(GradientPath(), moment, steps)])
    assert np.allclose(path, [[3, 0], [3, 0], [7, 0], [7, -4]])
    found = [float(values["gradient_angle"]) for values in measured(GradientAngle(), moment, steps)]
    assert np.allclose(found, [np.nan, np.nan, np.nan, 90], equal_nan=True)


@given(one=vectors, other=vectors)
def test_an_update_is_the_sum_of_a_drift_and_an_oscillation(one, other, moment):
    found = measured(Oscillation(), moment, [one, other])[1]
    drift, turning = np.add(other, one) / 2, np.subtract(other, one) / 2
    whole = drift @ drift + turning @ turning
    assert np.allclose(drift + turning, other)
    assert float(found["oscillation"]) == pytest.approx(turning @ turning / whole)
    assert 0 <= float(found["oscillation"]) <= 1


@given(one=vectors, other=vectors)
def test_the_neurons_shares_of_the_oscillation_make_one(one, other, moment):
    """A neuron has three weights and a bias; after the six weights come the two biases."""
    shares = measured(Oscillation(), moment, [one, other])[1]["oscillation_share_network"]
    turning = np.subtract(other, one) ** 2
    if turning.sum() == 0:
        assert np.isnan(shares).all()  # nobody's share of nothing
        return
    assert shares.sum() == pytest.approx(1)
    assert np.allclose(shares, [turning[:3].sum() + turning[6], turning[3:6].sum() + turning[7]] / turning.sum())


@given(vector=vectors)
def test_equal_updates_do_not_oscillate_and_opposite_ones_do_nothing_else(vector, moment):
    opposite = [-number for number in vector]
    found = [float(values["oscillation"]) for values in measured(Oscillation(), moment, [vector, vector, opposite])]
    assert np.isnan(found[0])
    assert found[1:] == [0, 1]


def test_parameters_with_neurons_of_their_own_have_shares_of_their_own(moment_of):
    module = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm((2, 4)), nn.Flatten(), nn.PReLU(), nn.Linear(8, 2)).double()
    one = moment_of(module, torch.randn(5, 2, 3).double(), torch.randn(5, 2).double())
    other = dataclasses.replace(one, update=torch.linspace(-1, 2, len(one.update), dtype=torch.float64))
    probe = Oscillation()
    values, _ = probe.measure(probe.measure(probe.init(one.parameters), one)[1], other)
    labels = {label.name: label for label in probe.labels(one.structure)}
    assert {name: (label.layer, label.dims) for name, label in labels.items() if "share_1" in name or "_3" in name} == {
        "oscillation_share_1_weight": ("1.weight", ("neuron_1_weights",)),
        "oscillation_share_1_bias": ("1.bias", ("neuron_1_biases",)),
        "oscillation_share_3_weight": ("3.weight", ("neuron_3_weights",)),
    }
    assert {name: len(value) for name, value in values.items() if labels[name].dims} == {
        "oscillation_share_0": 4,
        "oscillation_share_1_weight": 2,
        "oscillation_share_1_bias": 8,
        "oscillation_share_3_weight": 1,
        "oscillation_share_4": 2,
    }
    assert float(sum(value.sum() for name, value in values.items() if "share" in name)) == pytest.approx(1)


@pytest.mark.parametrize("probe", DIRECTIONS, ids=lambda probe: type(probe).__name__)
@given(steps=sequences, due=st.sets(st.integers(0, 7)))
def test_what_is_measured_does_not_depend_on_when_else(probe, steps, due, moment):
    """A probe that follows sees every step; measuring seldom finds what measuring always finds there."""
    always = measured(probe, moment, steps)
    seldom = measured(probe, moment, steps, lambda step: step in due)
    wanted = [values for step, values in enumerate(always) if step in due]
    assert len(seldom) == len(wanted)
    for found, expected in zip(seldom, wanted, strict=True):
        assert all(np.array_equal(found[name], expected[name], equal_nan=True) for name in expected)


@pytest.mark.parametrize("when", [every(7), at(3, 4, -1)])
def test_a_training_records_the_same_at_each_cadence(when):
    inputs = np.random.default_rng(0).normal(size=(6, 3))
    fields = {"data": Samples(inputs, np.sin(inputs)), "model": lambda: nn.Linear(3, 3), "optimizer": SGD(momentum=0.5)}
    experiment = Experiment(**fields, sweep=Sweep(lr=[0.1, 1.4]), steps=30, dtype="float64", probes=DIRECTIONS)
    always = train(experiment, device="cpu")
    probes = [dataclasses.replace(probe, when=when) for probe in DIRECTIONS]
    seldom = train(dataclasses.replace(experiment, probes=probes), device="cpu")
    steps = when.steps(30, 1)
    for name in ("gradient_angle", "gradient_path", "oscillation", "oscillation_share_network"):
        expected = always[name].isel(step=steps).values
        np.testing.assert_allclose(seldom[name].values, expected, rtol=1e-12, err_msg=name)
    assert np.isfinite(always.gradient_angle[:, 1:]).all()
