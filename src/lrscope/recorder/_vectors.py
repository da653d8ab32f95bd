"""Parameters and gradients of a model, each as one vector: they lie here and there, and are wanted at every step."""

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch._utils import _flatten_dense_tensors

from lrscope.recorder._kernel import Parts, kernel_for

_FEW = 2**16
"""Up to so many elements it is faster to let PyTorch flatten them, and to copy once more."""


class Vectors:
    """Writes parameters, or their gradients, one behind the other: in a compiled loop, or by PyTorch.

    Parameters
    ----------
    parameters : in the order of the vectors
    dtype : of the vectors

    Attributes
    ----------
    places : addresses of the parameters and then of the gradients, when they were looked at; 0 for those whose numbers
        are not of the type, or not side by side, or to be divided
    """

    def __init__(self, parameters: Sequence[nn.Parameter], dtype: torch.dtype) -> None:
        self._parameters, self._dtype = list(parameters), dtype
        self._kernel = kernel_for(dtype) if all(one.is_cpu for one in parameters) else None
        self._parts = Parts([one.numel() for one in parameters])
        self._views: list[Tensor] = []
        self._seen: list[int] = []
        self._simple = False
        self._gradients: list[Tensor | None] = []
        self._scale: Tensor | None = None
        self.places: list[int] = []

    def look(self, scale: Tensor | None) -> None:
        """Look at the gradients, which are to be divided by a scale, and where everything is."""
        self._gradients, self._scale = [one.grad for one in self._parameters], scale
        self.places = self._of_parameters()
        if scale is None:
            self.places += self._of_gradients()
        else:
            self.places += [0] * len(self._gradients)

    def forget(self) -> None:
        """Let go of the gradients; where they were is still known."""
        self._gradients = []

    def parameters(self, out: Tensor) -> None:
        """Write the parameters as they are now to a vector."""
        places = self._of_parameters()
        if self._kernel is not None and all(places):
            self._parts.lie_at(places)
            self._kernel.gather(self._parts, out.data_ptr())
        else:
            torch.cat(self._views, out=out)

    def gradient(self, out: Tensor) -> float:
        """Write the gradients to a vector and return its length.

        Zero stands where there is none, as for a layer that was not used.
        """
        if self._kernel is not None and self._lie_at_gradients():
            squares = self._kernel.gather(self._parts, out.data_ptr())
            return math.sqrt(squares) if squares < math.inf else length_of(out)
        self._join(out)
        return length_of(out if self._scale is None else out.div_(self._scale))

    def length(self) -> float:
        """Return the length of the gradient."""
        if self._kernel is not None and self._lie_at_gradients():
            squares = self._kernel.squares(self._parts)
            if squares < math.inf:
                return math.sqrt(squares)
        return self.gradient(self._room)

    def moved(self, before: Tensor) -> float:
        """Return how far the parameters are now from what they were."""
        places = self._of_parameters()
        if self._kernel is not None and all(places):
            self._parts.lie_at(places)
            squares = self._kernel.moved(self._parts, before)
            if squares < math.inf:
                return math.sqrt(squares)
        self.parameters(self._room)
        return length_of(self._room.sub_(before))

    def product(self, one: Tensor, other: Tensor) -> float:
        """Return the inner product of two vectors."""
        return float(torch.dot(one, other)) if self._kernel is None else self._kernel.product(one, other)

    def combined(self, one: Tensor, other: Tensor, factor: float) -> float:
        """Return the length of one + factor · other."""
        squares = math.inf if self._kernel is None else self._kernel.combined(one, other, factor)
        if squares < math.inf:
            return math.sqrt(squares)
        return length_of(torch.add(one, other, alpha=factor, out=self._room))

    def _lie_at_gradients(self) -> bool:
        places = self.places[len(self._parameters) :]
        self._parts.lie_at(places)
        return all(places)

    def _of_parameters(self) -> list[int]:
        """Return where the parameters are, and make views of those that have got other memory."""
        places = [one.data_ptr() for one in self._parameters]
        if places != self._seen:
            self._views = [one.detach().reshape(-1) for one in self._parameters]
            shared = all(view.data_ptr() == place for view, place in zip(self._views, places, strict=True))
            self._seen = places if shared else []  # what is copied for it is looked at again each time
            self._simple = shared and not any(self._is_other(view) for view in self._views)
        return [*places] if self._simple else [0] * len(places)

    def _of_gradients(self) -> list[int]:
        return [0 if one is None or self._is_other(one) else one.data_ptr() for one in self._gradients]

    def _is_other(self, one: Tensor) -> bool:
        """Tell whether a tensor is anything but numbers of the type, side by side, where the vectors are."""
        if one.is_sparse or one.dtype != self._dtype or not one.is_contiguous():
            return True
        return one.is_neg() or not (one.is_cpu or self._kernel is None)

    @torch.no_grad()  # a gradient may have one itself
    def _join(self, out: Tensor) -> None:
        pairs = zip(self._gradients, self._parameters, strict=True)
        dense = [torch.zeros_like(one) if gradient is None else gradient.to_dense() for gradient, one in pairs]
        if len(out) <= _FEW:
            out.copy_(_flatten_dense_tensors(dense))
        else:
            torch.cat([one.reshape(-1) for one in dense], out=out)

    @cached_property
    def _room(self) -> Tensor:
        """Memory for a vector of which only the length is wanted."""
        size = sum(one.numel() for one in self._parameters)
        return torch.empty(size, dtype=self._dtype, device=self._parameters[0].device)


def length_of(vector: Tensor) -> float:
    """Return the Euclidean norm of a vector; the squares of large numbers may overflow before they do."""
    squares = float(torch.dot(vector, vector))
    if squares != math.inf:
        return math.sqrt(squares)
    largest = float(vector.abs().max())
    return largest * length_of(vector / largest) if largest < math.inf else math.inf
