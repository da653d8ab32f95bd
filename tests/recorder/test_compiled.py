"""Compiled models are recorded like others."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from lrscope.probes import every
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
@pytest.mark.parametrize("options", [{}, {"fullgraph": True}, {"backend": "aot_eager"}], ids=str)
def test_a_compiled_model_is_recorded_like_the_model(tmp_path, given, options):
    torch._dynamo.reset()
    inner = network()
    if given == "in place":
        inner.compile(**options)
    compiled = inner if given == "in place" else torch.compile(inner, **options)
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


@pytest.mark.parametrize("often", [1, 3])
def test_hooks_do_not_cut_the_graph_and_do_not_compile_again(tmp_path, often):
    graphs = []

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    def compiled():
        torch._dynamo.reset()  # it knows models by their modules
        graphs.clear()
        return torch.compile(network(), backend=backend)

    without = compiled()
    trained(without, torch.optim.SGD(without.parameters(), lr=0.1))
    before = len(graphs)
    model = compiled()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with Recorder(model, tmp_path / "a.root", optimizer, when=every(often), time_budget=None) as recorder:
        trained(model, optimizer, recorder)
    assert len(graphs) == before
    assert np.isfinite(open_records(tmp_path / "a.root")["activations_mean_1"].values).all()
    assert all(map(torch.equal, model.parameters(), without.parameters()))


def test_models_of_the_same_modules_are_compiled_once_and_recorded_by_themselves(tmp_path):
    torch._dynamo.reset()
    graphs = []

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph.forward

    for count in range(10):  # more than a compiler's limit of versions
        model = torch.compile(network(), backend=backend)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01 * (1 + count))
        records = records_of(tmp_path / f"{count}.root", model, model, optimizer)
        plain = network()
        optimizer = torch.optim.SGD(plain.parameters(), lr=0.01 * (1 + count))
        wanted = records_of(tmp_path / f"plain{count}.root", plain, plain, optimizer)
        for name in ("activations_mean_1", "activations_mean_3"):
            np.testing.assert_allclose(records[name].values, wanted[name].values, rtol=1e-5, atol=1e-6)
    assert len(graphs) == 1


@pytest.mark.parametrize("backend", ["eager", "inductor"])
@pytest.mark.parametrize("fullgraph", [True, False])
def test_what_is_checkpointed_or_mapped_in_compiled_code_trains_as_before(tmp_path, backend, fullgraph):
    class Blocks(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.checkpointed, self.mapped, self.head = (nn.Sequential(nn.Linear(3, 3), nn.Tanh()) for _ in range(3))

        def forward(self, x):
            x = checkpoint(self.checkpointed, x, use_reentrant=False)
            return self.head(torch.func.vmap(self.mapped)(x))

    pair = []
    for recorded in (False, True):
        torch._dynamo.reset()
        model = torch.compile(Blocks(), backend=backend, fullgraph=fullgraph)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        path = tmp_path / "a.root"
        with Recorder(model, path, optimizer, time_budget=None) if recorded else nullcontext() as recorder:
            trained(model, optimizer, recorder)
        pair.append(list(model.parameters()))
    assert all(map(torch.equal, *pair))
    layers = {array.attrs["layer"] for name, array in open_records(path).data_vars.items() if "activations" in name}
    assert layers == {"checkpointed.1", "head.1"}


@pytest.mark.parametrize("often", [1, 3])
@pytest.mark.parametrize("alone", [True, False], ids=["the optimizer's step", "the whole step"])
def test_a_step_that_is_compiled_with_its_recorder_is_recorded(tmp_path, often, alone):
    torch._dynamo.reset()
    model = network()
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1), []
    with Recorder(model, tmp_path / "a.root", optimizer, when=every(often), time_budget=None) as recorder:
        update = torch.compile(optimizer.step, backend="aot_eager") if alone else optimizer.step

        def step():
            optimizer.zero_grad()
            loss = model(INPUTS).square().mean()
            loss.backward()
            update()
            recorder.step(loss=loss)
            return loss.detach()

        made = step if alone else torch.compile(step, backend="aot_eager")
        for _ in range(8):
            losses.append(float(made()))
    assert recorder.failed is None
    records = open_records(tmp_path / "a.root")
    assert records["step"].values.tolist() == list(range(0, 8, often))
    np.testing.assert_allclose(records["loss"].values[0], losses[::often], rtol=1e-6)
