"""What people do in their loops beside training: none of it may cost them records, or the training."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.integrations import Recorder
from lrscope.store import open_records
from lrscope.store._rootfile import RootFile


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))


INPUTS = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))


def update(model, optimizer, inputs=INPUTS):
    optimizer.zero_grad()
    loss = model(inputs).square().mean()
    loss.backward()
    optimizer.step()
    return loss.detach()


@pytest.fixture
def parts(tmp_path):
    model = small()
    return model, torch.optim.SGD(model.parameters(), lr=0.1), tmp_path / "a.root"


def test_numbers_of_a_block_survive_a_disk_that_is_slower_than_the_loop(parts, monkeypatch):
    model, optimizer, path = parts
    monkeypatch.setattr("lrscope.integrations._blocks.BLOCK_BYTES", 1000)
    write = RootFile.extend
    monkeypatch.setattr(RootFile, "extend", lambda *given: (time.sleep(0.05), write(*given)))
    with Recorder(model, path, optimizer) as recorder:
        for step in range(20):
            recorder.step(loss=update(model, optimizer), accuracy=step)
            recorder.note(held_out_loss=step)
    records = open_records(path)
    assert records["accuracy"].values[0].tolist() == list(range(20))
    assert records["held_out_loss"].values[0].tolist() == list(range(20))
    assert np.isfinite(records["learning_rate"].values).all()
