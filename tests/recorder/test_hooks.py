"""Which calls of a layer are those of a step, and that hooks harm no pass of the model."""

import _thread
import warnings
from threading import Lock

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jacrev, jvp, vmap
from torch.utils.checkpoint import checkpoint

from lrscope.probes import Activations, Gradients, Weights, every
from lrscope.recorder import Recorder, _hooks
from lrscope.store import open_records

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # PyTorch uses it itself

INPUTS = torch.randn(8, 3, generator=torch.Generator().manual_seed(1))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))


def loss_of(model: nn.Module, inputs: torch.Tensor = INPUTS) -> torch.Tensor:
    return model(inputs).square().mean()


def trained(model, path, backward, *, recorded=True, steps=3, optimizer=None, **options):
    """Return the final parameters after updates with the gradients that `backward(model)` leaves, and the records."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"probes": [Weights(), Activations(include=("*",), when=every())]} | options
    recorder = Recorder(model, path, optimizer, time_budget=None, **options) if recorded else None
    for _ in range(steps):
        optimizer.zero_grad()
        loss = backward(model)
        optimizer.step()
        if recorder:
            recorder.step(loss=loss)
            assert recorder.failed is None
    if recorder:
        recorder.close()
    return [one.detach().clone() for one in model.parameters()], open_records(path) if recorder else None


def means(records):
    return {name: array.values[0] for name, array in records.data_vars.items() if "activations_mean" in str(name)}


def plain(model):
    loss = loss_of(model)
    loss.backward()
    return loss


def of_each_sample(model):
    own = {name: one.detach() for name, one in model.named_parameters()}
    by_sample = vmap(grad(lambda tensors, x: functional_call(model, tensors, (x[None],)).square().mean()), (None, 0))
    for name, one in by_sample(own, INPUTS).items():
        model.get_parameter(name).grad = one.clamp(-1, 1).mean(0)
    return torch.zeros(())


def of_a_functional_loss(model):
    own = dict(model.named_parameters())
    for name, one in grad(lambda tensors: functional_call(model, tensors, (INPUTS,)).square().mean())(own).items():
        model.get_parameter(name).grad = one
    return torch.zeros(())


def with_a_jacobian_penalty(model):
    penalty = vmap(jacrev(lambda x: model(x[None])[0]))(INPUTS).square().mean()
    loss = loss_of(model) + 0.1 * penalty
    loss.backward()
    return loss


def with_a_tangent(model):
    value, tangent = jvp(model, (INPUTS,), (torch.ones_like(INPUTS),))
    loss = value.square().mean() + tangent.square().mean()
    loss.backward()
    return loss


@pytest.mark.parametrize(
    ("backward", "heard"),
    [
        (of_each_sample, False),
        (of_a_functional_loss, False),
        (with_a_jacobian_penalty, True),
        (with_a_tangent, False),
    ],
)
def test_passes_of_transforms_are_not_those_of_the_step(tmp_path, backward, heard):
    without, _ = trained(network(), "", backward, recorded=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "no layer was observed|the first pass has nothing")
        parameters, records = trained(network(), tmp_path / "one.root", backward)
    assert all(map(torch.equal, parameters, without))
    assert records.sizes["step"] == 3
    assert set(means(records)) == ({f"activations_mean_{layer}" for layer in range(3)} if heard else set())
    if heard:
        np.testing.assert_allclose(means(records)["activations_mean_0"][0], network()[0](INPUTS).detach().mean(0))


class Checkpointed(nn.Module):
    """Blocks that are computed again in backward; the last function of two is no module, the third is called twice."""

    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.convolution = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Dropout(0.5), nn.ReLU())
        self.dense, self.reentrant = nn.Linear(64, 64), reentrant
        self.twice = nn.Sequential(nn.Linear(64, 64), nn.Tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.again(lambda image: self.convolution(image).flatten(1), x)
        x = self.again(lambda flat: self.dense(flat).sigmoid(), x)
        twice = lambda flat: self.twice(self.twice(flat))  # noqa: E731
        return twice(x) if self.reentrant else self.again(twice, x)

    def again(self, block, x):
        return block(x) if self.reentrant is None else checkpoint(block, x, use_reentrant=self.reentrant)


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_is_computed_again_in_backward_is_no_call(tmp_path, reentrant):
    images = torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    pair = []
    for how in (None, reentrant):

        def backward(model):
            losses = []
            for half in images.clone().requires_grad_().split(4):  # accumulated
                losses.append(loss_of(model, half))
                losses[-1].backward()
            return losses[-1]

        torch.manual_seed(5)
        probes = [
            Activations(include=("*",), when=every()),
            Gradients(of=("activations",), include=("*",), when=every()),
        ]
        pair.append(trained(Checkpointed(how), tmp_path / f"{how}.root", backward, probes=probes)[1])
    without, records = pair
    assert set(without.data_vars) == set(records.data_vars)
    for name, array in without.data_vars.items():
        if "seconds" not in name:
            np.testing.assert_allclose(records[name].values, array.values, rtol=1e-5, atol=1e-7, err_msg=str(name))


class InAThread(torch.autograd.Function):
    """Computes its function again while backward runs, in a thread that Python has not made, as on a GPU."""

    @staticmethod
    def forward(ctx, output, again):
        ctx.again = again
        return output.view_as(output)

    @staticmethod
    def backward(ctx, gradient):
        done = Lock()
        done.acquire()

        def work():
            with torch.enable_grad():
                ctx.again()
            done.release()

        _thread.start_new_thread(work, ())
        done.acquire()
        return gradient, None


def test_what_is_computed_again_in_a_thread_of_backward_is_no_call(tmp_path):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return InAThread.apply(self.layer(x), lambda: self.layer(100 * x))

    _, records = trained(Model(), tmp_path / "one.root", plain)
    assert set(means(records)) == {"activations_mean_layer"}
    np.testing.assert_allclose(means(records)["activations_mean_layer"][0], Model().layer(INPUTS).detach().mean(0))


def test_a_pass_with_parameters_of_its_own_is_not_that_of_the_step(tmp_path):
    def adapted(model):
        own = dict(model.named_parameters())
        gradients = torch.autograd.grad(loss_of(model), list(own.values()), create_graph=True)
        moved = {name: one - slope for (name, one), slope in zip(own.items(), gradients, strict=True)}
        loss = functional_call(model, moved, (INPUTS,)).square().mean()
        loss.backward()
        return loss

    wanted = network()[0](INPUTS).mean(0).detach()
    _, records = trained(network(), tmp_path / "one.root", adapted)
    np.testing.assert_allclose(means(records)["activations_mean_0"][0], wanted, rtol=1e-5, atol=1e-7)


class Returns(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return self.kind(x)


class Odd(nn.Module):
    """A network with a layer whose output is not like other tensors, beside a plain one."""

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        self.plain, self.odd = nn.Linear(3, 3), Returns(kind)

    def forward(self, x):
        x = self.plain(x)
        self.odd(x)
        return x


ODD = {
    "sparse": lambda x: x.to_sparse(),
    "compressed": lambda x: x.detach().to_sparse_csr(),
    "nested": lambda x: torch.nested.nested_tensor([x[:2].detach(), x[:5].detach()]),
    "jagged": lambda x: torch.nested.nested_tensor([x[:2].detach(), x[:5].detach()], layout=torch.jagged),
    "masked": lambda x: torch.masked.as_masked_tensor(x.detach(), x > 0),
    "quantized": lambda x: torch.quantize_per_tensor(x.detach(), 0.1, 0, torch.qint8),
    "complex": lambda x: torch.fft.fft(x),
    "meta": lambda x: x.to("meta"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # of PyTorch itself
@pytest.mark.parametrize("kind", ODD)
def test_outputs_unlike_other_tensors_are_left_out_with_a_word(tmp_path, kind):
    without, _ = trained(Odd(ODD[kind]), "", plain, recorded=False)
    with pytest.warns(RuntimeWarning, match="activations of odd are not recorded"):
        parameters, records = trained(Odd(ODD[kind]), tmp_path / "one.root", plain)
    assert all(map(torch.equal, parameters, without))
    assert set(means(records)) == {"activations_mean_plain"}


def test_an_error_in_a_hook_takes_the_layer_and_nothing_else(tmp_path, monkeypatch):
    without, _ = trained(network(), "", plain, recorded=False)
    detach = torch.Tensor.detach

    def refuse(tensor):
        if tensor.shape == (8, 5):
            raise RuntimeError("no such thing")
        return detach(tensor)

    monkeypatch.setattr(torch.Tensor, "detach", refuse)
    with pytest.warns(RuntimeWarning, match="activations of 0, 1 are not recorded: RuntimeError: no such thing"):
        parameters, records = trained(network(), tmp_path / "one.root", plain)
    assert all(map(torch.equal, parameters, without))
    assert set(means(records)) == {"activations_mean_2"}


@pytest.mark.parametrize("copied", [0, 2**20])
def test_an_output_that_is_written_over_is_missing_once_at_most(tmp_path, monkeypatch, copied):
    monkeypatch.setattr(_hooks, "COPIED", copied)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(inplace=True), nn.Linear(5, 1))
    outputs = []
    model[0].register_forward_hook(lambda *given: outputs.append(given[2].detach().clone()))
    _, records = trained(model, tmp_path / "a.root", plain)
    own = records["activations_mean_0"].values[0]
    share = records["activations_active_0"].values[0]
    first = 0 if copied else 1
    assert np.isnan(own[:first]).all()
    assert np.isnan(share[:first]).all()
    assert np.isfinite(share[first:]).all()
    np.testing.assert_allclose(own[first:], torch.stack(outputs).mean(1)[first:], rtol=1e-6)
    assert np.isfinite(records["activations_mean_1"]).all()


@pytest.mark.parametrize(
    ("blocks", "layers"),
    [
        ([nn.Sequential(nn.Linear(3, 5), nn.Tanh()), nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 1))], "0_1 1_0 1_1"),
        ([nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2)), nn.Linear(2, 1))], "0_0 0_2"),
    ],
)
def test_the_first_step_has_the_activations_of_blocks_without_activation_functions(tmp_path, blocks, layers):
    _, records = trained(nn.Sequential(*blocks), tmp_path / "a.root", plain, probes=[Activations(when=every())])
    assert {f"activations_mean_{layer}" for layer in layers.split()} <= set(means(records))
    assert all(np.isfinite(array).all() for array in means(records).values())


class Tagger(nn.Module):
    """Sequences of several lengths, packed for the recurrent layer."""

    def __init__(self):
        super().__init__()
        self.memory, self.head = nn.GRU(6, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x):
        lengths = torch.tensor([3, 1, 2, 3])
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.memory(packed)[0], batch_first=True)
        return self.head(states)


def test_of_packed_sequences_the_items_without_padding_are_the_samples(path):
    torch.manual_seed(0)
    model, inputs = Tagger(), torch.randn(4, 3, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    states = []
    model.memory.register_forward_hook(lambda _module, _inputs, output: states.append(output[0].data.detach()))
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        for _ in range(3):
            optimizer.zero_grad()
            loss = model(inputs).square().mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss=loss)
    records = open_records(path)
    wanted = torch.stack([one.mean(0) for one in states])
    np.testing.assert_allclose(records["activations_mean_memory"].values[0], wanted, rtol=1e-5, atol=1e-7)
    assert "activations_mean_head" not in records


def test_samples_without_a_batch_are_no_observed_layers_and_the_warning_names_it(model, optimizer, path):
    with Recorder(model, path, optimizer, time_budget=None) as recorder:
        loss = model(torch.ones(3)).square().mean()
        loss.backward()
        with pytest.warns(RuntimeWarning, match="from a single sample without a batch"):
            optimizer.step()
        recorder.step(loss=loss)
    assert not [name for name in open_records(path) if name.startswith("activations")]
