"""Trainings of all kinds are the same to the bit with a Recorder, which does not fail and says what it leaves out."""

import warnings
from threading import Thread

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from lrscope.recorder import Recorder
from lrscope.store import open_records

INPUTS = torch.randn(8, 6, generator=torch.Generator().manual_seed(3))
SITUATIONS = {}


def situation(*layers, says=""):
    """Register a function that returns a model and its loss, with the layers whose activations must be recorded."""

    def register(function):
        SITUATIONS[function.__name__] = (function, set(layers), says)
        return function

    return register


def dense(*between):
    return nn.Sequential(nn.Linear(6, 4), *between, nn.Linear(4, 1))


def loss_of(outputs):
    return outputs.square().mean()


class Steps(nn.Module):
    """A body whose use is given, and a head."""

    def __init__(self, body, use):
        super().__init__()
        self.body, self.use, self.head = body, use, nn.Linear(6, 1)

    def forward(self, x):
        return self.head(self.use(self.body, x))


def body():
    return nn.Sequential(nn.Linear(6, 6), nn.Tanh())


@situation("0.0", "0.1", "1.0", "1.1", "2.0", "2.1")
def blocks_checkpointed_in_sequence():
    model = nn.Sequential(*(body() for _ in range(3)))
    return model, lambda: loss_of(checkpoint_sequential(model, 2, INPUTS, use_reentrant=False))


@situation("0", "1", "2")
def the_whole_model_checkpointed():
    model = dense(nn.Dropout(0.5))
    return model, lambda: loss_of(checkpoint(model, INPUTS, use_reentrant=False))


@situation("0", "1", "2")
def the_whole_model_under_reentrant_checkpointing():
    model = dense(nn.Dropout(0.5))
    return model, lambda: loss_of(checkpoint(model, INPUTS.clone().requires_grad_(), use_reentrant=True))


@situation("head", says="activations of body are not recorded")
def a_layer_that_is_called_twice_under_reentrant_checkpointing():
    def use(body, x):
        for _ in range(2):
            x = checkpoint(body, x, use_reentrant=True)
        return x

    model = Steps(nn.Linear(6, 6), use)
    return model, lambda: loss_of(model(INPUTS.clone().requires_grad_()))


class Again(torch.autograd.Function):
    """Computes its function again in backward, as reversible networks do."""

    @staticmethod
    def forward(ctx, function, x, *_parameters):
        ctx.save_for_backward(x)
        ctx.function = function
        with torch.no_grad():
            return function(x)

    @staticmethod
    def backward(ctx, gradient):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            output = ctx.function(x)
        torch.autograd.backward(output, gradient)
        return None, x.grad, *(None for _ in ctx.function.parameters())


@situation("body.0", "body.1", "head")
def a_function_that_computes_again_by_itself():
    model = Steps(body(), lambda body, x: Again.apply(body, x, *body.parameters()))
    return model, lambda: loss_of(model(INPUTS))


@situation("body.0", "body.1", "head")
def a_call_in_a_hook_of_a_gradient():
    def use(body, x):
        state = body(x)
        if state.requires_grad:
            state.register_hook(lambda gradient: (body(x), gradient)[1])
        return state

    model = Steps(body(), use)
    return model, lambda: loss_of(model(INPUTS))


@situation("0", "1", "2")
def a_penalty_of_gradients():
    model = dense(nn.Tanh())

    def loss():
        x = INPUTS.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        return loss_of(model(INPUTS)) + slope.square().sum()

    return model, loss


@situation("0", "1", "2")
def a_hessian_in_the_loop():
    model = dense(nn.Tanh())

    def loss():
        own = dict(model.named_parameters())
        torch.func.hessian(lambda given: loss_of(torch.func.functional_call(model, given, (INPUTS,))))(own)
        return loss_of(model(INPUTS))

    return model, loss


@situation("0", "1", "2")
def tensors_saved_elsewhere():
    model = dense(nn.ReLU())

    def loss():
        with torch.autograd.graph.save_on_cpu():
            return loss_of(model(INPUTS))

    return model, loss


@situation("0", "1", "2")
def a_hook_that_changes_an_output():
    model = dense(nn.ReLU())
    model[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)
    return model, lambda: loss_of(model(INPUTS))


@situation("0", "1", "2")
def weights_that_are_normalized_in_each_pass():
    class Normalized(nn.Linear):
        def forward(self, x):
            with torch.no_grad():
                self.weight.copy_(nn.functional.normalize(self.weight, dim=1))
            return super().forward(x)

    model = nn.Sequential(Normalized(6, 4), nn.SiLU(), nn.Linear(4, 1))

    def loss():
        loss_of(model(INPUTS[:4])).backward()
        return loss_of(model(INPUTS[4:]))

    return model, loss


@situation("0", "1", "2")
def a_pass_in_another_thread():
    model = dense(nn.ReLU())

    def loss():
        outputs = []

        def call():
            with torch.enable_grad():
                outputs.append(model(INPUTS))

        thread = Thread(target=call)
        thread.start()
        thread.join()
        return loss_of(outputs[0])

    return model, loss


@situation(
    *(f"body.{k}{call}" for k in (0, 1) for call in ("", *(f":{n}" for n in range(2, 17)))), "head", says="16 calls"
)
def an_equation_in_many_steps():
    def use(body, x):
        for _ in range(40):
            x = x + 0.05 * body(x)
        return x

    model = Steps(body(), use)
    return model, lambda: loss_of(model(INPUTS))


@situation("0", "1", "2", "3", "4", "5", "6")
def quantization_aware_training():
    ao = torch.ao.quantization
    layers = nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1)
    model = nn.Sequential(ao.QuantStub(), *layers, ao.DeQuantStub())
    model.qconfig = ao.get_default_qat_qconfig("fbgemm")
    model = ao.prepare_qat(model.train())
    return model, lambda: loss_of(model(INPUTS[:, None]))


@situation("0", "1", "2", "3")
def evaluation_within_the_step():
    model = dense(nn.BatchNorm1d(4), nn.ReLU())

    def loss():
        value = loss_of(model(INPUTS))
        model.eval()
        model(9 * INPUTS)
        model.train()
        return value

    return model, loss


@situation("0", "1", "2")
def inputs_of_a_subclass():
    class Special(torch.Tensor):
        pass

    model = dense(nn.ReLU())
    return model, lambda: loss_of(model(INPUTS.as_subclass(Special)))


@situation("body", "head")
def attention_without_its_weights():
    model = Steps(nn.MultiheadAttention(6, 2), lambda body, x: body(x, x, x, need_weights=False)[0])
    return model, lambda: loss_of(model(INPUTS[None]))


def trained(make, path):
    """Return parameters and generator after four updates; without a path nothing is recorded."""
    torch.manual_seed(0)
    model, loss = make()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    recorder = Recorder(model, path, optimizer, include=("*",), time_budget=None) if path else None
    for _ in range(4):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        if recorder:
            recorder.step(loss=value)
            assert recorder.failed is None
    if recorder:
        recorder.close()
    return [*(one.detach() for one in model.parameters()), torch.get_rng_state()]


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of PyTorch itself
def test_training_is_the_same_to_the_bit_and_recorded(name, tmp_path):
    make, layers, says = SITUATIONS[name]
    without = trained(make, None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        recorded = trained(make, tmp_path / "one.root")
    assert all(map(torch.equal, without, recorded))
    of_recorder = [str(one.message) for one in caught if one.category is RuntimeWarning]
    assert [says in text for text in of_recorder] == ([True] if says else [])
    activations = [
        one for one in open_records(tmp_path / "one.root").values() if one.attrs["quantity"] == "activations"
    ]
    assert {one.attrs["layer"] for one in activations} == layers
    assert all(one.notnull().all() for one in activations)
