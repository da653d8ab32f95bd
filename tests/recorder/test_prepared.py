"""Loops whose model and optimiser a library has prepared: records are those of the plain loop, names and all."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.recorder import Recorder
from lrscope.store import open_records

INPUTS = torch.randn(9, 8, 3, generator=torch.Generator().manual_seed(0))


def network() -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 1)))
    return model, torch.optim.AdamW(model.parameters(), lr=0.01)


def by_accelerate(path, accumulate, clip):
    accelerate = pytest.importorskip("accelerate")
    accelerate.state.GradientState._reset_state()  # a Trainer that failed leaves its data loader there
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model, optimizer = accelerator.prepare(*network())
    with Recorder(model, path, optimizer, time_budget=None) if path else warnings.catch_warnings() as recorder:
        for inputs in INPUTS:
            with accelerator.accumulate(model):
                loss = model(inputs).square().mean()
                accelerator.backward(loss)
                if accelerator.sync_gradients and clip:
                    accelerator.clip_grad_norm_(model.parameters(), clip)
                optimizer.step()
                optimizer.zero_grad()
            if path:
                recorder.step(loss=loss)
    return accelerator.unwrap_model(model)


def by_fabric(path, accumulate, clip):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fabric = pytest.importorskip("lightning.fabric").Fabric(accelerator="cpu", devices=1)
    model, optimizer = fabric.setup(*network())
    with Recorder(model, path, optimizer, time_budget=None) if path else warnings.catch_warnings() as recorder:
        for number, inputs in enumerate(INPUTS, 1):
            loss = model(inputs).square().mean()
            with fabric.no_backward_sync(model, enabled=number % accumulate > 0):
                fabric.backward(loss / accumulate)
            if number % accumulate == 0:
                if clip:
                    fabric.clip_gradients(model, optimizer, max_norm=clip)
                optimizer.step()
                optimizer.zero_grad()
                if path:
                    recorder.step(loss=loss)
    return model.module


def by_hand(path, accumulate, clip, compiled=()):
    model, optimizer = network()
    if "part" in compiled:
        model[1] = torch.compile(model[1], backend="eager")
    whole = torch.compile(model, backend="eager") if "whole" in compiled else model
    whole = nn.DataParallel(whole) if "parallel" in compiled else whole
    seen = []
    with Recorder(whole, path, optimizer, time_budget=None) as recorder:
        for number, inputs in enumerate(INPUTS, 1):
            loss = whole(inputs).square().mean()
            (loss / accumulate).backward()
            if number % accumulate == 0:
                if clip:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                seen.append([one.detach().clone() for one in (model[0].weight, model[0].weight.grad, loss)])
                optimizer.step()
                optimizer.zero_grad()
                recorder.step(loss=loss)
    records = open_records(path)
    for name, values in zip(("weights_0", "weight_gradients_0", "loss"), zip(*seen, strict=True), strict=True):
        np.testing.assert_array_equal(records[name].values[0], torch.stack(values).numpy())
    return records


def same(found, wanted):
    assert set(found.data_vars) == set(wanted.data_vars)
    for name, array in wanted.data_vars.items():
        if not str(name).endswith("_seconds"):
            np.testing.assert_array_equal(found[name].values, array.values, err_msg=str(name))


@pytest.mark.parametrize("library", [by_accelerate, by_fabric])
@pytest.mark.parametrize(("accumulate", "clip"), [(1, None), (3, None), (3, 0.1)])
def test_records_are_those_of_the_plain_loop_and_the_training_is_untouched(library, accumulate, clip, tmp_path):
    with_it = library(tmp_path / "a.root", accumulate, clip)
    same(open_records(tmp_path / "a.root"), by_hand(tmp_path / "b.root", accumulate, clip))
    without = library(None, accumulate, clip)
    assert all(torch.equal(*pair) for pair in zip(with_it.parameters(), without.parameters(), strict=True))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the compiler looks at it
@pytest.mark.parametrize("compiled", [("part",), ("whole",), ("part", "parallel"), ("whole", "parallel")])
def test_what_compiles_or_distributes_is_no_part_of_a_name(compiled, tmp_path):
    torch._dynamo.reset()
    found = by_hand(tmp_path / "a.root", 1, None, compiled)
    wanted = by_hand(tmp_path / "b.root", 1, None)
    assert set(found.data_vars) == set(wanted.data_vars)
    np.testing.assert_allclose(found["weights_1_1"].values, wanted["weights_1_1"].values, rtol=1e-5)
