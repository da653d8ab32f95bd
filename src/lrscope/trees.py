"""A network's parameters as one vector, and as the dictionary of named tensors that are views of it.

Update rules, norms and angles act on the vector; modules and probes see the dictionary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """Where each named tensor lies in the vector.

    Attributes
    ----------
    shapes : name -> shape, in the order of the vector
    """

    shapes: Mapping[str, torch.Size]

    @classmethod
    def of(cls, tree: Mapping[str, Tensor]) -> "Layout":
        """Return the layout of a dictionary of tensors."""
        return cls({name: tensor.shape for name, tensor in tree.items()})

    @property
    def sizes(self) -> list[int]:
        """Elements of each tensor."""
        return [shape.numel() for shape in self.shapes.values()]

    def tree(self, vector: Tensor) -> dict[str, Tensor]:
        """Return the named views of a vector (parameter)."""
        pieces = vector.split(self.sizes)
        return {name: piece.view(shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)}


def flatten(tree: Mapping[str, Tensor]) -> Tensor:
    """Return the tensors of a dictionary as one vector (parameter)."""
    return torch.cat([tensor.reshape(-1) for tensor in tree.values()])


def norm(vector: Tensor) -> Tensor:
    """Return the Euclidean norm of a vector (parameter)."""
    return vector.square().sum().sqrt()


def angle(one: Tensor, other: Tensor) -> Tensor:
    """Return the angle between two vectors (parameter) in degrees, 0 to 180; NaN where one of them is zero.

    By half angles: the arc cosine of the scalar product, which cannot tell angles below 1e-6 degrees (0.03 in
    float32) from zero, loses the small ones.

    References
    ----------
    Kahan: How Futile are Mindless Assessments of Roundoff in Floating-Point Computation? (2006), section 12.
    """
    one, other = one / norm(one), other / norm(other)
    return torch.rad2deg(2 * torch.atan2(norm(one - other), norm(one + other)))
