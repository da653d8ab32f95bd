"""One moment of the training of one network, what measures it, and when. (A schedule is the learning rate's.)"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field
from torch import Tensor
from torch.func import grad, jacrev, vjp

from lrscope.errors import must_be
from lrscope.probes._structure import Structure
from lrscope.records import Variable
from lrscope.specification import specification

Positive = Annotated[int, Field(ge=1)]
Unit = Literal["step", "epoch"]


class Cadence(Protocol):
    """Anything that names the steps at which to measure."""

    @property
    def label(self) -> str:
        """What the step dimension of these measurements is called: ``step_<label>``."""
        ...

    def steps(self, total: int, per_epoch: int) -> np.ndarray:
        """Return the steps, ascending, of a training of `total` steps with `per_epoch` steps an epoch."""
        ...


@specification
class Every:
    """Every `count` steps from step 0, or at the last step of every `count`-th epoch."""

    count: Positive = 1
    unit: Unit = "step"

    @property
    def label(self) -> str:
        """``every_10`` or ``every_10_epoch``."""
        return f"every_{self.count}" + ("_epoch" if self.unit == "epoch" else "")

    def steps(self, total: int, per_epoch: int) -> np.ndarray:
        """Return the steps, ascending."""
        if self.unit == "step":
            return np.arange(0, total, self.count)
        return np.arange(self.count * per_epoch - 1, total, self.count * per_epoch)


@specification
class At:
    """At the given steps; negative ones count from the end, so -1 is the last step."""

    at: tuple[int, ...]

    @property
    def label(self) -> str:
        """``at_0_99``, ``at_last``."""
        return "at_" + "_".join("last" if step == -1 else str(step).replace("-", "minus") for step in self.at)

    def steps(self, total: int, per_epoch: int) -> np.ndarray:  # noqa: ARG002  a cadence is a function of both
        """Return the steps, ascending.

        Raises
        ------
        InputError : a step that the training does not have.
        """
        for step in self.at:
            if not -total <= step < total:
                raise must_be("at", f"steps between {-total} and {total - 1}", step)
        return np.unique([step % total for step in self.at])


When = Every | At


def every(count: int = 1, unit: Unit = "step") -> Every:
    """Return the cadence of every `count` steps or epochs."""
    return Every(count, unit)


def at(*steps: int) -> At:
    """Return the cadence of given steps; -1 is the last.

    Examples
    --------
    >>> at(0, -1).steps(total=100, per_epoch=1).tolist()
    [0, 99]
    """
    return At(steps)


Need = Literal["activations", "activation_gradients", "evaluation", "validation"]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Curvature:
    """The second derivative of a loss at some parameters; computed when asked for, and only then.

    It is taken backwards through the gradient. Forwards would cost the same, and PyTorch has no forward derivative of
    its own mean squared error.

    Attributes
    ----------
    loss : of a vector (parameter), a scalar
    parameters : (parameter)
    """

    loss: Callable[[Tensor], Tensor]
    parameters: Tensor

    def product(self, vector: Tensor) -> Tensor:
        """Return the Hessian times a vector (parameter), exactly: the derivative of the gradient along it."""
        product: Tensor = vjp(grad(self.loss), self.parameters)[1](vector)[0]  # the Hessian is symmetric
        return product

    def matrix(self) -> Tensor:
        """Return the Hessian (parameter, parameter)."""
        matrix: Tensor = jacrev(grad(self.loss))(self.parameters)
        return matrix


@dataclass(frozen=True)
class Moment:
    """Step ``k``: the parameters after ``k`` updates, and what the batch of that step gives with them.

    Attributes
    ----------
    structure : names and shapes
    loss : scalar, of the batch
    learning_rate : scalar, of the update that follows
    parameters, gradients : name -> tensor of its shape
    gradient, update : vectors (parameter); the update is the one that follows
    activations, activation_gradients : path of a layer -> output (sample, ...) and the loss's gradient for it;
        empty unless a probe needs them
    inputs, outputs, targets : (sample, ...) of the whole data set in evaluation mode; None unless a probe needs
        ``evaluation``
    batch_outputs, batch_targets : (sample, ...) of the step's batch, in training mode
    val_loss, val_outputs, val_targets : scalar and (sample, ...) of the validation samples, in evaluation
        mode; None unless a probe needs ``validation``
    curvature, batch_curvature : of the loss of the whole data set, and of the step's batch
    stability_limit : scalar, what the largest eigenvalue of the Hessian, divided by `preconditioner` where there is
        one, must stay below for this update rule at this rate; NaN for a rule that does not say
    preconditioner : (parameter) what the rule divides the gradient by; None if by nothing
    gradient_norm, update_size : scalars, the Euclidean norms of `gradient` and `update` where they are known without
        these vectors
    rate_reason : scalar, why the learning rate is what it is: a number in `lrscope.records.RATE_REASONS`
    """

    structure: Structure
    loss: Tensor
    learning_rate: Tensor
    parameters: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    gradient: Tensor
    update: Tensor
    activations: Mapping[str, Tensor] = field(default_factory=dict)
    activation_gradients: Mapping[str, Tensor] = field(default_factory=dict)
    inputs: Tensor | None = None
    outputs: Tensor | None = None
    targets: Tensor | None = None
    batch_outputs: Tensor | None = None
    batch_targets: Tensor | None = None
    val_loss: Tensor | None = None
    val_outputs: Tensor | None = None
    val_targets: Tensor | None = None
    curvature: Curvature | None = None
    batch_curvature: Curvature | None = None
    stability_limit: Tensor | None = None
    preconditioner: Tensor | None = None
    gradient_norm: Tensor | None = None
    update_size: Tensor | None = None
    rate_reason: Tensor | None = None


class Probe(ABC):
    """A measurement of one network. Subclasses are frozen specifications with a field ``when``."""

    when: Cadence
    variables: ClassVar[tuple[Variable, ...]] = ()
    """What is measured, where it does not depend on the network."""
    needs: ClassVar[frozenset[Need]] = frozenset()
    looks_back: ClassVar[float] = math.inf
    """How many steps before a measurement `follow` must have seen; 1 if the state is about the step before only."""

    def required(self) -> frozenset[Need]:
        """Return what of the moment this probe needs beyond what training computes anyway."""
        return self.needs

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  most do not depend on it
        """Return the label of each variable that `measure` returns; by default `variables`.

        Raises
        ------
        InputError : a pattern that matches no layer.
        """
        return self.variables

    def init(self, parameters: Mapping[str, Tensor]) -> State:  # noqa: ARG002  most probes remember nothing
        """Return what the probe carries from one measured step to the next; nothing by default."""
        return {}

    def follow(self, state: State, moment: Moment) -> State:  # noqa: ARG002  most probes need not see every step
        """Return the state after a step at which the probe does not measure; it is called only where overridden.

        What it may use of the moment is what training computes anyway: parameters, gradients, update, loss, rate.
        """
        return state

    @property
    def follows(self) -> bool:
        """Whether the probe must see every step, not only those at which it measures."""
        return type(self).follow is not Probe.follow

    @abstractmethod
    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the values by variable name, shaped as their labels say, and the new state."""
