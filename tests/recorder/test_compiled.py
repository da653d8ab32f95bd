"""Compiled models are recorded like others."""

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.recorder import Recorder
from lrscope.store import open_records

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore")]  # PyTorch's compiler warns of itself


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


INPUTS = torch.randn(16, 3, generator=torch.Generator().manual_seed(1))


def trained(model, optimizer, recorder=None):
    for _ in range(6):
        optimizer.zero_grad()
        loss = model(INPUTS).square().mean()
        loss.backward()
        optimizer.step()
        if recorder:
            recorder.step(loss=loss)


def records_of(path, model, given, optimizer):
    with Recorder(given, path, optimizer, time_budget=None) as recorder:
        trained(model, optimizer, recorder)
    return open_records(path)


@pytest.mark.parametrize("given", ["wrapped", "inner", "in place"])
def test_a_compiled_model_is_recorded_like_the_model(tmp_path, given):
    torch._dynamo.reset()
    inner = network()
    if given == "in place":
        inner.compile()
    compiled = inner if given == "in place" else torch.compile(inner)
    parts = (compiled, inner if given == "inner" else compiled)
    found = records_of(tmp_path / "compiled.root", *parts, torch.optim.SGD(inner.parameters(), lr=0.1))
    plain = network()
    wanted = records_of(tmp_path / "plain.root", plain, plain, torch.optim.SGD(plain.parameters(), lr=0.1))
    assert set(found.data_vars) == set(wanted.data_vars)
    for name, array in wanted.data_vars.items():
        if not str(name).endswith("_seconds"):
            np.testing.assert_allclose(found[name].values, array.values, rtol=1e-4, atol=1e-5, err_msg=str(name))


def test_one_that_was_called_before_has_no_activations_and_says_so(tmp_path):
    torch._dynamo.reset()
    inner = network()
    compiled = torch.compile(inner)
    compiled(INPUTS)
    with pytest.warns(RuntimeWarning, match="no layer was observed: the model was compiled before"):
        records = records_of(tmp_path / "a.root", compiled, compiled, torch.optim.SGD(inner.parameters(), lr=0.1))
    assert "weights_0" in records
    assert not [name for name in records.data_vars if str(name).startswith("activations")]
