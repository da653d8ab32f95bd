"""Parameters and gradients that go straight into the records."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from lrscope.probes import Gradients, Parameter, Weights, every
from lrscope.recorder import Recorder, _sheet
from lrscope.recorder._kernel import kernel_for
from lrscope.recorder._placing import Placer, Source, can_place
from lrscope.recorder._vectors import Vectors
from lrscope.store import open_records

needs_compiler = pytest.mark.skipif(kernel_for(torch.float32) is None, reason="no compiler of C")


def source(parameter: nn.Parameter, *, gradient: bool = False, inputs_first: bool = False) -> Source:
    described = Parameter("a.weight", "a", tuple(parameter.shape), inputs_first)
    return Source(int(gradient), "gradients" if gradient else "weights", parameter, described, gradient)


def places(parameter: nn.Parameter, scale: torch.Tensor | None = None) -> list[int]:
    vectors = Vectors([parameter], torch.float32)
    vectors.look(scale)
    return vectors.places


@needs_compiler
def test_a_row_is_written_and_no_other():
    parameter = nn.Parameter(torch.arange(6.0).reshape(2, 3))
    placer = Placer(kernel_for(torch.float32), [source(parameter)], torch.float32)
    first, second = ({"weights": np.full((1, 4, 2, 3), 7.0, ">f4")} for _ in range(2))
    for arrays in (first, second):
        placer.place(2, arrays, places(parameter))
        np.testing.assert_array_equal(arrays["weights"][0, 2], parameter.detach().numpy())
        assert (arrays["weights"][0, [0, 1, 3]] == 7).all()
    with pytest.raises(IndexError, match="row 4 must be one of 4"):
        placer.place(4, first, places(parameter))


@needs_compiler
@pytest.mark.parametrize(
    ("gradient", "scale", "wanted"),
    [
        (None, None, torch.zeros(2, 3)),
        (torch.arange(6.0).reshape(3, 2).t(), None, torch.arange(6.0).reshape(3, 2).t()),
        (torch.full((2, 3), 8.0), torch.tensor(4.0), torch.full((2, 3), 2.0)),
        (torch.eye(2, 3).to_sparse(), None, torch.eye(2, 3)),
        (torch._neg_view(torch.ones(2, 3)), None, -torch.ones(2, 3)),
    ],
    ids=["no gradient", "columns first", "scaled", "sparse", "a negative view"],
)
def test_whatever_a_gradient_is_its_numbers_are_placed(gradient, scale, wanted):
    parameter = nn.Parameter(torch.zeros(2, 3))
    parameter.grad = gradient
    placer = Placer(kernel_for(torch.float32), [source(parameter, gradient=True)], torch.float32)
    arrays = {"gradients": np.zeros((1, 1, 2, 3), ">f4")}
    placer.place(0, arrays, places(parameter, scale), scale)
    np.testing.assert_array_equal(arrays["gradients"][0, 0], wanted.numpy())


@needs_compiler
def test_neurons_come_first_and_few_digits_become_more():
    parameter = nn.Parameter(torch.arange(6.0).reshape(2, 3).bfloat16())
    placer = Placer(kernel_for(torch.float32), [source(parameter, inputs_first=True)], torch.float32)
    arrays = {"weights": np.zeros((1, 1, 3, 2), ">f4")}
    placer.place(0, arrays, places(parameter))
    np.testing.assert_array_equal(arrays["weights"][0, 0], parameter.detach().float().t().numpy())


@needs_compiler
def test_small_gradients_survive_the_division_by_their_scale():
    parameter = nn.Parameter(torch.zeros(1, 1, dtype=torch.float16))
    parameter.grad = torch.full((1, 1), 6e-4, dtype=torch.float16)
    placer, scale = Placer(kernel_for(torch.float32), [source(parameter, gradient=True)], torch.float32), 65536.0
    arrays = {"gradients": np.zeros((1, 1, 1, 1), ">f4")}
    placer.place(0, arrays, places(parameter, torch.tensor(scale)), torch.tensor(scale))
    assert arrays["gradients"].item() == float(parameter.grad) / scale > 0


def test_what_is_not_on_the_cpu_is_not_placed():
    assert not can_place([nn.Parameter(torch.empty(2, device="meta"))], torch.float32)


def recorded(path: Path, **options) -> xr.Dataset:
    torch.manual_seed(0)
    model = nn.Sequential(nn.ConvTranspose1d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, path, optimizer, **options) as recorder:
        for _ in range(7):
            optimizer.zero_grad()
            loss = model(torch.eye(3)[:, None]).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    records = open_records(path).load()
    return records.drop_vars(["recording_seconds", "training_seconds"], errors="ignore").drop_attrs()


@pytest.mark.parametrize("options", [{}, {"probes": [Weights(when=every(2)), Gradients(when=every(3))]}])
def test_without_the_loop_the_records_are_the_same(tmp_path: Path, monkeypatch, options):
    placed = recorded(tmp_path / "placed.root", **options)
    monkeypatch.setattr(_sheet, "can_place", lambda *_: False)
    in_rows = recorded(tmp_path / "rows.root", **options)
    assert placed.equals(in_rows)
    assert placed["weights_3"].shape[1] == (4 if options else 7)
