"""A Recorder beside a plain loop has the records of the ensemble, and changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Samples
from lrscope.integrations import Recorder
from lrscope.probes import (
    Activations,
    Biases,
    GradientAngle,
    GradientNorm,
    GradientPath,
    Gradients,
    LearningRate,
    Oscillation,
    UpdateSize,
    Weights,
    every,
)
from lrscope.store import open_records
from lrscope.training import Experiment, Sweep, train

DRAW = np.random.default_rng(0)
POINTS, TARGETS = DRAW.normal(size=(40, 3)), DRAW.normal(size=(40, 2))
IMAGES = DRAW.normal(size=(12, 1, 6, 6))


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 2))


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(75, 2)
    )


EVERYTHING = (
    LearningRate(),
    GradientNorm(),
    GradientAngle(),
    UpdateSize(),
    Weights(when=every()),
    Biases(when=every()),
    Gradients(when=every()),
    Activations(when=every()),
)
SLOW = (
    Weights(detail="spread", when=every()),
    Gradients(of=("activations",), when=every()),
    Activations(full=True, when=every()),
    Oscillation(),
    GradientPath(),
)


def recorded(path, make, inputs, targets, *, steps=12, lr=1e-2, **options):
    """Train with Adam in float64 beside a Recorder and return the records of its file (member, step, ...)."""
    torch.manual_seed(3)
    model = make().double()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    given, wanted = torch.from_numpy(inputs), torch.from_numpy(targets)
    with Recorder(model, path, optimizer, labels={"seed": 3}, **options) as recorder:
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(given), wanted)
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    return open_records(path)


def trained(make, inputs, targets, probes, *, steps=12, lr=1e-2):
    experiment = Experiment(
        data=Samples(inputs, targets, "points"),
        model=make,
        sweep=Sweep(lr=[lr], seed=[3]),
        steps=steps,
        probes=probes,
        dtype="float64",
    )
    return train(experiment, device="cpu")


@pytest.mark.parametrize("probes", [EVERYTHING, SLOW])
@pytest.mark.parametrize(("make", "inputs"), [(perceptron, POINTS), (convolutional, IMAGES)])
def test_records_are_those_of_the_ensemble(tmp_path, make, inputs, probes):
    targets = TARGETS[: len(inputs)]
    mine = recorded(tmp_path / "mine.root", make, inputs, targets, probes=probes)
    theirs = trained(make, inputs, targets, probes)
    assert set(theirs.data_vars) == set(mine.data_vars) - {"recording_seconds", "training_seconds"}
    for name, array in theirs.data_vars.items():
        ours = mine[name].values[0]
        assert mine[name].attrs == array.attrs
        assert mine[name].dims[1:] == array.dims[2:]
        np.testing.assert_allclose(ours, array.values[0, 0], rtol=1e-10, atol=1e-12, err_msg=name)
