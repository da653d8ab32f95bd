"""What every probe keeps to, alone and inside an ensemble."""

import numpy as np
import pytest
import torch

import lrscope.probes
from lrscope.data import Samples
from lrscope.optim import SGD
from lrscope.probes import (
    Activations,
    Biases,
    Gradients,
    LearningRate,
    Outputs,
    PreconditionedSharpness,
    Probe,
    Sharpness,
    Weights,
    every,
)
from lrscope.training import Experiment, Sweep, stream, train

EXPORTED = [
    thing
    for name in lrscope.probes.__all__
    if isinstance(thing := getattr(lrscope.probes, name), type) and issubclass(thing, Probe) and thing is not Probe
]
QUICK = {Sharpness: {"iterations": 2}, PreconditionedSharpness: {"iterations": 2}}
"""Tracing many iterations takes seconds; one of the networks is too large for an exact sharpness."""
GROUPS = [
    [kind(when=every(), **QUICK.get(kind, {})) for kind in EXPORTED],
    [
        Weights(detail="std", when=every()),
        Biases(detail="std", when=every()),
        Gradients(detail="std", when=every()),
        LearningRate(reasons=True),
        Outputs(inputs=True, when=every()),
        PreconditionedSharpness(of="batch", iterations=2, when=every()),
    ],
    [Weights(detail="statistics", when=every()), Gradients(detail="statistics", when=every())],
    [Gradients(of=("weights", "activations"), when=every()), Activations(include=("*",), when=every())],
    [Activations(include=("*",), full=True, when=every())],
]
"""Every exported probe, and what its options make of it, as few lists in which no variable comes twice."""
PROBES = [probe for group in GROUPS for probe in group]
LRS = (0.05, 0.2)
VALIDATION = 3  # as in the moments made by hand
NAMES = ("dense", "root", "convolution", "transposed", "tokens", "called twice", "in place")


def case(networks, name):
    factory, shape = networks[name]
    torch.manual_seed(1)
    inputs = torch.randn(shape, dtype=torch.float64)
    return factory, inputs, torch.randn((shape[0], 3), dtype=torch.float64)


def samples(inputs, targets):
    """Return the data; the first samples are kept for validation, too."""
    both = inputs.numpy(), targets.numpy()
    return Samples(*both, validation=tuple(array[:VALIDATION] for array in both))


def test_the_contract_covers_what_is_exported(networks):
    assert len(EXPORTED) >= 16
    assert set(NAMES) == set(networks)


@pytest.mark.parametrize("network", NAMES)
def test_measures_alone_what_its_labels_say(network, networks, moment_of):
    factory, inputs, targets = case(networks, network)
    moment = moment_of(factory().double(), inputs, targets)
    for probe in PROBES:
        labels = {label.name: label for label in probe.labels(moment.structure)}
        values, state = probe.measure(probe.init(moment.parameters), moment)
        assert set(state) == set(probe.init(moment.parameters))
        assert list(values) == list(labels)
        sizes: dict[str, int] = {}
        for name, value in values.items():
            assert name.isidentifier()
            assert value.ndim == len(labels[name].dims)
            for dim, size in zip(labels[name].dims, value.shape, strict=True):
                assert sizes.setdefault(dim, size) == size


@pytest.mark.parametrize("network", NAMES)
def test_measures_the_same_inside_an_ensemble(network, networks, moment_of):
    """Each member's records at each step are what the probe finds in a network trained by hand."""
    factory, inputs, targets = case(networks, network)
    moments = {lr: by_hand(factory, inputs, targets, lr, moment_of) for lr in LRS}
    for probes in GROUPS:
        experiment = Experiment(data=samples(inputs, targets), model=factory, sweep=Sweep(lr=LRS),
                                optimizer=SGD(), steps=3, probes=probes, dtype="float64")  # fmt: skip
        records = train(experiment, device="cpu")
        for lr in LRS:
            _compare(probes, records.sel(lr=lr), moments[lr], network)


def by_hand(factory, inputs, targets, lr, moment_of):
    torch.manual_seed(0)
    module = factory().double()
    moments = []
    for _ in range(3):
        moments.append(moment_of(module, inputs, targets, lr))
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter -= lr * moments[-1].gradients[name]
    return moments


NOT_UNIQUE = {"root": {"sharpness_share_network"}}
"""The Hessian of a linear network has each eigenvalue once for every output: the sharpest direction is one of three."""


def _compare(probes, records, moments, network):
    states = [probe.init(moments[0].parameters) for probe in probes]
    for step, moment in enumerate(moments):
        for number, probe in enumerate(probes):
            values, states[number] = probe.measure(states[number], moment)
            for name in values.keys() - NOT_UNIQUE.get(network, set()):
                found, value = records[name].isel(step=step), values[name]
                assert np.allclose(found, value, rtol=1e-9, atol=1e-12, equal_nan=True), (name, step)


def test_recording_does_not_change_training_bit_for_bit(networks):
    everything = [*GROUPS[0], Activations(include=("0", "3"), full=True), Weights(detail="std", when=every(2))]
    factory, inputs, targets = case(networks, "convolution")
    fields = {"data": samples(inputs, targets), "model": factory, "sweep": Sweep(lr=LRS, seed=[0, 1])}
    ends = []
    for probes in ([], everything):
        run = stream(Experiment(**fields, steps=20, batch_size=4, probes=probes), device="cpu")
        losses = np.concatenate([block.loss.values for block in run], axis=1)
        ends.append({"loss": losses, **{name: value for name, value in run.state.items() if "probes" not in name}})
    assert ends[0].keys() == ends[1].keys()
    for name, value in ends[0].items():
        assert np.array_equal(value, ends[1][name]), name
