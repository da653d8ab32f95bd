"""Learning rates driven by the training: what they see, what they answer, and three of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Protocol

import torch
from pydantic import Field, model_validator
from torch import Tensor

from lrscope.errors import must_be
from lrscope.records import RATE_REASONS
from lrscope.specification import specification

State = dict[str, Tensor]
Share = Annotated[float, Field(gt=0, le=1)]
Growth = Annotated[float, Field(gt=1, allow_inf_nan=False)]
Highest = Annotated[float, Field(ge=1, allow_inf_nan=False)]

UNCHANGED, TRIAL, RAISED, LOWERED, LOWEST, HIGHEST, NOT_FINITE, SHARPER, LESS_SHARP = range(len(RATE_REASONS))
"""Codes of the reasons; raised and lowered are meant against the update before."""
_ALIGNED = 0.1
"""Change of the gradient, as a share of its length, that is no turn whatever it says: an angle of at most 6 degrees."""
_SEARCH = 10.0
"""Growth a step from the trial to the given rate, until the gradient turns for the first time."""
_DROP = 0.1
"""What is left of the rate, at least, after one step."""


@dataclass(frozen=True)
class Feedback:
    """What a controller sees at one step of one network, before the update.

    Where modules have multiples of the rate as their own, parameters are in units in which all have the same rate.

    Attributes
    ----------
    lr : scalar float64, the member's own (starting) rate
    step : scalar int64
    loss : scalar, of the step's batch
    parameters : (parameter)
    gradient : (parameter), of the batch
    hessian_product : the Hessian of the batch's loss times a vector (parameter); computed only if called
    """

    lr: Tensor
    step: Tensor
    loss: Tensor
    parameters: Tensor
    gradient: Tensor
    hessian_product: Callable[[Tensor], Tensor]

    def in_units_of(self, units: Tensor) -> "Feedback":
        """Return what a controller sees if each parameter is measured in a unit of its own (parameter)."""

        def product(vector: Tensor) -> Tensor:
            return units * self.hessian_product(units * vector)

        scaled = {"parameters": self.parameters / units, "gradient": self.gradient * units}
        return replace(self, **scaled, hessian_product=product)


class Controller(Protocol):
    """A learning rate driven by the training: chosen anew at each step, for each network on its own."""

    def init(self, parameters: Tensor) -> State:
        """Return the state before the first step, from the initial parameters (parameter)."""
        ...

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate (scalar float64) of the update that follows, its reason (scalar int64), and the state."""
        ...


def is_controller(schedule: object) -> bool:
    """Tell whether a schedule is a controller, and no function of the step."""
    return not isinstance(schedule, type) and callable(getattr(schedule, "control", None))


def reason_of(before: Tensor, wanted: Tensor, after: Tensor) -> Tensor:
    """Return why a rate went from `before` to `after`, if what the gradients wanted was `wanted`; scalar int64."""
    moved = torch.where(after > before, RAISED, torch.where(after < before, LOWERED, UNCHANGED))
    held = torch.where(wanted < after, LOWEST, torch.where(wanted > after, HIGHEST, moved))
    return torch.where(after == before, held, moved)


@specification
class GradientAngle:
    """A rate that rises while consecutive gradients stay aligned, and is lowered when they turn.

    The angle between the last two gradients and the ratio of their lengths give the last rate times the curvature that
    its step met; the limit of stability is 2. Below twice the `margin`, or while the gradient changes by less than a
    tenth, the rate is raised, fast up to the given rate and slowly beyond it; above, it is lowered at once to the rate
    that would have met just that. The first step is a trial at a small part of the given rate, from which the rate
    rises tenfold a step until it reaches the given one or the gradient turns.

    With theta the angle and rho the new length over the old, last rate times curvature is
    ``(1 + rho² - 2 rho cos(theta)) / (1 - rho cos(theta))``: the mean of the Hessian's eigenvalues, each weighted with
    itself times its share of the squared gradient. It sees a steep direction long before the angle itself is large.
    It is 1 where a step takes that part of the gradient away, and above 1 where that part has turned round. With a
    negative denominator the step met negative curvature, and the rate is raised. One step leaves a tenth of the rate at
    least.

    The formula is exact for plain gradient descent on the full batch. With momentum the limit lies higher, so the
    rule is more careful than it must be. Adam's step is not along the gradient, and the rule only brakes: it tells
    oscillation from progress, not how far the limit is. Differences between minibatches count as turns as soon as
    they exceed a tenth of the gradient, and then halve the rate at each step, down to its lower bound: use large
    batches, or set `lowest` to what should be kept.

    Attributes
    ----------
    margin : share of the limit 2 / curvature that the rate is lowered to
    raising : growth a step while aligned, at and above the given rate
    returning : growth a step while aligned, below the given rate
    trial : share of the given rate that the first step takes
    lowest, highest : bounds, as factors of the given rate

    References
    ----------
    Barzilai, Borwein: Two-Point Step Size Gradient Methods (1988), the shorter of the two steps.
    Malitsky, Mishchenko: Adaptive Gradient Descent without Descent (arXiv 1910.09529).
    """

    margin: Annotated[float, Field(gt=0, lt=1)] = 0.5
    raising: Growth = 1.025
    returning: Growth = 1.5
    trial: Share = 1e-3
    lowest: Share = 1e-6
    highest: Highest = 1e4

    @model_validator(mode="after")
    def _the_trial_is_within_bounds(self) -> "GradientAngle":
        if self.trial < self.lowest:
            raise must_be("trial", f"at least lowest ({self.lowest!r})", self.trial)
        return self

    def init(self, parameters: Tensor) -> State:
        """Return the state before the first gradient."""
        number = parameters.new_full((), self.trial, dtype=torch.float64)
        flag = torch.ones_like(number, dtype=torch.bool)
        return {"gradient": torch.zeros_like(parameters), "factor": number, "searching": flag, "started": ~flag}

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate of the update that follows, which has been chosen with this step's gradient."""
        factor, reason, after = self.next_factor(state, feedback.gradient)
        return feedback.lr * factor, reason, after

    def next_factor(self, state: State, gradient: Tensor) -> tuple[Tensor, Tensor, State]:
        """Return the factor of the given rate for the update that this gradient (parameter) makes, reason and state."""
        before = state["factor"]
        met = _significant_curvature(state["gradient"], gradient)
        reach = self._reach(before, state["searching"])
        lowered = torch.maximum(before * (2 * self.margin) / met, before * _DROP)
        wanted = torch.where(met * reach < before * (2 * self.margin), reach, torch.minimum(lowered, reach))
        finite = torch.isfinite(gradient).all()
        usable = state["started"] & finite & torch.isfinite(wanted)
        factor = torch.where(usable, wanted.clamp(self.lowest, self.highest), before)
        without = torch.where(finite, torch.where(state["started"], UNCHANGED, TRIAL), NOT_FINITE)
        reason = torch.where(usable, reason_of(before, wanted, factor), without)
        searching = state["searching"] & (~usable | ((wanted >= reach) & (factor < 1)))
        latest = torch.where(finite, gradient, state["gradient"])
        after = {"gradient": latest, "factor": factor, "searching": searching, "started": state["started"] | finite}
        return factor, reason, after

    def _reach(self, factor: Tensor, searching: Tensor) -> Tensor:
        """Return how far the rate may rise at this step: fast up to the given one, slowly beyond."""
        back = (factor * torch.where(searching, _SEARCH, self.returning)).clamp(max=1.0)
        return torch.maximum(back, factor * self.raising)


def met_curvature(before: Tensor, after: Tensor) -> Tensor:
    """Return the rate of a step times the curvature that it met, scalar float64, from the gradients around it.

    Never negative: 0 where the step met negative curvature or the gradient stayed as it was; NaN if the gradient
    `before` was zero.
    """
    old, change = _triangle(before, after)
    along = (change * old).sum()
    return torch.where(along > 0, change.square().sum() / along, along * 0)


def _significant_curvature(before: Tensor, after: Tensor) -> Tensor:
    """Return the curvature met, 0 if the gradient has hardly changed: rounding and noise would dominate."""
    old, change = _triangle(before, after)
    hardly = change.square().sum() < _ALIGNED**2 * old.square().sum()
    return torch.where(hardly, 0.0, met_curvature(before, after))


def _triangle(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first of two gradients and what was taken from it, float64, in units of its largest element."""
    scale = before.abs().amax()
    old, new = (before / scale).to(torch.float64), (after / scale).to(torch.float64)
    return old, old - new


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
    highest: Highest = 1e4

    def init(self, parameters: Tensor) -> State:
        """Return a gradient of zero and the given rate."""
        return {"gradient": torch.zeros_like(parameters), "factor": parameters.new_ones((), dtype=torch.float64)}

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate of the update that follows."""
        before = state["factor"]
        finite = torch.isfinite(feedback.gradient).all()
        before_unit, unit = (_unit(one).to(torch.float64) for one in (state["gradient"], feedback.gradient))
        cosine = torch.nan_to_num((before_unit * unit).sum(), nan=0.0)  # 0 also where a gradient is zero
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
        """Return the largest eigenvalue and its eigenvector (parameter)."""
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
