"""A compiled program run again and again on memory of its own.

What PyTorch's compiler writes in Python around its kernels, checks and allocations, takes longer than the kernels of a
small network, and holds Python's lock, so that threads wait for each other. Here it runs once, while the calls of the
kernels are written down; from then on the kernels alone are called, on the same memory, outside of Python's lock.
"""

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lrscope.training._compiled import Program
from lrscope.training._graph import filled, leaves

_KERNEL = "cpp_fused"
"""What the names of the kernels of a compiled program begin with."""
_HARMLESS = {"clear", "assert_size_stride", "empty_strided_cpu", "reinterpret_tensor", "torch"}
_HARMLESS |= {"float64", "float32", "int64", "bool"}
"""What a compiled program may use besides its kernels: nothing of it computes."""
Call = tuple[Callable[..., Any], tuple[Any, ...]]


class Replay:
    """A program bound to its constants: data, learning rates, seeds.

    Parameters
    ----------
    program : compiled
    arguments : trees of tensors as the program takes them; the first is the state. What is not state, step or factor
        is read where it lies, and must stay there
    """

    def __init__(self, program: Program, arguments: tuple[Any, ...]) -> None:
        repetition, self._form = program.repetition, program.form
        self._program, self._count = program.run, repetition.count
        self._of_state = len(leaves(arguments[0]))
        own = {*range(self._of_state), repetition.step, repetition.scale}
        flat = leaves(arguments)
        self._inputs = [leaf.clone() if place in own else leaf for place, leaf in enumerate(flat)]
        self._step, self._scale = self._inputs[repetition.step], self._inputs[repetition.scale]
        with _written_down(self._program) as calls:
            self._outputs = list(self._program(list(self._inputs)))
        self._memory = calls  # keeps what the pointers point to
        self._kernels = _kernels(calls)
        self._crossing = _crossing(self._inputs[: self._of_state], self._outputs[: self._of_state])

    def run(self, state: Any, first: int, factors: Sequence[float]) -> tuple[Any, Any]:
        """Return the state after some steps, a multiple of the program's, and values (step, member, ...).

        Parameters
        ----------
        first : number of the first step
        factors : of each member's learning rate at each step
        """
        rounds = len(factors) // self._count
        states, values = self._inputs[: self._of_state], self._outputs[self._of_state :]
        kept = [value.new_empty((len(factors), *value.shape[1:])) for value in values]
        rows = list(zip(*(whole.split(self._count) for whole in kept), strict=True))
        by_round = torch.tensor(factors, dtype=torch.float64).split(self._count)
        torch._foreach_copy_(states, leaves(state))
        self._step.fill_(first)
        for number in range(rounds):
            self._scale.copy_(by_round[number])
            self._once()
            torch._foreach_copy_(rows[number], self._outputs[self._of_state :])
            after = self._outputs[: self._of_state]
            for place in self._crossing:
                after[place] = after[place].clone()
            torch._foreach_copy_(states, after)
            self._step.add_(self._count)
        results = filled(self._form, iter([*(tensor.clone() for tensor in states), *kept]))
        return results[0], results[1]

    def _once(self) -> None:
        if self._kernels is None:
            self._outputs = list(self._program(list(self._inputs)))
            return
        for kernel, pointers in self._kernels:
            kernel(*pointers)


def _crossing(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[int]:
    """Return the places of results that are the memory of some input: copying the others would overwrite them."""
    given = {tensor.untyped_storage().data_ptr() for tensor in inputs}
    return [place for place, tensor in enumerate(outputs) if tensor.untyped_storage().data_ptr() in given]


@contextmanager
def _written_down(program: Any) -> Iterator[list[Call] | None]:
    """Write down the calls of a program's kernels while it runs; None if it does more than call them."""
    run = getattr(program, "current_callable", None)
    code = getattr(getattr(run, "__func__", run), "__code__", None)
    used = set(code.co_names) if code else {""}
    kernels = {name for name in used if name.startswith(_KERNEL)}
    if not kernels or used - kernels - _HARMLESS:
        yield None
        return
    names = getattr(run, "__func__", run).__globals__  # type: ignore[union-attr]
    originals, calls = {name: names[name] for name in kernels}, list[Call]()
    names.update({name: _noting(original, calls) for name, original in originals.items()})
    try:
        yield calls
    finally:
        names.update(originals)


def _noting(kernel: Callable[..., Any], calls: list[Call]) -> Callable[..., Any]:
    def noted(*arguments: Any) -> Any:
        calls.append((kernel, arguments))
        return kernel(*arguments)

    return noted


def _kernels(calls: list[Call] | None) -> "list[tuple[Any, list[ctypes.c_void_p]]] | None":
    """Return the calls as functions of the kernels' libraries, with pointers; None if one cannot be had like that."""
    if not calls or not all(isinstance(one, Tensor) for _, arguments in calls for one in arguments):
        return None
    try:
        functions = [_function(kernel.__self__.__file__) for kernel, _ in calls]  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    pointers = [[ctypes.c_void_p(one.data_ptr()) for one in arguments] for _, arguments in calls]
    return list(zip(functions, pointers, strict=True))


def _function(file: str) -> Any:
    function = ctypes.CDLL(file).kernel
    function.restype = None
    return function
