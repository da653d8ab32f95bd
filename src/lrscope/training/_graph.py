"""A function of trees of tensors, traced into one graph of tensor operations.

Running the graph instead of the transforms of `torch.func` saves their overhead at every step. A trace contains
operations that change nothing and results that nothing reads; both are removed.
"""

import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

_ATEN = torch.ops.aten
_TRACING = threading.Lock()
"""PyTorch's tracer keeps what it does in module variables: one trace at a time in a process."""
_VIEWS = (_ATEN.view.default, _ATEN._unsafe_view.default)


class Traced:
    """A function as a graph, called like the function.

    Parameters
    ----------
    function : from trees (tuples and dictionaries) of tensors to such a tree
    arguments : of the shapes with which it will be called

    Attributes
    ----------
    graph : from flat arguments to flat results
    form : a tree like the results, of empty tensors
    run : what is called: the graph, or a faster function that computes the same
    """

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        results: list[Any] = []

        def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
            results.append(function(*filled(arguments, iter(tensors))))
            return tuple(leaves(results[-1]))

        self.graph = simplified(make_fx(flat)(*leaves(arguments)))
        self.form = filled(results[-1], repeat(torch.empty(0)))
        self.run: Callable[..., Any] = self.graph

    @property
    def compiled(self) -> bool:
        """Whether something else than the graph runs."""
        return self.run is not self.graph

    def __call__(self, *trees: Any) -> Any:
        """Return the function's result."""
        return filled(self.form, iter(self.run(*leaves(trees))))


class Graphs:
    """Traced steps, by what they depend on. Ensembles of the same network, rule and probes share them."""

    def __init__(self) -> None:
        self._traced: dict[object, Traced] = {}
        self.compile = True
        """Whether to try `torch.compile`; false after the first refusal, so that there is one warning."""

    def get(self, key: object, trace: Callable[[], Traced]) -> Traced:
        """Return the step of a key; it is traced unless it is there."""
        if key not in self._traced:
            with _TRACING:
                if key not in self._traced:
                    self._traced[key] = trace()
        return self._traced[key]

    def __iter__(self) -> Iterator[Traced]:
        return iter(self._traced.values())


def leaves(tree: Any) -> list[Tensor]:
    """Return the tensors of a tree of tuples and dictionaries, in order.

    `torch.utils._pytree` does the same, but is private, and would take a fifth of the time of a small network's step.
    """
    if isinstance(tree, Tensor):
        return [tree]
    children = tree.values() if isinstance(tree, dict) else tree
    return [leaf for child in children for leaf in leaves(child)]


def filled(form: Any, tensors: Iterator[Tensor]) -> Any:
    """Return a tree of the form of another, with the given tensors in order."""
    if isinstance(form, Tensor):
        return next(tensors)
    if isinstance(form, dict):
        return {name: filled(child, tensors) for name, child in form.items()}
    return tuple(filled(child, tensors) for child in form)


def simplified(module: GraphModule) -> GraphModule:
    """Return a graph without operations that change nothing, and without those whose results nothing reads."""
    graph = Graph()  # not a copy of the graph, which would have the tracer of `make_fx`, and so could not be unpickled
    graph.output(graph.graph_copy(module.graph, {}))
    for node in graph.nodes:
        same = _unchanged(node)
        if same is not None:
            node.replace_all_uses_with(same)
    graph.eliminate_dead_code()
    return GraphModule(module, graph)


def _unchanged(node: Node) -> Node | None:
    """Return the node that has the same elements in the same order as this one, if there is one."""
    source = node.args[0] if node.args else None
    if not isinstance(source, Node):
        return None
    if node.target in (*_VIEWS, _ATEN.expand.default) and _layout(node) == _layout(source) is not None:
        return source
    if node.target is _ATEN.mul.Scalar and node.args[1] == 1 and isinstance(node.args[1], int):
        return source
    turned_back = node.target is _ATEN.transpose.int and source.target is node.target
    if turned_back and set(source.args[1:]) == set(node.args[1:]) and isinstance(source.args[0], Node):
        return source.args[0]
    return None


def _layout(node: Node) -> tuple[Any, ...] | None:
    """Return shape and strides of a node's tensor as traced; None if it is not one tensor."""
    value = node.meta.get("val")
    return (value.shape, value.stride()) if isinstance(value, Tensor) else None
