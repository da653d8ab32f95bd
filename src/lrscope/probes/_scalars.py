"""One number a step: loss, accuracy, learning rate, norm of the gradient, size of the update."""

import torch
from torch import Tensor

from lrscope import trees
from lrscope.errors import InputError, must_be
from lrscope.probes._moment import Every, Moment, Need, Probe, State, When
from lrscope.probes._structure import Structure
from lrscope.records import LOSS, Variable
from lrscope.specification import specification


@specification
class Loss(Probe):
    """The loss of the step's batch, before the update."""

    when: When = Every()
    variables = (Variable(LOSS, LOSS, "loss"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the loss."""
        return {LOSS: moment.loss}, state


@specification
class ValidationLoss(Probe):
    """The loss of the validation samples of the data, in evaluation mode."""

    when: When = Every()
    variables = (Variable("val_loss", "val_loss", "loss of validation samples"),)
    needs = frozenset[Need]({"validation"})

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
    reasons : also record ``rate_reason``, a number in `lrscope.records.RATE_REASONS`
    """

    when: When = Every()
    reasons: bool = False

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the labels of ``learning_rate`` and ``rate_reason``."""
        rate = Variable("learning_rate", "learning_rate", "learning rate")
        return (rate, Variable("rate_reason", "rate_reason", "reason of the rate")) if self.reasons else (rate,)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the learning rate and the reason."""
        values = {"learning_rate": moment.learning_rate}
        if self.reasons:
            known = moment.rate_reason
            values["rate_reason"] = torch.zeros_like(moment.loss, dtype=torch.int64) if known is None else known
        return values, state


@specification
class GradientNorm(Probe):
    """The Euclidean norm of the loss's gradient for all parameters."""

    when: When = Every()
    variables = (Variable("gradient_norm", "gradient_norm", "norm of the gradient"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the norm."""
        known = moment.gradient_norm
        return {"gradient_norm": trees.norm(moment.gradient) if known is None else known}, state


@specification
class UpdateSize(Probe):
    """The Euclidean norm of the update that follows the step."""

    when: When = Every()
    variables = (Variable("update_size", "update_size", "size of the update"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the norm of the update."""
        known = moment.update_size
        return {"update_size": trees.norm(moment.update) if known is None else known}, state


@specification
class Accuracy(Probe):
    """The share of the step's batch whose largest output is that of its class, before the update, in training mode."""

    when: When = Every()
    variables = (Variable("accuracy", "accuracy", "accuracy"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the share."""
        return {"accuracy": accuracy(moment.batch_outputs, moment.batch_targets)}, state


@specification
class ValidationAccuracy(Probe):
    """The share of the validation samples that are put into the right class, in evaluation mode."""

    when: When = Every()
    variables = (Variable("val_accuracy", "val_accuracy", "accuracy on validation samples"),)
    needs = frozenset[Need]({"validation"})

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the share."""
        return {"val_accuracy": accuracy(moment.val_outputs, moment.val_targets)}, state


def accuracy(outputs: Tensor | None, targets: Tensor | None) -> Tensor:
    """Return the share of samples whose largest output is that of their class.

    Parameters
    ----------
    outputs : (sample, class, ...)
    targets : (sample, ...) classes, or of the shape of the outputs: then the class is that of the largest target

    Raises
    ------
    InputError : there are no outputs, or the targets are no classes.
    """
    if outputs is None or targets is None:
        raise InputError("accuracy must be measured with samples; the moment has none.")
    scored = targets.shape == outputs.shape and outputs.ndim > 1 and outputs.shape[1] > 1
    if not scored and (targets.is_floating_point() or outputs.ndim != targets.ndim + 1):
        got = f"outputs {tuple(outputs.shape)} for targets {tuple(targets.shape)} of {targets.dtype}"
        raise must_be("accuracy", "measured with outputs (sample, class) and classes", got)
    classes = targets.argmax(1) if scored else targets
    return (outputs.argmax(1) == classes).to(outputs.dtype).mean()
