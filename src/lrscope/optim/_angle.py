"""A learning rate driven by the angle between consecutive gradients.

Two consecutive gradients and their difference form a triangle. After a step of gradient descent the difference is the
step times the Hessian, so the triangle's shape, an angle and a ratio of two lengths, tells what the rate has to be
compared with: how much of the gradient the last step has taken away, and whether some of it has turned round.
"""

from typing import Annotated, NamedTuple

import torch
from pydantic import Field, model_validator
from torch import Tensor

from lrscope.errors import must_be
from lrscope.optim._feedback import Feedback
from lrscope.optim._reasons import NOT_FINITE, TRIAL, UNCHANGED, reason_of
from lrscope.specification import specification

State = dict[str, Tensor]
Share = Annotated[float, Field(gt=0, le=1)]
Growth = Annotated[float, Field(gt=1, allow_inf_nan=False)]
_ALIGNED = 0.1
"""Change of the gradient, as a share of its length, that is no turn whatever it says: an angle of at most 6 degrees."""
_SEARCH = 10.0
"""Growth a step from the trial to the given rate, until the gradient turns for the first time."""
_DROP = 0.1
"""What is left of the rate, at least, after one step."""


class Heard(NamedTuple):
    """What one gradient after another tells: the factor of the given rate, the reason, and what to remember."""

    factor: Tensor
    reason: Tensor
    state: State


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
    highest: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1e4

    @model_validator(mode="after")
    def _the_trial_is_within_bounds(self) -> "GradientAngle":
        if self.trial < self.lowest:
            raise must_be("trial", f"at least lowest ({self.lowest!r})", self.trial)
        return self

    def init(self, parameters: Tensor) -> State:
        """Return a state that has heard nothing."""
        number = parameters.new_full((), self.trial, dtype=torch.float64)
        flag = torch.ones_like(number, dtype=torch.bool)
        return {"gradient": torch.zeros_like(parameters), "factor": number, "searching": flag, "heard": ~flag}

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate of the update that follows, which has been chosen with this step's gradient."""
        factor, reason, after = self.listen(state, feedback.gradient)
        return feedback.lr * factor, reason, after

    def listen(self, state: State, gradient: Tensor) -> Heard:
        """Return the factor of the given rate for the update that this gradient (parameter) makes."""
        before = state["factor"]
        met = _told_by(state["gradient"], gradient)
        reach = self._reach(before, state["searching"])
        lowered = torch.maximum(before * (2 * self.margin) / met, before * _DROP)
        wanted = torch.where(met * reach < before * (2 * self.margin), reach, torch.minimum(lowered, reach))
        finite = torch.isfinite(gradient).all()
        usable = state["heard"] & finite & torch.isfinite(wanted)
        factor = torch.where(usable, wanted.clamp(self.lowest, self.highest), before)
        without = torch.where(finite, torch.where(state["heard"], UNCHANGED, TRIAL), NOT_FINITE)
        reason = torch.where(usable, reason_of(before, wanted, factor), without)
        searching = state["searching"] & (~usable | ((wanted >= reach) & (factor < 1)))
        heard = torch.where(finite, gradient, state["gradient"])
        after = {"gradient": heard, "factor": factor, "searching": searching, "heard": state["heard"] | finite}
        return Heard(factor, reason, after)

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


def _told_by(before: Tensor, after: Tensor) -> Tensor:
    """Return the curvature met, 0 if the gradient has hardly changed: rounding and noise would speak instead."""
    old, change = _triangle(before, after)
    hardly = change.square().sum() < _ALIGNED**2 * old.square().sum()
    return torch.where(hardly, 0.0, met_curvature(before, after))


def _triangle(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first of two gradients and what was taken from it, float64, in units of its largest element."""
    scale = before.abs().amax()
    old, new = (before / scale).to(torch.float64), (after / scale).to(torch.float64)
    return old, old - new
