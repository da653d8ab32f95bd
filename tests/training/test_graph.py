"""A traced function computes what the function does, without operations that change nothing."""

import pytest
import torch
from torch.fx.passes.shape_prop import ShapeProp

from lrscope.training._graph import Traced, simplified, transposed_where_narrow

X = torch.linspace(-2, 2, 12).view(3, 4)
ATEN = torch.ops.aten


def check(function):
    """Return the operations of the graph, after it has given the same as the function."""
    traced = Traced(function, (X.clone(),))
    assert all(torch.equal(one, other) for one, other in zip(traced(X), function(X), strict=True))
    return [node.target for node in traced.graph.graph.nodes if node.op == "call_function"]


def test_idle_views_and_unread_values_are_removed():
    targets = check(lambda x: (x.view(3, 4).expand(3, 4).transpose(0, 1).transpose(0, 1).exp(), (x * 2, x.sum())[0]))
    assert targets == [ATEN.exp.default, ATEN.mul.Tensor]


@pytest.mark.parametrize(
    ("function", "stays"),
    [
        (lambda x: (x.view(4, 3).sin(),), ATEN.view.default),
        (lambda x: (x.transpose(0, 1).sin(),), ATEN.transpose.int),
        (lambda x: (x[:, :1].expand(3, 4).sin(),), ATEN.expand.default),
        (lambda x: (x.clone().add_(1),), ATEN.clone.default),
    ],
)
def test_what_changes_something_stays(function, stays):
    assert stays in check(function)


@pytest.mark.parametrize(
    ("rows", "columns", "product"),
    [(20, 2, (5, 2, 20)), (20, 15, (5, 15, 20)), (3, 2, (5, 2, 3)), (20, 16, (5, 20, 16)), (2, 20, (5, 2, 20))],
)
def test_products_with_few_columns_are_computed_transposed(rows, columns, product):
    torch.manual_seed(0)
    matrices = torch.randn(5, rows, 7), torch.randn(5, 7, columns)
    traced = Traced(lambda one, other: (torch.bmm(one, other).view(5, -1),), matrices)
    graph = simplified(transposed_where_narrow(traced.graph))
    (result,) = ShapeProp(graph).propagate(*matrices)
    torch.testing.assert_close(result, torch.bmm(*matrices).view(5, -1))
    (node,) = graph.graph.find_nodes(op="call_function", target=ATEN.bmm.default)
    assert node.meta["tensor_meta"].shape == product
