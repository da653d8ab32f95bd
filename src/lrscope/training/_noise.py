"""Dropout and `member_rand`: noise that is a function of the member's noise seed, the step and the element.

PyTorch's generator would hand out numbers in the order of the members, so that a member's result would depend on who
is trained beside it. Here the number of an element is a hash of a counter (Salmon et al., SC'11), as in JAX.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lrscope.models import member_rand

_GOLDEN = -7046029254386353131  # 2**64 divided by the golden ratio, as a signed number
_FIRST, _SECOND = -4658895280553007687, -7723592293110705685  # the multipliers of splitmix64


def uniform(key: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Return numbers in [0, 1) of a shape that depend on nothing but the key (scalar, int64)."""
    counter = torch.arange(shape.numel(), dtype=torch.int64, device=key.device).view(shape)
    bits = mix(mix(key) + counter)
    return ((bits >> 40) & (2**24 - 1)).to(dtype) / 2**24


def mix(number: Tensor) -> Tensor:
    """Return splitmix64 of each int64: neighbouring counters give unrelated bits (Steele et al., OOPSLA 2014)."""
    number = number * _GOLDEN
    number = (number ^ ((number >> 30) & (2**34 - 1))) * _FIRST
    number = (number ^ ((number >> 27) & (2**37 - 1))) * _SECOND
    return number ^ ((number >> 31) & (2**33 - 1))


class MemberNoise(TorchFunctionMode):
    """While active, dropout and `member_rand` take numbers of the member's key instead of PyTorch's generator's."""

    def __init__(self, key: Tensor) -> None:
        super().__init__()
        self._key = key
        self._calls = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Replace dropout and `member_rand`, pass everything else on."""
        if func is member_rand:
            return self._member_rand(*args, **(kwargs or {}))
        if func not in _MASKED_DIMS:
            return func(*args, **(kwargs or {}))
        return self._dropout(_MASKED_DIMS[func], *args, **(kwargs or {}))

    def _member_rand(self, inputs: Tensor, count: int) -> Tensor:
        return self._numbers(torch.Size((len(inputs), count)), torch.float64)

    def _numbers(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """Return numbers in [0, 1) that no other call in this pass gets."""
        self._calls += 1
        return uniform(self._key + self._calls * 2**32, shape, dtype)

    def _dropout(
        self, masked_dims: int | None, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
    ) -> Tensor:
        if not training or p == 0:
            return input
        kept_shape = input.shape if masked_dims is None else input.shape[:masked_dims]
        draw = self._numbers(kept_shape, input.dtype)
        mask = (draw >= p).to(input.dtype).view(kept_shape + (1,) * (input.ndim - len(kept_shape)))
        dropped = input * mask / max(1 - p, torch.finfo(input.dtype).tiny)
        return input.copy_(dropped) if inplace else dropped


_MASKED_DIMS: dict[Callable[..., Any], int | None] = {
    functional.dropout: None,
    functional.dropout1d: 2,
    functional.dropout2d: 2,
    functional.dropout3d: 2,
}
"""Function -> leading dimensions (sample, channel) that get a number each; None: every element."""
