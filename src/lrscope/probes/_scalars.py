"""One number a step: loss, learning rate, norm of the gradient, size of the update."""

from typing import ClassVar

import torch
from torch import Tensor

from lrscope import trees
from lrscope.errors import InputError
from lrscope.probes._cadence import At, Every, LogSpaced
from lrscope.probes._moment import Moment, Need, Probe, State
from lrscope.probes._structure import Structure
from lrscope.records import LOSS, Variable
from lrscope.specification import specification


@specification
class Loss(Probe):
    """The loss of the step's batch, before the update."""

    when: Every | LogSpaced | At = Every()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``loss``."""
        return (Variable(LOSS, LOSS, "loss"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the loss."""
        return {LOSS: moment.loss}, state


@specification
class ValidationLoss(Probe):
    """The loss of the validation samples of the data, in evaluation mode."""

    when: Every | LogSpaced | At = Every()
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``val_loss``."""
        return (Variable("val_loss", "val_loss", "loss of validation samples"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the loss."""
        if moment.val_loss is None:
            raise InputError("ValidationLoss must be measured with validation samples; the moment has none.")
        return {"val_loss": moment.val_loss}, state


@specification
class LearningRate(Probe):
    """The learning rate of the update that follows the step and, on request, why it is what it is.

    Attributes
    ----------
    reasons : also record ``rate_reason``, a number in `lrscope.optim.REASONS`, for rates that listen to the training
    """

    when: Every | LogSpaced | At = Every()
    reasons: bool = False

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the labels of ``learning_rate`` and ``rate_reason``."""
        rate = Variable("learning_rate", "learning_rate", "learning rate")
        return (rate, Variable("rate_reason", "rate_reason", "reason of the rate")) if self.reasons else (rate,)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the learning rate and the reason."""
        reason = torch.zeros_like(moment.loss, dtype=torch.int64) if moment.rate_reason is None else moment.rate_reason
        values = {"learning_rate": moment.learning_rate, "rate_reason": reason}
        return {label.name: values[label.name] for label in self.labels(moment.structure)}, state


@specification
class GradientNorm(Probe):
    """The Euclidean norm of the loss's gradient for all parameters."""

    when: Every | LogSpaced | At = Every()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``gradient_norm``."""
        return (Variable("gradient_norm", "gradient_norm", "norm of the gradient"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the norm."""
        return {"gradient_norm": trees.norm(moment.gradient)}, state


@specification
class UpdateSize(Probe):
    """The Euclidean norm of the update that follows the step."""

    when: Every | LogSpaced | At = Every()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``update_size``."""
        return (Variable("update_size", "update_size", "size of the update"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the norm of the update."""
        return {"update_size": trees.norm(moment.update)}, state
