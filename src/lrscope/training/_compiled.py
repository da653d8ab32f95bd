"""Several steps as one compiled program: what small networks that train for very long need.

For a network of a few neurons each operation of a step costs more to call than to compute, and a step has a hundred
operations. PyTorch's compiler makes one loop nest of them, and several steps in a row make the call itself cheap: for
the perceptron of experiment 1 a step takes a twentieth of the time of the traced graph or less. Compiling takes some
seconds and a C++ compiler.
"""

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch._functorch.compile_utils import fx_graph_cse
from torch.func import functionalize
from torch.fx import Graph, GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from lrscope.training._graph import leaves

_ATEN = torch.ops.aten
_COSTLY = (_ATEN.sigmoid.default, _ATEN.tanh.default, _ATEN.exp.default, _ATEN.erf.default)
"""Operations that pay to be computed many at a time."""
_NARROW = 16
"""Layers with fewer neurons are computed with the samples innermost, so that the processor's vectors are full."""
_OPTIONS = {"cpp.threads": 1, "compile_threads": 1}
"""Chunks are trained side by side, a thread each: a program uses its own thread only."""


def decompositions() -> Mapping[Any, Any]:
    """Return how the compiler wants operations to be taken apart while they are traced."""
    _compiler("lowering")  # without it some decompositions (of pooling) do not find it
    table: Mapping[Any, Any] = _compiler("decomposition").select_decomp_table()
    return table


def _compiler(part: str) -> Any:
    """Return a module of PyTorch's compiler; it takes a second to import, and warns of its own past."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"torch._inductor.{part}")


@dataclass(frozen=True)
class Repetition:
    """How a step is repeated: how often; which of its flat arguments are the step's number and the rate's factor."""

    count: int
    step: int
    scale: int


@dataclass(frozen=True)
class Program:
    """Several steps, compiled.

    Attributes
    ----------
    run : from flat arguments to flat results, the state first
    form : (state, values), a tree like the results of one step
    repetition : of the step
    """

    run: Any
    form: Any
    repetition: Repetition


def compiled(
    module: GraphModule, single: tuple[Any, ...], arguments: tuple[Any, ...], repetition: Repetition
) -> Program | None:
    """Return several steps as one compiled program, made of the graph of one; None where there is no C++ compiler.

    Parameters
    ----------
    module : traced: from the arguments (state, ...) to (state, values), all trees of tensors
    single : arguments as it was traced with
    arguments : as the program will be given: the same, with one factor of the rate for each step

    Warns
    -----
    RuntimeWarning : the compiler refuses the graph; the reason is named, and None returned.
    """
    form, errors = module(*single), _compiler("exc")
    module = _pure(module, single)
    if any(_writes(node) for node in module.graph.nodes):
        _say_refused("an operation writes over its arguments")
        return None
    try:
        _compiler("cpp_builder").get_cpp_compiler()
        with _compiler("config").patch(_OPTIONS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = _compiler("compile_fx").compile_fx_inner(_unrolled(module, single, repetition), leaves(arguments))
    except errors.InvalidCxxCompiler:
        return None
    except (errors.InductorError, OSError) as error:
        _say_refused(str(error).strip().partition("\n")[0])
        return None
    return Program(run, form, repetition)


def _say_refused(reason: str) -> None:
    warnings.warn(f"the steps could not be compiled and run one by one: {reason}", RuntimeWarning, stacklevel=3)


def _pure(module: GraphModule, arguments: tuple[Any, ...]) -> GraphModule:
    """Return the graph without operations that write over their arguments: the compiler takes them for pure."""
    if not any(_writes(node) for node in module.graph.nodes):
        return module
    return make_fx(functionalize(module, remove="mutations"), decomposition_table=dict(decompositions()))(*arguments)


def _writes(node: Node) -> bool:
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable


def _unrolled(module: GraphModule, single: tuple[Any, ...], repetition: Repetition) -> GraphModule:
    """Return the graph of several steps, from flat arguments to flat results."""
    of_state, step, scale = len(leaves(single[0])), repetition.step, repetition.scale
    once = fx_graph_cse(module.graph)
    graph = Graph()
    given = [graph.placeholder(node.name) for node in module.graph.find_nodes(op="placeholder")]
    state, measured = given[:of_state], []
    for number in range(repetition.count):
        now = graph.call_function(_ATEN.add.Tensor, (given[step], number))
        factor = graph.call_function(_ATEN.select.int, (given[scale], 0, number))
        inputs = [*state, *given[of_state:step], now, factor, *given[scale + 1 :]]
        results = _copied(once, graph, inputs)
        state, values = results[:of_state], results[of_state:]
        measured.append(values)
    graph.output((*state, *(_stacked(graph, of_one) for of_one in zip(*measured, strict=True))))
    _samples_innermost(graph)
    return GraphModule(module, graph)


def _stacked(graph: Graph, values: tuple[Node, ...]) -> Node:
    rows = [graph.call_function(_ATEN.unsqueeze.default, (value, 0)) for value in values]
    return graph.call_function(_ATEN.cat.default, (rows, 0))


def _copied(source: Graph, graph: Graph, inputs: list[Node]) -> list[Node]:
    """Append a copy of a graph with the given inputs; return its results."""
    values = dict(zip(source.find_nodes(op="placeholder"), inputs, strict=True))
    results = graph.graph_copy(source, values)
    return list(results)  # type: ignore[arg-type]


def _samples_innermost(graph: Graph) -> None:
    """Keep what narrow layers put out with the samples innermost: otherwise two neurons fill a vector of eight."""
    for target in _COSTLY:
        for node in graph.find_nodes(op="call_function", target=target):
            shape = node.meta["val"].shape if "val" in node.meta else node.meta["tensor_meta"].shape
            if len(shape) > 2 and shape[-1] < _NARROW < shape[-2]:
                _swap_innermost(graph, node, len(shape))


def _swap_innermost(graph: Graph, node: Node, dims: int) -> None:
    swapped = [*range(dims - 2), dims - 1, dims - 2]
    with graph.inserting_after(node):
        turned = graph.call_function(_ATEN.permute.default, (node, swapped))
    with graph.inserting_after(turned):
        contiguous: dict[str, Any] = {"memory_format": torch.contiguous_format}
        kept = graph.call_function(_ATEN.clone.default, (turned,), contiguous)
    with graph.inserting_after(kept):
        back = graph.call_function(_ATEN.permute.default, (kept, swapped))
    node.replace_all_uses_with(back, delete_user_cb=lambda user: user is not turned)
