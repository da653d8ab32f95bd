"""One number a step: loss, learning rate, norm of the gradient, size of the update."""

from torch import Tensor

from lrscope import trees
from lrscope.probes._cadence import At, Every, LogSpaced
from lrscope.probes._moment import Moment, Probe, State
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
class LearningRate(Probe):
    """The learning rate of the update that follows the step."""

    when: Every | LogSpaced | At = Every()

    def labels(self, structure: Structure) -> tuple[Variable, ...]:  # noqa: ARG002  the same for any structure
        """Return the label of ``learning_rate``."""
        return (Variable("learning_rate", "learning_rate", "learning rate"),)

    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the learning rate."""
        return {"learning_rate": moment.learning_rate}, state


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
