"""Statistics of activations against NumPy's."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from lrscope.probes import Activations, Layer, Moment, Structure


def measured(outputs, **fields):
    layer = Layer("a", tuple(outputs.shape[1:]), True, outputs.ndim > 3)
    empty = torch.zeros(())
    moment = Moment(Structure((), (layer,)), empty, empty, {}, {}, empty, empty, {"a": torch.from_numpy(outputs)})
    return Activations(**fields).measure({}, moment)[0]


numbers = st.floats(-1e3, 1e3)


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=numbers))
def test_statistics_are_over_the_samples(outputs):
    found = measured(outputs)
    assert np.allclose(found["activations_mean_a"], outputs.mean(axis=0))
    assert np.allclose(found["activations_std_a"], outputs.std(axis=0), atol=1e-7)
    assert np.array_equal(found["activations_min_a"], outputs.min(axis=0))
    assert np.array_equal(found["activations_max_a"], outputs.max(axis=0))
    assert np.allclose(found["activations_active_a"], (outputs > 0).mean(axis=0))


@given(arrays.arrays(np.float64, (3, 4, 2, 5), elements=numbers))
def test_statistics_of_channels_are_over_samples_and_positions(outputs):
    found = measured(outputs)
    assert np.allclose(found["activations_mean_a"], outputs.mean(axis=(0, 2, 3)))
    assert np.allclose(found["activations_std_a"], outputs.std(axis=(0, 2, 3)), atol=1e-7)
    assert np.allclose(found["activations_active_a"], (outputs > 0).mean(axis=(0, 2, 3)))


def test_large_values_with_little_spread_keep_it():
    """Mean of squares minus square of the mean would lose it in float32."""
    outputs = (1e4 + np.array([[0.0], [1.0], [2.0]])).astype(np.float32)
    assert np.allclose(measured(outputs)["activations_std_a"], np.std([0, 1, 2]), rtol=1e-3)


def test_a_neuron_at_zero_is_not_active():
    assert measured(np.array([[0.0, -1.0, 1.0], [0.0, 1.0, 1.0]]))["activations_active_a"].tolist() == [0, 0.5, 1]


def test_where_an_output_is_missing_so_are_all_statistics_and_infinite_ones_are_counted():
    found = measured(np.array([[np.nan, np.inf, 1.0], [1.0, -np.inf, 1.0]]))
    assert all(statistic[0].isnan() for statistic in found.values())
    assert found["activations_active_a"][1:].tolist() == [0.5, 1]


def test_wide_and_narrow_layers_keep_the_order_of_the_network(moment_of):
    """They are measured separately."""
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4000), nn.Tanh(), nn.Linear(4000, 1), nn.Tanh())
    moment = moment_of(module, torch.randn(5, 2), torch.randn(5, 1))
    labels = Activations().labels(moment.structure)
    assert list(Activations().measure({}, moment)[0]) == [label.name for label in labels]


def test_full_outputs_are_those_of_the_layer():
    outputs = np.arange(12.0).reshape(4, 3)
    assert np.array_equal(measured(outputs, full=True)["activations_a"], outputs)


def test_full_outputs_of_channels_have_positions():
    outputs = np.arange(24.0).reshape(2, 3, 2, 2)
    assert np.array_equal(measured(outputs, full=True)["activations_a"], outputs.reshape(2, 3, 4))


def test_labels_name_neuron_sample_and_position(moment_of):
    module = nn.Sequential(nn.Conv1d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(6, 2))
    structure = moment_of(module, torch.randn(3, 1, 4), torch.randn(3, 2)).structure
    labels = Activations().labels(structure)
    assert [label.name for label in labels] == [
        f"activations_{name}_1" for name in ("mean", "std", "min", "max", "active")
    ]
    assert labels[1].long_name == "standard deviation over the samples of the activation"
    full = {label.layer: label.dims for label in Activations(full=True, include=("*",)).labels(structure)}
    assert full["3"] == ("sample_3", "neuron_3")
