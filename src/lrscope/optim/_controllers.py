"""Controllers to compare the angle with: a learning rate that learns itself, and one that is kept below its limit."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from lrscope.optim._feedback import Feedback
from lrscope.optim._reasons import LESS_SHARP, NOT_FINITE, SHARPER, UNCHANGED, reason_of
from lrscope.specification import specification

State = dict[str, Tensor]
Share = Annotated[float, Field(gt=0, le=1)]


@specification
class Hypergradient:
    """A rate that descends its own gradient: multiplied by ``1 + strength * cos(angle)`` at each step.

    The angle is the one between the last two gradients. The multiplicative variant, whose strength has no unit;
    the first step takes the given rate.

    Attributes
    ----------
    strength : the rate's own learning rate
    lowest, highest : bounds, as factors of the given rate

    References
    ----------
    Baydin et al.: Online Learning Rate Adaptation with Hypergradient Descent (arXiv 1703.04782).
    """

    strength: Annotated[float, Field(gt=0, lt=1)] = 0.02
    lowest: Share = 1e-4
    highest: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1e4

    def init(self, parameters: Tensor) -> State:
        """Return a gradient of zero and the given rate."""
        return {"gradient": torch.zeros_like(parameters), "factor": parameters.new_ones((), dtype=torch.float64)}

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate of the update that follows."""
        before = state["factor"]
        finite = torch.isfinite(feedback.gradient).all()
        cosine = torch.nan_to_num(_cosine(state["gradient"], feedback.gradient), nan=0.0)
        wanted = before * (1 + self.strength * cosine)
        factor = torch.where(finite, wanted.clamp(self.lowest, self.highest), before)
        reason = torch.where(finite, reason_of(before, wanted, factor), NOT_FINITE)
        gradient = torch.where(finite, feedback.gradient, state["gradient"])
        return feedback.lr * factor, reason, {"gradient": gradient, "factor": factor}


@specification
class SharpnessCapped:
    """The given rate, but never above `margin` times 2 / sharpness.

    The sharpness is the largest eigenvalue of the Hessian of the step's batch. A step of Lanczos within the last
    estimate's eigenvector and its residual improves the estimate of the step before, `iterations` times: one Hessian
    product each, and one more.

    Attributes
    ----------
    margin : share of the limit of gradient descent that is allowed
    iterations : improvements of the estimate a step
    """

    margin: Annotated[float, Field(gt=0, lt=1)] = 0.9
    iterations: Annotated[int, Field(ge=1)] = 3

    def init(self, parameters: Tensor) -> State:
        """Return a vector that leans to no parameter, and no rate yet."""
        number = torch.arange(1, len(parameters) + 1, dtype=parameters.dtype, device=parameters.device)
        return {"vector": _unit(number.cos()), "rate": parameters.new_full((), torch.inf, dtype=torch.float64)}

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate of the update that follows."""
        sharpness, vector = self._sharpest(state["vector"], feedback)
        usable = torch.isfinite(vector).all() & torch.isfinite(sharpness)
        cap = torch.where(sharpness > 0, 2 * self.margin / sharpness.to(torch.float64), torch.inf)
        rate = torch.where(usable, torch.minimum(feedback.lr, cap), torch.minimum(feedback.lr, state["rate"]))
        before = torch.minimum(state["rate"], feedback.lr)
        moved = torch.where(rate < before, SHARPER, torch.where(rate > before, LESS_SHARP, UNCHANGED))
        after = {"vector": torch.where(usable, vector, state["vector"]), "rate": rate}
        return rate, torch.where(usable, moved, NOT_FINITE), after

    def _sharpest(self, vector: Tensor, feedback: Feedback) -> tuple[Tensor, Tensor]:
        """Return the largest eigenvalue that was found, and its eigenvector (parameter)."""
        image = feedback.hessian_product(vector)
        value = (vector * image).sum()
        for _ in range(self.iterations):
            beside = _unit(_without(vector, _unit(_without(vector, image))))  # twice: rounding leaves some of it
            beside_image = feedback.hessian_product(beside)
            corner, below = (vector * beside_image).sum(), (beside * beside_image).sum()
            turn = torch.atan2(2 * corner, value - below) / 2  # diagonalises the 2 by 2 matrix in the plane of both
            turn = torch.where(beside.square().sum() > 0.5, turn, 0.0)  # no residual: an eigenvector already
            vector, image = _turned(turn, vector, beside), _turned(turn, image, beside_image)
            value = (vector * image).sum()
        return value, _unit(vector)


def _turned(angle: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return angle.cos() * first + angle.sin() * second


def _without(direction: Tensor, vector: Tensor) -> Tensor:
    """Return the part of a vector that is at right angles to a direction of length 1."""
    return vector - (direction * vector).sum() * direction


def _unit(vector: Tensor) -> Tensor:
    """Return the vector with length 1; zero stays zero."""
    scale = vector.abs().amax()
    scaled = torch.where(scale > 0, vector / scale, vector)
    length = scaled.square().sum().sqrt()
    return torch.where(length > 0, scaled / length, scaled)


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    """Return the cosine of the angle between two vectors, scalar float64; 0 if one of them is zero."""
    return (_unit(first).to(torch.float64) * _unit(second).to(torch.float64)).sum()
