"""How many samples are put into the right class."""

from typing import ClassVar

from torch import Tensor

from lrscope.errors import InputError, must_be
from lrscope.probes._cadence import At, Every, LogSpaced
from lrscope.probes._moment import Moment, Need, Probe, State
from lrscope.probes._structure import Structure
from lrscope.records import Variable
from lrscope.specification import specification


@specification
class Accuracy(Probe):
    """The share of the step's batch whose largest output is that of its class, before the update, in training mode."""

    when: Every | LogSpaced | At = Every()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``accuracy``."""
        return (Variable("accuracy", "accuracy", "accuracy"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the share.

        Raises
        ------
        InputError : the targets are no classes.
        """
        return {"accuracy": accuracy(moment.batch_outputs, moment.batch_targets)}, state


@specification
class ValidationAccuracy(Probe):
    """The share of the validation samples that are put into the right class, in evaluation mode."""

    when: Every | LogSpaced | At = Every()
    needs: ClassVar[frozenset[Need]] = frozenset({"validation"})

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``val_accuracy``."""
        return (Variable("val_accuracy", "val_accuracy", "accuracy on validation samples"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the share.

        Raises
        ------
        InputError : the targets are no classes, or nothing is kept for validation.
        """
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
