"""Update rules for one network: pure functions of vectors, with the learning rate as an argument.

`torch.optim` keeps one rate a parameter group and its state inside; an ensemble needs one rate a member and the state
as data. Each rule here follows the trajectory of its namesake in `torch.optim` (tested in float64 to 1e-10).
Every number of a rule can be an axis of a sweep: it arrives in `numbers`, which overrides the field.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Protocol

import torch
from pydantic import Field, model_validator
from torch import Tensor

from lrscope.errors import must_be
from lrscope.specification import specification

Number = float | Tensor
State = dict[str, Tensor]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Stability:
    """Where an update rule becomes unstable.

    Attributes
    ----------
    limit : the largest eigenvalue of the loss's Hessian, divided by `preconditioner`, that is still stable
    preconditioner : (parameter) what the rule divides the gradient by, besides the rate; None if by nothing
    """

    limit: Number
    preconditioner: Tensor | None = None

    def with_multipliers(self, multipliers: Tensor) -> "Stability":
        """Return where the rule becomes unstable if the rate of each parameter (parameter) is a multiple of ``lr``.

        To multiply the rate of a parameter is to divide its gradient by less. What a limit leaves to weight decay is
        that of parameters whose multiplier is 1.
        """
        divisor = 1 if self.preconditioner is None else self.preconditioner
        return Stability(self.limit, divisor / multipliers)


class UpdateRule(Protocol):
    """A rule that turns gradients into new parameters.

    Parameters and gradients are vectors (parameter), `numbers` holds ``lr`` and every number of the rule. In a network
    with parameter groups ``lr`` is a vector too, (parameter). A rule may also have a method
    ``stability(state, numbers)`` that returns its `Stability`, with the state after the update; there ``lr`` is a
    scalar.
    """

    def init(self, parameters: Tensor) -> State:
        """Return the state before the first step."""
        ...

    def update(
        self, parameters: Tensor, gradient: Tensor, state: State, numbers: Mapping[str, Number]
    ) -> tuple[Tensor, State]:
        """Return the parameters and the state after one step."""
        ...


def hyperparameters(rule: UpdateRule) -> dict[str, float]:
    """Return the numbers of a rule that a sweep may vary, e.g. momentum and weight decay."""
    if not dataclasses.is_dataclass(rule):
        return {}
    fields = ((field.name, getattr(rule, field.name)) for field in dataclasses.fields(rule))
    return {name: value for name, value in fields if isinstance(value, float)}


@specification
class SGD:
    """Gradient descent, with Polyak's or Nesterov's momentum; the namesake is `torch.optim.SGD`.

    Attributes
    ----------
    momentum : share of the last update that is kept
    nesterov : look ahead along the momentum
    weight_decay : times the parameters, added to the gradient
    """

    momentum: Decay = 0.0
    nesterov: bool = False
    weight_decay: NonNegative = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "SGD":
        if self.nesterov and not self.momentum:
            raise must_be("momentum", "above 0 with nesterov", self.momentum, "Give momentum=0.9, for example.")
        return self

    def init(self, parameters: Tensor) -> State:
        """Return a velocity of zero."""
        return {"velocity": torch.zeros_like(parameters)}

    def update(
        self, parameters: Tensor, gradient: Tensor, state: State, numbers: Mapping[str, Number]
    ) -> tuple[Tensor, State]:
        """Return ``parameters - lr * velocity`` (or the look-ahead of it) and the velocity."""
        lr, momentum = (_like(numbers[name], parameters) for name in ("lr", "momentum"))
        gradient = _decayed(gradient, parameters, numbers["weight_decay"])
        velocity = gradient + momentum * state["velocity"]
        direction = gradient + momentum * velocity if self.nesterov else velocity
        return parameters - lr * direction, {"velocity": velocity}

    def stability(self, state: State, numbers: Mapping[str, Number]) -> Stability:  # noqa: ARG002  of other rules
        """Return (2 + 2 momentum) / lr, or (2 + 2 momentum) / ((1 + 2 momentum) lr) of Nesterov, less the decay.

        References
        ----------
        Cohen et al.: Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability
        (arXiv 2103.00065), appendix B.
        """
        momentum = numbers["momentum"]
        ahead = 1 + 2 * momentum if self.nesterov else 1.0
        return Stability((2 + 2 * momentum) / (ahead * numbers["lr"]) - numbers["weight_decay"])


@specification
class Adam:
    """Adam with bias correction; the namesake is `torch.optim.Adam`.

    Attributes
    ----------
    beta1, beta2 : decay of the running means of the gradient and of its square
    eps : added to the root of the second mean
    weight_decay : times the parameters, added to the gradient

    References
    ----------
    Kingma, Ba: Adam (arXiv 1412.6980).
    """

    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0

    def init(self, parameters: Tensor) -> State:
        """Return means of zero and a count of zero."""
        zero = torch.zeros_like(parameters)
        return {"mean": zero, "square": zero.clone(), "count": parameters.new_zeros((), dtype=torch.float64)}

    def update(
        self, parameters: Tensor, gradient: Tensor, state: State, numbers: Mapping[str, Number]
    ) -> tuple[Tensor, State]:
        """Return the parameters after one step of Adam, and the means."""
        gradient = _decayed(gradient, parameters, numbers["weight_decay"])
        return _adam(parameters, gradient, state, numbers)

    def stability(self, state: State, numbers: Mapping[str, Number]) -> Stability:
        """Return (2 + 2 beta1) / ((1 - beta1) lr) and what Adam divides by; weight decay is left out of account.

        References
        ----------
        Cohen et al.: Adaptive Gradient Methods at the Edge of Stability (arXiv 2207.14484).
        """
        beta1, square, count = numbers["beta1"], state["square"], state["count"]
        root = (square / (1 - numbers["beta2"] ** count).to(square.dtype)).sqrt() + _like(numbers["eps"], square)
        divisor = (1 - beta1**count).to(square.dtype) * root
        return Stability((2 + 2 * beta1) / ((1 - beta1) * numbers["lr"]), divisor)


@specification
class AdamW(Adam):
    """Adam with decoupled weight decay; the namesake is `torch.optim.AdamW`.

    Attributes
    ----------
    beta1, beta2, eps : as in `Adam`
    weight_decay : times lr times the parameters, taken from the parameters

    References
    ----------
    Loshchilov, Hutter: Decoupled Weight Decay Regularization (arXiv 1711.05101).
    """

    weight_decay: NonNegative = 0.01

    def update(
        self, parameters: Tensor, gradient: Tensor, state: State, numbers: Mapping[str, Number]
    ) -> tuple[Tensor, State]:
        """Return the parameters after decay and one step of Adam, and the means."""
        shrink = 1 - numbers["lr"] * numbers["weight_decay"]
        return _adam(parameters * _like(shrink, parameters), gradient, state, numbers)


def _like(number: Number, vector: Tensor) -> Number:
    return number.to(vector.dtype) if isinstance(number, Tensor) else number


def _decayed(gradient: Tensor, parameters: Tensor, weight_decay: Number) -> Tensor:
    if isinstance(weight_decay, float) and weight_decay == 0:
        return gradient
    return gradient + _like(weight_decay, parameters) * parameters


def _adam(parameters: Tensor, gradient: Tensor, state: State, numbers: Mapping[str, Number]) -> tuple[Tensor, State]:
    beta1, beta2 = numbers["beta1"], numbers["beta2"]
    keep, keep_square = _like(beta1, parameters), _like(beta2, parameters)
    mean = torch.lerp(state["mean"], gradient, 1 - keep)
    square = torch.lerp(state["square"], gradient * gradient, 1 - keep_square)
    count = state["count"] + 1
    # The corrections are kept in float64: 1 - 0.999 in float32 is wrong by 6e-5 of itself.
    rate = (numbers["lr"] / (1 - beta1**count)).to(parameters.dtype)
    correction = (1 - beta2**count).sqrt().to(parameters.dtype)
    updated = parameters - rate * (mean / (square.sqrt() / correction + _like(numbers["eps"], parameters)))
    return updated, {"mean": mean, "square": square, "count": count}


OPTIMIZERS: Mapping[str, SGD | Adam | AdamW] = {
    "adam": Adam(),
    "adamw": AdamW(),
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
}
"""Name on the command line -> update rule."""
