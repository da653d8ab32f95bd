"""A simplified graph computes what the traced one did, to the bit where no view changes a matrix product."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, grad_and_value
from torch.fx.experimental.proxy_tensor import make_fx

from lrscope.training._graph import filled, leaves, simplified, without_python


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


trees = st.recursive(
    st.builds(torch.zeros, st.integers(0, 3)),
    lambda children: (
        st.lists(children, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=2), children, max_size=3)
    ),
    max_leaves=8,
)


def form_of(tree):
    """Return the tree with a mark in the place of each tensor."""
    if isinstance(tree, torch.Tensor):
        return "tensor"
    if isinstance(tree, dict):
        return [(name, form_of(child)) for name, child in tree.items()]
    return tuple(form_of(child) for child in tree)


@given(trees)
def test_leaves_put_back_give_the_same_tree(tree):
    """Names in the order in which they were set, as PyTorch's tracer has them."""
    flat = leaves(tree)
    numbered = [torch.full((), float(number)) for number in range(len(flat))]
    back = filled(tree, iter(numbered))
    assert form_of(back) == form_of(tree)
    assert all(one is other for one, other in zip(leaves(back), numbered, strict=True))
    assert all(one is other for one, other in zip(flat, torch.utils._pytree.tree_leaves(tree), strict=True))


def test_outside_of_python_the_same_is_computed():
    def step(state, batch):
        return {"sum": state["sum"] + batch, "last": {"batch": batch}}, (state["sum"].sin(),)

    arguments = {"sum": X, "last": {"batch": Y}}, Y
    graph = make_fx(step)(*arguments)
    program = without_python(graph, arguments)
    assert program is not graph
    for state in (arguments[0], {"sum": Y, "last": {"batch": X}}):
        (after, values), (expected, wanted) = program(state, X), step(state, X)
        assert list(after) == ["sum", "last"]
        assert torch.equal(after["sum"], expected["sum"])
        assert torch.equal(after["last"]["batch"], X)
        assert torch.equal(values[0], wanted[0])


def _losses(outputs, rows):
    """Derivatives of cross entropies; `rows` is another dimension that the probabilities do not go along."""
    along = torch.log_softmax(outputs, -1)
    return along, (along * rows).sum((1, 2)), torch.autograd.grad(along.square().sum(), outputs)[0]


@pytest.mark.parametrize(("classes", "turned"), [(2, True), (10, True), (15, True), (16, False), (100, False)])
def test_log_probabilities_of_few_classes_are_computed_along_another_dimension_and_the_same(classes, turned):
    outputs = (3 * torch.randn(4, 6, classes, generator=torch.Generator().manual_seed(0))).requires_grad_()
    rows = torch.linspace(0, 1, 6)[:, None]
    graph = make_fx(_losses)(outputs, rows)
    program = without_python(graph, (outputs, rows))
    assert (ATEN._log_softmax.default not in targets(graph)) == turned
    assert (ATEN._log_softmax_backward_data.default not in targets(graph)) == turned
    for inputs in (outputs, (outputs * 40).detach().requires_grad_()):
        found, expected = program(inputs, rows), _losses(inputs, rows)
        assert all(found[number].is_contiguous() for number in (0, 2))
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=2e-6, atol=2e-6)


def test_log_probabilities_along_another_dimension_than_the_last_stay():
    graph = make_fx(lambda x: (torch.log_softmax(x, 0),))(X)
    program = without_python(graph, (X,))
    assert ATEN._log_softmax.default in targets(graph)
    assert torch.equal(program(Y)[0], torch.log_softmax(Y, 0))


def test_a_graph_that_is_refused_outside_of_python_runs_inside(monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("unsupported")

    monkeypatch.setattr(torch.jit, "trace", refuse)
    graph = make_fx(lambda x: (x + 1,))(X)
    assert without_python(graph, (X,)) is graph
