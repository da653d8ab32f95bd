"""Weights, biases and gradients as they are recorded, against the definition."""

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.probes import Biases, Gradients, Weights


@pytest.fixture(scope="module")
def moment(moment_of):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1), nn.Linear(1, 2))
    return moment_of(module.double(), torch.randn(6, 2, 4, 4).double(), torch.randn(6, 2).double())


def test_spread_is_the_deviation_of_a_neurons_numbers(moment):
    full, spread = (Weights(detail=detail).measure({}, moment)[0] for detail in ("values", "std"))
    assert np.allclose(spread["weights_std_0"], full["weights_0"].numpy().std(axis=1))
    assert np.allclose(spread["weights_std_3"], full["weights_3"].numpy().std(axis=1))


def test_spread_of_one_number_is_its_absolute_value(moment):
    assert torch.equal(Biases(detail="std").measure({}, moment)[0]["biases_std_0"], moment.parameters["0.bias"].abs())
    one_input = Weights(detail="std").measure({}, moment)[0]["weights_std_4"]
    assert torch.equal(one_input, moment.parameters["4.weight"][:, 0].abs())


@pytest.mark.parametrize("piece", [1, 20, 2**18])
def test_statistics_are_those_of_a_neurons_numbers_however_they_are_cut(moment, piece, monkeypatch):
    monkeypatch.setattr("lrscope.probes._parameters._PIECE", piece)
    found, _ = Weights(detail="statistics").measure({}, moment)
    gradients, _ = Gradients(detail="statistics").measure({}, moment)
    full, full_gradients = Weights().measure({}, moment)[0], Gradients().measure({}, moment)[0]
    for layer in ("0", "3"):
        for values, prefix, whole in (
            (found, "weights", full[f"weights_{layer}"]),
            (gradients, "weight_gradients", full_gradients[f"weight_gradients_{layer}"]),
        ):
            assert np.allclose(values[f"{prefix}_mean_{layer}"], whole.numpy().mean(axis=1))
            assert np.allclose(values[f"{prefix}_std_{layer}"], whole.numpy().std(axis=1))
            assert np.allclose(values[f"{prefix}_norm_{layer}"], np.linalg.norm(whole.numpy(), axis=1))


def test_of_neurons_with_one_number_it_is_kept(moment):
    biases, _ = Biases(detail="statistics").measure({}, moment)
    assert torch.equal(biases["biases_0"], moment.parameters["0.bias"])
    weights, _ = Weights(detail="statistics").measure({}, moment)
    assert torch.equal(weights["weights_4"], moment.parameters["4.weight"])
    assert "weights_0" not in weights


def test_equal_weights_have_no_spread(moment):
    equal = {name: torch.full_like(tensor, 0.1) for name, tensor in moment.parameters.items()}
    object.__setattr__(moment, "parameters", {**equal})
    assert Weights(detail="std").measure({}, moment)[0]["weights_std_0"].abs().max() < 1e-16


@pytest.mark.parametrize(
    ("include", "layers"),
    [
        (("1",), {"activation_gradients": ["1"]}),
        (("3", "1"), {"weight_gradients": ["3"], "activation_gradients": ["1", "3"]}),
        (("[34]",), {"weight_gradients": ["3", "4"], "activation_gradients": ["3", "4"]}),
    ],
)
def test_a_pattern_of_gradients_matches_parameters_or_outputs(moment, include, layers):
    probe = Gradients(of=("weights", "activations"), include=include, exclude=("0",))
    found = {}
    for label in probe.labels(moment.structure):
        found.setdefault(label.quantity, {})[label.layer] = None
    assert {quantity: list(of) for quantity, of in found.items()} == layers
    values, _ = probe.measure({}, moment)
    assert set(values) == {label.name for label in probe.labels(moment.structure)}
