"""What the tests of the recorder share: a small network, and the plainest loop there is."""

import warnings

import pytest
import torch
from torch import nn


@pytest.fixture(autouse=True)
def shown():
    """Fail where a warning is shown that is not expected: those of a Recorder are no errors to its loop, even here."""
    with warnings.catch_warnings(record=True) as shown:
        yield shown
    assert not [str(one.message) for one in shown]


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


@pytest.fixture
def optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.root"


@pytest.fixture(scope="session")
def inputs() -> torch.Tensor:
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="session")
def update(inputs):
    """Return a function that makes an update and returns the loss before it."""

    def update(model, optimizer, inputs=inputs):
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return update


@pytest.fixture(scope="session")
def steps_of(update):
    """Return a function that takes recorded steps."""

    def steps_of(recorder, model, optimizer, count):
        for _ in range(count):
            recorder.step(loss=update(model, optimizer, torch.ones(8, 3)))

    return steps_of
