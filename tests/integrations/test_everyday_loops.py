"""What people do in their loops beside training: none of it may cost them records, or the training."""

import copy
import pickle
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

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


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, AveragedModel, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "averaged", "pickle"],
)
def test_a_copy_of_the_model_is_a_model_of_its_own(parts, copied):
    model, optimizer, path = parts
    with Recorder(model, path, optimizer) as recorder:
        recorder.step(loss=update(model, optimizer))
        other = copied(model)
        optimizer.zero_grad()
        loss = model(INPUTS).square().mean()
        wanted = model[1](model[0](INPUTS)).mean(0).detach().numpy()
        loss.backward()
        assert other(100 * INPUTS).requires_grad
        optimizer.step()
        recorder.step(loss=loss)
    np.testing.assert_allclose(open_records(path)["activations_mean_1"].values[0, 1], wanted, rtol=1e-5)
    pickle.dumps(other)


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_that_a_scaler_leaves_out_is_no_divergence(tmp_path, fused):
    model = small()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    with Recorder(model, tmp_path / "a.root", optimizer) as recorder:
        for step in range(6):
            optimizer.zero_grad()
            loss = model(INPUTS).square().mean()
            scaler.scale(loss).backward()
            if step in (0, 3):
                model[0].weight.grad[0, 0] = torch.inf
            scaler.step(optimizer)
            scaler.update()
            recorder.step(loss=loss)
    records = open_records(tmp_path / "a.root")
    assert recorder.cost.skipped == 2
    assert records["step"].values.tolist() == [0, 1, 2, 3]
    assert (records["diverged_at"].values == -1).all()
    assert np.isfinite(records["gradient_norm"].values).all()


def convolutional() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 6), nn.ReLU(), nn.Linear(6, 1))


def means(model, inputs):
    """Return the means of the two activation functions, (neuron) each."""
    with torch.no_grad():
        image = model[1](model[0](inputs))
        return image.mean((0, 2, 3)).numpy(), model[4](model[3](model[2](image))).mean(0).numpy()


IMAGES = torch.randn(8, 1, 6, 6, generator=torch.Generator().manual_seed(2))


def test_passes_between_update_and_step_are_not_those_of_the_step(tmp_path):
    model, wanted = convolutional(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, tmp_path / "a.root", optimizer) as recorder:
        for _ in range(3):
            wanted.append(means(model, IMAGES))
            loss = update(model, optimizer, IMAGES)
            model(5 * IMAGES)
            recorder.step(loss=loss)
    records = open_records(tmp_path / "a.root")
    for name, own in zip(("1", "4"), zip(*wanted, strict=True), strict=True):
        np.testing.assert_allclose(records[f"activations_mean_{name}"].values[0], own, rtol=1e-4, atol=1e-6)


def test_of_a_closure_that_is_called_again_the_first_call_is_recorded(tmp_path):
    model, wanted = convolutional(), []
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = model(IMAGES).square().mean()
        loss.backward()
        return loss

    with Recorder(model, tmp_path / "a.root", optimizer) as recorder:
        for _ in range(3):
            wanted.append(means(model, IMAGES))
            recorder.step(loss=optimizer.step(closure))
    records = open_records(tmp_path / "a.root")
    for name, own in zip(("1", "4"), zip(*wanted, strict=True), strict=True):
        np.testing.assert_allclose(records[f"activations_mean_{name}"].values[0], own, rtol=1e-4, atol=1e-6)


def test_of_many_passes_before_the_first_update_the_last_is_kept(parts):
    model, optimizer, path = parts
    with Recorder(model, path, optimizer) as recorder:
        for scale in range(20):
            model(scale * INPUTS).sum().backward()
        assert sum(one.numel() for one in recorder._heard.values()) == 8 * (4 + 4 + 1)
        wanted = torch.relu(model[0](19 * INPUTS)).mean(0).detach().numpy()
        optimizer.step()
        recorder.step(loss=0.0)
    np.testing.assert_allclose(open_records(path)["activations_mean_1"].values[0, 0], wanted, rtol=1e-5)
