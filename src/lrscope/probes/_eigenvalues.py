"""The largest eigenvalue of a symmetric matrix, given as a matrix or as its product with a vector.

Everything is made of tensor operations without branches, so that it can be lifted over members and traced.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from lrscope import trees

Product = Callable[[Tensor], Tensor]
FRESH = 0.1
"""How much of a new direction each start gets beside the last eigenvector, so that no direction is out of reach."""


def some_direction(like: Tensor) -> Tensor:
    """Return a unit vector that looks random and is always the same, of the size and type of `like`."""
    number = torch.arange(1, len(like) + 1, dtype=torch.float64, device=like.device)
    scattered = torch.remainder(torch.sin(number * 12.9898) * 43758.5453, 1) - 0.5
    direction = scattered.to(like.dtype)
    return direction / trees.norm(direction)


def largest_of_matrix(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalue and its unit eigenvector of a symmetric matrix; NaN where it is not finite.

    LAPACK gives up on some matrices whose elements differ by many powers of ten, in float32 even on Hessians of
    ordinary networks, and PyTorch raises an error for it. So the work is done in float64, on elements of at most 1,
    without those that are lost in the rounding of the largest.
    """
    wide = matrix.to(torch.float64)
    finite = torch.isfinite(wide).all()
    symmetric = torch.where(finite, wide / 2 + wide.mT / 2, torch.zeros_like(wide))
    largest = symmetric.abs().max()
    scaled = symmetric / torch.where(largest > 0, largest, torch.ones_like(largest))
    kept = torch.where(scaled.abs() > torch.finfo(torch.float64).eps, scaled, torch.zeros_like(scaled))
    values, vectors = torch.linalg.eigh(kept)
    top = torch.where(finite, values[-1] * largest, torch.nan), torch.where(finite, vectors[:, -1], torch.nan)
    return top[0].to(matrix.dtype), top[1].to(matrix.dtype)


def largest_by_lanczos(product: Product, start: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalue and its unit eigenvector from Lanczos' iteration with full orthogonalisation.

    The value is never above the true one, up to rounding.

    Parameters
    ----------
    product : of the matrix and a vector
    start : unit vector, best the eigenvector of a matrix nearby
    iterations : products taken

    References
    ----------
    Golub, Van Loan: Matrix Computations, section 10.1.
    """
    fresh = start + FRESH * some_direction(start)
    basis = [fresh / trees.norm(fresh)]
    images: list[Tensor] = []
    for _ in range(iterations):
        images.append(product(basis[-1]))
        basis.append(_next(images[-1], torch.stack(basis)))
    frame, image = torch.stack(basis[:-1]), torch.stack(images)
    value, inner = largest_of_matrix(_without_lost(frame @ image.mT, frame))
    direction = inner @ frame
    return value, direction / trees.norm(direction)


def _without_lost(inner: Tensor, frame: Tensor) -> Tensor:
    """Return the matrix in the frame, with vectors of the frame that are zero far below its eigenvalues.

    A frame that spans all that the start can reach ends with zeros; they would add an eigenvalue of 0.
    """
    lost = frame.square().sum(1) == 0
    below = inner[0, 0] - 2 * inner.abs().max() - torch.finfo(inner.dtype).tiny
    return inner + torch.diag(torch.where(lost, below, torch.zeros_like(below)))


def _next(image: Tensor, frame: Tensor) -> Tensor:
    """Return the unit vector along what of an image is orthogonal to the frame; zero if nothing is."""
    rest = image
    for _ in range(2):  # once leaves what rounding has left of the frame
        rest = rest - (frame @ rest) @ frame
    length = trees.norm(rest)
    lost = length <= 10 * torch.finfo(rest.dtype).eps * trees.norm(image)
    return torch.where(lost, torch.zeros_like(rest), rest / torch.where(lost, torch.ones_like(length), length))
