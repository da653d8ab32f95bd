"""How curved the loss is where the training stands: the largest eigenvalue of its Hessian, against what is stable."""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from lrscope import trees
from lrscope.errors import InputError
from lrscope.probes._moment import Curvature, Every, Moment, Probe, State, When
from lrscope.probes._structure import Structure, share_labels, shares
from lrscope.records import Variable
from lrscope.specification import specification

EVERY_EPOCH = Every(1, "epoch")
Iterations = Annotated[int, Field(ge=2)]


@specification
class Sharpness(Probe):
    """The largest eigenvalue of the Hessian of the loss of the whole data set, and the limit below which it is stable.

    Plain gradient descent is stable as long as ``sharpness`` stays below ``stability_limit`` = 2 / lr; with Polyak's
    momentum the limit is (2 + 2 momentum) / lr, with Nesterov's (2 + 2 momentum) / ((1 + 2 momentum) lr). For rules
    that divide the gradient, such as Adam, the limit is NaN: see `PreconditionedSharpness`. With minibatches it is
    the sharpness of the batch that sits at the limit: see `BatchSharpness`. ``sharpness_share_<layer>`` (neuron) are
    each neuron's shares of the eigenvector, by squared length; where several directions are equally sharp, of one.

    Attributes
    ----------
    exact_up_to : networks with at most so many parameters get the exact eigenvalue of the whole Hessian, larger ones
        that of Lanczos' iteration, which starts where the last measurement ended
    iterations : of Lanczos, each the cost of about three gradients
    when : cadence; the end of every epoch by default

    References
    ----------
    Cohen et al.: Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability (arXiv 2103.00065).
    """

    exact_up_to: Annotated[int, Field(ge=0)] = 128
    iterations: Iterations = 32
    when: When = EVERY_EPOCH

    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return the labels of ``sharpness``, ``stability_limit`` and each layer's ``sharpness_share_<layer>``."""
        return (
            Variable("sharpness", "sharpness", "sharpness"),
            Variable("stability_limit", "stability_limit", "limit of stability"),
            *share_labels("sharpness_share", "share of the sharpest direction", structure),
        )

    def init(self, parameters: Mapping[str, Tensor]) -> State:
        """Return the direction with which the first iteration starts."""
        return {"direction": some_direction(trees.flatten(parameters))}

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the largest eigenvalue, the limit, and the shares of the neurons."""
        curvature = _given(moment.curvature, "Sharpness")
        value, direction = _largest(curvature, None, state["direction"], self.exact_up_to, self.iterations)
        values = {
            "sharpness": value,
            "stability_limit": _plain_limit(moment),
            **shares("sharpness_share", direction.square(), moment.structure),
        }
        return values, {"direction": torch.where(torch.isfinite(value), direction, state["direction"])}


@specification
class PreconditionedSharpness(Probe):
    """The largest eigenvalue of the Hessian as the update rule sees it, and the limit below which it is stable.

    Adam divides the gradient by a diagonal matrix P, so what counts is the largest eigenvalue of P^-1 H. At
    equilibrium it sits at the limit of momentum as an average, (2 + 2 beta1) / ((1 - beta1) lr). For a rule that
    divides by nothing it is the plain sharpness.

    Attributes
    ----------
    of : ``data``, of the loss of the whole data set, or ``batch``, of the step's batch, which costs as many times less
        as there are batches and is larger on average
    exact_up_to, iterations, when : as in `Sharpness`

    References
    ----------
    Cohen et al.: Adaptive Gradient Methods at the Edge of Stability (arXiv 2207.14484).
    """

    of: Literal["data", "batch"] = "data"
    exact_up_to: Annotated[int, Field(ge=0)] = 128
    iterations: Iterations = 32
    when: When = EVERY_EPOCH
    variables = (
        Variable("preconditioned_sharpness", "preconditioned_sharpness", "preconditioned sharpness"),
        Variable(
            "preconditioned_stability_limit", "preconditioned_stability_limit", "preconditioned limit of stability"
        ),
    )

    def init(self, parameters: Mapping[str, Tensor]) -> State:
        """Return the direction with which the first iteration starts."""
        return {"direction": some_direction(trees.flatten(parameters))}

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the largest eigenvalue and the limit."""
        chosen = moment.curvature if self.of == "data" else moment.batch_curvature
        curvature = _given(chosen, "PreconditionedSharpness")
        divisor = moment.preconditioner
        value, direction = _largest(curvature, divisor, state["direction"], self.exact_up_to, self.iterations)
        values = {"preconditioned_sharpness": value, "preconditioned_stability_limit": _limit(moment)}
        return values, {"direction": torch.where(torch.isfinite(value), direction, state["direction"])}


@specification
class BatchSharpness(Probe):
    """How curved the loss of the step's batch is along its own gradient: g' H g / g' g with the batch's g and H.

    ``batch_stability_limit`` is the limit of the update rule as in `Sharpness`, NaN for rules that divide the gradient.
    For gradient descent with minibatches its mean over batches, weighted by g' g, sits at 2 / lr, while the sharpness
    of the whole loss stays below. One step gives one batch; average over steps (``gradient_norm`` gives the weights).

    References
    ----------
    Andreyev, Beneventano: Edge of Stochastic Stability (arXiv 2412.20553).
    """

    when: When = Every()
    variables = (
        Variable("batch_sharpness", "batch_sharpness", "sharpness of the batch along its gradient"),
        Variable("batch_stability_limit", "batch_stability_limit", "limit of stability"),
    )

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the curvature along the gradient, and the limit."""
        along = moment.gradient / trees.norm(moment.gradient)
        curved = (along * _given(moment.batch_curvature, "BatchSharpness").product(along)).sum()
        return {"batch_sharpness": curved, "batch_stability_limit": _plain_limit(moment)}, state


def _given(curvature: Curvature | None, name: str) -> Curvature:
    if curvature is None:
        raise InputError(f"{name} must be measured with the loss's second derivative; the moment has none.")
    return curvature


def _plain_limit(moment: Moment) -> Tensor:
    """Return the limit of rules that follow the gradient itself; NaN for those that divide it, such as Adam."""
    return _limit(moment) if moment.preconditioner is None else torch.full_like(moment.loss, torch.nan)


def _limit(moment: Moment) -> Tensor:
    limit = moment.stability_limit
    return torch.full_like(moment.loss, torch.nan) if limit is None else limit.to(moment.loss.dtype)


def _largest(
    curvature: Curvature, divisor: Tensor | None, start: Tensor, exact_up_to: int, iterations: int
) -> tuple[Tensor, Tensor]:
    """Return the largest eigenvalue and its eigenvector of D H D, with D**2 = 1 / divisor."""
    scale = None if divisor is None else divisor.rsqrt()
    if len(start) <= exact_up_to:
        matrix = curvature.matrix()
        return largest_of_matrix(matrix if scale is None else scale[:, None] * matrix * scale)

    def scaled(vector: Tensor) -> Tensor:
        return curvature.product(vector) if scale is None else scale * curvature.product(scale * vector)

    return largest_by_lanczos(scaled, start, min(iterations, len(start)))


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
