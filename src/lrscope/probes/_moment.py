"""One moment of the training of one network: everything that belongs to the same parameters."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from lrscope.probes._cadence import Cadence
from lrscope.probes._structure import Structure
from lrscope.records import Variable

Need = Literal["activations", "activation_gradients", "evaluation"]
State = dict[str, Tensor]


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
    outputs, targets : (sample, ...) of the whole data set in evaluation mode; None unless a probe needs them
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
    outputs: Tensor | None = None
    targets: Tensor | None = None


class Probe(ABC):
    """A measurement of one network. Subclasses are frozen specifications with a field ``when``."""

    when: Cadence
    needs: ClassVar[frozenset[Need]] = frozenset()

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

    @abstractmethod
    def measure(self, state: State, moment: Moment) -> tuple[dict[str, Tensor], State]:
        """Return the values by variable name, shaped as their labels say, and the new state."""
