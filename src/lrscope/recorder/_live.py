"""The trained parameters of a model and their gradients, as they are now.

Nothing of a whole model is copied unless a probe asks for it: each tensor is made when it is read, and what follows
from all of them, such as a norm, is put together from one at a time. What is handed out is whole (tensors that are
sharded over processes are gathered), dense, and of one type.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from lrscope.probes import Structure

OfPlace = Callable[[int], Tensor]
_TOGETHER = 2**16
"""Elements of neighbours that are small, and are put together: of small tensors calls cost more than arithmetic."""


class Named(Mapping[str, Tensor]):
    """Tensors by name, each made when it is asked for, and not kept."""

    def __init__(self, places: Mapping[str, int], tensor: OfPlace) -> None:
        self._places, self._tensor = places, tensor

    def __getitem__(self, name: str) -> Tensor:
        return self._tensor(self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class LiveParameters:
    """The parameters of a structure, by their places in it.

    Attributes
    ----------
    dtype : of what is handed out: float64 if a parameter has it, otherwise float32, which every program reads
    size : numbers in all parameters
    sharded : whether processes hold parts of parameters (DTensor), so that all of them must ask at the same steps
    """

    def __init__(self, structure: Structure, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors
        self.places = {one.name: place for place, one in enumerate(structure.parameters)}
        self.dtype = torch.float64 if any(one.dtype == torch.float64 for one in tensors) else torch.float32
        self.device = tensors[0].device
        self.size = sum(one.numel() for one in tensors)
        self.sharded = any(map(is_sharded, tensors))
        self._zero = torch.zeros((), dtype=self.dtype, device=self.device)
        self._together: list[list[int]] = []
        room = 0
        for place, one in enumerate(tensors):
            if self.sharded or not self._together or one.numel() > room:
                self._together.append([])
                room = _TOGETHER
            self._together[-1].append(place)
            room -= one.numel()

    def parameter(self, place: int) -> Tensor:
        return self.tensors[place]

    def gradient(self, place: int, scale: Tensor | None) -> Tensor:
        """Return the gradient of a parameter, divided by a scale; zero, without storage, where there is none."""
        parameter = self.tensors[place]
        gradient = parameter.grad
        if gradient is None:
            return self._zero.expand(parameter.shape)
        dense = gradient if gradient.layout is torch.strided else gradient.to_dense()
        return dense if scale is None else dense / scale

    def whole(self, tensor: Tensor) -> Tensor:
        """Return a tensor in one piece and of the type that is handed out."""
        sharded = self.sharded and is_sharded(tensor)
        gathered: Tensor = tensor.full_tensor() if sharded else tensor  # type: ignore[attr-defined]
        return gathered if gathered.dtype == self.dtype else gathered.to(self.dtype)

    def named(self, tensor: OfPlace) -> Named:
        return Named(self.places, lambda place: self.whole(tensor(place)))

    def pieces(self, tensor: OfPlace) -> Iterator[Tensor]:
        """Yield all tensors, of small ones copies side by side."""
        for places in self._together:
            one, *others = map(tensor, places)
            yield torch.cat([each.reshape(-1) for each in (one, *others)]) if others else one

    def by_place(self, pieces: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield views of such pieces, one for each place."""
        for places, piece in zip(self._together, pieces, strict=True):
            if len(places) == 1:
                yield piece
            else:
                own = [self.tensors[place] for place in places]
                parts = piece.split([one.numel() for one in own])
                yield from (part.view(one.shape) for one, part in zip(own, parts, strict=True))

    def vector(self, tensors: Iterable[Tensor]) -> Tensor:
        """Return a copy of all tensors as one vector."""
        return torch.cat([self.whole(one).reshape(-1) for one in tensors], out=self._zero.new_empty(0))

    def norm(self, tensors: Iterable[Tensor]) -> Tensor:
        """Return the Euclidean norm of all elements of tensors, which may be sharded."""
        norms = [self.whole(torch.linalg.vector_norm(one, dtype=self.dtype)) for one in tensors if one.numel()]
        return norms[0] if len(norms) == 1 else torch.linalg.vector_norm(torch.stack(norms)) if norms else self._zero

    def largest(self, tensors: Iterable[Tensor]) -> Tensor:
        """Return the largest element by size, which does not overflow, as a norm may; not finite if one is not."""
        local = (one.to_local() if is_sharded(one) else one for one in tensors)  # type: ignore[attr-defined]
        # a hundred times as fast as the norm of all elements
        extremes = [number for one in local if one.numel() for number in one.aminmax()]
        both = torch.stack(extremes) if extremes else self._zero
        largest: Tensor = torch.linalg.vector_norm(both, math.inf, dtype=self.dtype)
        if self.sharded:
            largest = largest.nan_to_num(math.inf, math.inf)  # a copy, of which the largest is written into
            torch.distributed.all_reduce(largest, torch.distributed.ReduceOp.MAX)
        return largest


def is_sharded(tensor: Tensor) -> bool:
    """Return whether it is a DTensor; asking for its method needs no import of `torch.distributed`."""
    return hasattr(tensor, "full_tensor")
