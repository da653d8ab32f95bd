"""A traced function computes what the function does, without operations that change nothing."""

import pytest
import torch

from lrscope.training._graph import Traced

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
