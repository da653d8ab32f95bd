"""Parameters and gradients of a model, each as one vector: they lie here and there, and are wanted at every step."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch._utils import _flatten_dense_tensors

from lrscope.integrations._kernel import Parts, kernel_for

_FEW = 2**16
"""Up to so many elements it is faster to let PyTorch flatten them, and to copy once more."""


class Vectors:
    """Writes parameters, or their gradients, one behind the other: in a compiled loop, or by PyTorch.

    Parameters
    ----------
    parameters : in the order of the vectors
    dtype : of the vectors
    """

    def __init__(self, parameters: Sequence[nn.Parameter], dtype: torch.dtype) -> None:
        self._parameters, self._dtype = list(parameters), dtype
        self._kernel = kernel_for(dtype) if all(one.is_cpu for one in parameters) else None
        sizes = [one.numel() for one in parameters]
        self._places, self._moved = Parts(sizes), Parts(sizes)
        self._views: list[Tensor] = []
        self._seen: list[int] = []
        self._simple = False

    def parameters(self, out: Tensor) -> None:
        """Write the parameters to a vector."""
        places = [one.data_ptr() for one in self._parameters]
        if places != self._seen:
            self._look(places)
        if self._simple and self._kernel is not None:
            self._kernel.gather(self._places, out.data_ptr())
        else:
            torch.cat(self._views, out=out)

    def _look(self, places: list[int]) -> None:
        """Make views of parameters that have got other memory; what is copied for it is looked at again each time."""
        self._views = [one.detach().reshape(-1) for one in self._parameters]
        shared = all(view.data_ptr() == place for view, place in zip(self._views, places, strict=True))
        self._seen = places if shared else []
        self._simple = shared and all(one.dtype == self._dtype for one in self._parameters)
        if self._simple:
            self._places.lie_at(places)

    def gradient(self, out: Tensor, scale: Tensor | None) -> float:
        """Write the gradients to a vector, divided by a scale, and return its length.

        Zero stands where there is none, as for a layer that was not used.
        """
        gradients = [one.grad for one in self._parameters]
        places = self._of_plain(gradients)
        if places and scale is None and self._kernel is not None:
            self._moved.lie_at(places)
            return math.sqrt(self._kernel.gather(self._moved, out.data_ptr()))
        self._join(gradients, out)
        return length_of(out if scale is None else out.div_(scale))

    def _of_plain(self, gradients: Sequence[Tensor | None]) -> list[int]:
        """Return where gradients are; none if one of them is anything but numbers of the type, side by side."""
        places = []
        for one in gradients:
            if one is None or one.dtype != self._dtype or one.is_sparse or not one.is_contiguous():
                return []
            places.append(one.data_ptr())
        return places

    def _join(self, gradients: Sequence[Tensor | None], out: Tensor) -> None:
        if any(gradient is None or gradient.is_sparse for gradient in gradients):
            pairs = zip(gradients, self._parameters, strict=True)
            gradients = [torch.zeros_like(one) if gradient is None else gradient.to_dense() for gradient, one in pairs]
        if len(out) <= _FEW:
            out.copy_(_flatten_dense_tensors(gradients))
        else:
            torch.cat([gradient.reshape(-1) for gradient in gradients if gradient is not None], out=out)


def length_of(vector: Tensor) -> float:
    """Return the Euclidean norm of a vector."""
    return math.sqrt(float(torch.dot(vector, vector)))
