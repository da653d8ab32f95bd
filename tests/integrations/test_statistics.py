"""Statistics in fewer passes are those of the probe."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrscope.integrations._statistics import NAMES, Statistics
from lrscope.probes import Activations, Moment, structure_of

SHAPES = [(7, 5), (500, 64), (4, 3, 6), (70, 16, 28, 28), (3, 2, 4, 5), (1, 1), (2, 1, 1, 1)]


def layer_of(module, output):
    (layer,) = structure_of(nn.Sequential(module), {"0": output}).layers
    return layer


def mine(layer, output, dtype=torch.float32, threads=1):
    neurons = output.shape[1] if layer.channels_first or output.ndim == 2 else output.shape[-1]
    into = list(torch.full((len(NAMES), neurons), torch.nan, dtype=dtype))
    statistics = Statistics([layer], dtype)
    statistics.hear("0", output, into)
    whole = into if output.ndim == 2 else ()
    statistics.finish({"0": into}, whole)
    return dict(zip(NAMES, into, strict=True))


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
    into = list(torch.zeros(len(NAMES), 3))
    Statistics([layer], torch.float32).finish({"0": into}, into)
    assert all(torch.isnan(one).all() for one in into)


def test_what_was_written_over_is_left_out_once_and_copied_from_then_on():
    layer = layer_of(nn.ReLU(), torch.ones(4, 3))
    statistics, into = Statistics([layer], torch.float32), list(torch.zeros(len(NAMES), 3))
    for attempt in range(2):
        output = torch.full((4, 3), 5.0)
        statistics.hear("0", output, into)
        output.zero_()
        statistics.finish({"0": into}, into)
        assert torch.isnan(into[0]).all() if attempt == 0 else (into[0] == 5).all()


def test_the_number_of_threads_is_left_as_it_was():
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        mine(layer_of(nn.ReLU(), torch.ones(4, 3)), torch.ones(4, 3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
