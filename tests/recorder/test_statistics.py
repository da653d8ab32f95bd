"""Statistics in fewer passes are those of the probe, with the compiled loops and without."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrscope.probes import Activations, Moment, structure_of
from lrscope.recorder._kernel import kernel_for
from lrscope.recorder._statistics import NAMES, Into, Statistics

SHAPES = [(7, 5), (500, 64), (4, 3, 6), (70, 16, 28, 28), (3, 2, 4, 5), (1, 1), (2, 1, 1, 1)]


def layer_of(module, output):
    (layer,) = structure_of(nn.Sequential(module), {"0": output}).layers
    return layer


@pytest.fixture(params=["compiled", "PyTorch"], autouse=True, scope="module")
def way(request):
    """Take the statistics in both ways."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "PyTorch":
            patch.setattr("lrscope.recorder._statistics.kernel_for", lambda _: None)
        elif kernel_for(torch.float32) is None:
            pytest.skip("no compiler of C")
        yield request.param


def mine(layer, output, dtype=torch.float32):
    neurons = output.shape[1] if layer.channels_first or output.ndim == 2 else output.shape[-1]
    row = torch.full((1, len(NAMES) * neurons), torch.nan, dtype=dtype)
    statistics, into = Statistics([layer], dtype), Into(row[0])
    statistics.hear("0", output, into)
    statistics.finish({"0": into})
    return dict(zip(NAMES, row[0].split(neurons), strict=True))


def of_the_probe(module, output):
    structure = structure_of(nn.Sequential(module), {"0": output})
    nothing = torch.zeros(())
    moment = Moment(structure, nothing, nothing, {}, {}, nothing, nothing, activations={"0": output})
    values, _ = Activations(include=("0",)).measure({}, moment)
    return {name: values[f"activations_{name}_0"] for name in NAMES}


@pytest.mark.parametrize("module", [nn.ReLU(), nn.Conv2d(1, 1, 1), nn.LayerNorm(3)], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("offset", [0.0, 100.0, -1.0])
def test_they_are_those_of_the_probe(module, shape, offset):
    output = torch.randn(shape, generator=torch.Generator().manual_seed(0)).relu() + offset
    found, wanted = mine(layer_of(module, output), output), of_the_probe(module, output)
    for name in ("min", "max"):
        assert torch.equal(found[name], wanted[name]), name
    torch.testing.assert_close(found["active"], wanted["active"], rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(found["mean"], wanted["mean"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found["std"], wanted["std"], rtol=1e-4, atol=1e-6 + 2e-6 * abs(offset))


def test_a_small_deviation_around_a_large_mean_is_not_lost():
    """As of a saturated neuron: the mean square says nothing about it in single precision."""
    output = 1000 + 0.01 * torch.randn((20, 4, 30), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = mine(layer_of(nn.Conv1d(1, 1, 1), output), output.float())
    exact = output.float().double().std((0, 2), correction=0)
    torch.testing.assert_close(found["std"].double(), exact, rtol=0.02, atol=0)


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 7), st.integers(0, 9))
def test_in_double_precision_they_agree_to_rounding(samples, neurons, positions, seed):
    draw = torch.Generator().manual_seed(seed)
    output = torch.randn((samples, neurons, positions), generator=draw, dtype=torch.float64)
    found, wanted = (
        mine(layer_of(nn.Conv1d(1, 1, 1), output), output, torch.float64),
        of_the_probe(nn.Conv1d(1, 1, 1), output),
    )
    for name in NAMES:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-12, atol=1e-12)


def test_a_layer_that_was_not_heard_is_missing():
    output = torch.randn(4, 3)
    layer = layer_of(nn.ReLU(), output)
    into = Into(torch.zeros(len(NAMES) * 3))
    Statistics([layer], torch.float32).finish({"0": into})
    assert torch.isnan(into.row).all()


def test_an_output_may_be_written_over_behind_it():
    output = torch.full((4, 3), 5.0)
    layer = layer_of(nn.ReLU(), output)
    statistics, into = Statistics([layer], torch.float32), Into(torch.zeros(len(NAMES) * 3))
    statistics.hear("0", output, into)
    output.zero_()
    statistics.finish({"0": into})
    assert (into.mean == 5).all()


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("shape", [(20, 5), (20, 19), (4, 3, 6)])
def test_what_is_not_finite_counts_as_the_probe_counts_it(wrong, shape):
    output = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    output[1, 2] = wrong
    found, wanted = mine(layer_of(nn.Conv1d(1, 1, 1), output), output), of_the_probe(nn.Conv1d(1, 1, 1), output)
    for name in NAMES:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("shape", [(5, 20, 3, 4), (2, 3, 40, 50)])
def test_channels_may_lie_last_in_memory(shape):
    output = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    output = output.to(memory_format=torch.channels_last)
    found = mine(layer_of(nn.Conv2d(1, 1, 1), output), output, torch.float64)
    for name, wanted in of_the_probe(nn.Conv2d(1, 1, 1), output).items():
        torch.testing.assert_close(found[name], wanted, rtol=1e-12, atol=1e-12)


def test_every_second_column_is_no_other_column():
    whole = torch.randn((30, 40), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = mine(layer_of(nn.ReLU(), whole[:, ::2]), whole[:, ::2], torch.float64)
    torch.testing.assert_close(found["mean"], whole[:, ::2].mean(0), rtol=1e-12, atol=1e-12)
