"""One moment of the training of one network: everything that belongs to the same parameters."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from torch import Tensor

from lrscope.probes._cadence import Cadence
from lrscope.probes._structure import Structure
from lrscope.records import Variable

Need = Literal["activations", "activation_gradients", "evaluation", "validation"]
State = dict[str, Tensor]


class Curvature(Protocol):
    """The second derivative of a loss at the parameters of a moment; computed when asked for, and only then."""

    def product(self, vector: Tensor) -> Tensor:
        """Return the Hessian times a vector (parameter)."""
        ...

    def matrix(self) -> Tensor:
        """Return the Hessian (parameter, parameter)."""
        ...


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
    rate_reason : scalar, why the learning rate is what it is: a number in `lrscope.optim.REASONS`
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
    rate_reason: Tensor | None = None


class Probe(ABC):
    """A measurement of one network. Subclasses are frozen specifications with a field ``when``."""

    when: Cadence
    needs: ClassVar[frozenset[Need]] = frozenset()
    looks_back: ClassVar[float] = math.inf
    """How many steps before a measurement `follow` must have seen; 1 if the state is about the step before only."""

    def required(self) -> frozenset[Need]:
        """Return what of the moment this probe needs beyond what training computes anyway."""
        return self.needs

    @abstractmethod
    def labels(self, structure: Structure) -> tuple[Variable, ...]:
        """Return the label of each variable that `measure` returns.

        Raises
        ------
        InputError : a pattern that matches no layer.
        """

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
