"""A simplified graph computes what the traced one did, to the bit where no view changes a matrix product."""

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad_and_value
from torch.fx.experimental.proxy_tensor import make_fx

from lrscope.training._graph import simplified


def targets(graph):
    return [node.target for node in graph.graph.nodes if node.op == "call_function"]


def check(function, *arguments):
    """Return the simplified graph, after it has given the same as the function, twice, and left its arguments alone."""
    before = [argument.clone() for argument in arguments]
    expected = function(*(argument.clone() for argument in arguments))
    graph = simplified(make_fx(function)(*(argument.clone() for argument in arguments)))
    for _ in range(2):
        found = graph(*arguments)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    assert all(torch.equal(argument, old) for argument, old in zip(arguments, before, strict=True))
    return graph


X = torch.linspace(-2, 2, 12).view(3, 4)
Y = torch.linspace(1, 3, 12).view(3, 4)
ATEN = torch.ops.aten


def test_idle_views_and_unread_values_go():
    graph = check(
        lambda x: [x.view(3, 4).expand(3, 4).transpose(0, 1).transpose(0, 1).exp(), (x * 2, x.sum())[0] * 1.5], X
    )
    assert ATEN.view.default not in targets(graph)
    assert ATEN.transpose.int not in targets(graph)
    assert ATEN.sum.default not in targets(graph)


def test_views_that_change_something_stay():
    graph = check(lambda x: [x.view(4, 3).sin(), x.transpose(0, 1).sin(), x[:, :1].expand(3, 4).sin()], X)
    assert {ATEN.view.default, ATEN.transpose.int, ATEN.expand.default} <= set(targets(graph))


def test_pointwise_operations_write_over_what_nobody_reads_again():
    graph = check(lambda x, y: [((x + y) * x).relu().sqrt()], X, Y)
    assert targets(graph) == [
        ATEN.add.Tensor,
        ATEN.mul_.Tensor,
        ATEN.relu_.default,
        ATEN.sqrt_.default,
    ]


def test_either_argument_of_a_sum_may_take_the_result():
    assert ATEN.add_.Tensor in targets(check(lambda x, y: [x + y * 2], X, Y))
    assert ATEN.sub_.Tensor not in targets(check(lambda x, y: [x - y * 2], X, Y))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: [x.relu(), x],  # an argument
        lambda x, y: [(s := x + y).relu(), s.sin()],  # read again
        lambda x, y: [(s := x + y).relu(), s],  # put out
        lambda x, y: [(s := x + y).view(4, 3), s.relu()],  # seen through a view
        lambda x, y: [(v := (s := x + y).view(4, 3)).relu(), s.sin(), v],
        lambda x, y: [(s := x + y) * s.transpose(0, 1).reshape(3, 4)],  # both arguments share memory
        lambda x, y: [(x[:1] + y[:1]).expand(3, 4).relu()],  # written once, read often
        lambda x, y: [(x + y).sum(0) * y],  # of another shape
        lambda x, y: [(x + y).split(2, 1)[0].relu(), (x * y).split(2, 1)[1].sin()],
        lambda x, y: [torch.add(x * y, x, alpha=2).relu()],
        lambda x, y: [(x > 0) * y, (x * 0).to(torch.int64) + 1],
        lambda x, y: [y.clone().relu_() + x, (x * y).add_(1)],  # a user's own in-place operation
        lambda x, y: [(s := x * y).add_(1), s.relu()],
    ],
)
def test_memory_that_is_read_again_is_left_alone(function):
    check(function, X, Y)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.GELU(), nn.Softplus(), nn.LeakyReLU()])
def test_gradients_of_networks_are_the_same(activation):
    module = nn.Sequential(nn.Linear(4, 5), activation, nn.Linear(5, 5), activation, nn.Linear(5, 1))
    names = [name for name, _ in module.named_parameters()]

    def step(*parameters):
        gradients, loss = grad_and_value(
            lambda tree: functional_call(module, dict(zip(names, tree, strict=True)), (X,)).square().mean()
        )(parameters)
        return [*gradients, loss]

    check(step, *(parameter.detach() for parameter in module.parameters()))


def test_derivatives_write_over_the_gradient_that_comes_in():
    def step(weights):
        return [grad_and_value(lambda w: (torch.relu(X @ w) @ torch.ones(5, 2)).square().sum())(weights)[0]]

    assert ATEN.threshold_backward.grad_input in targets(check(step, torch.ones(4, 5)))
