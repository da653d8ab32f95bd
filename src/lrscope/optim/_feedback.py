"""What a learning rate that listens to the training hears, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

State = dict[str, Tensor]


@dataclass(frozen=True)
class Feedback:
    """What a controller sees at one step of one network, before the update.

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


class Controller(Protocol):
    """A learning rate that listens: chosen anew at each step, for each network on its own."""

    def init(self, parameters: Tensor) -> State:
        """Return the state before the first step, from the initial parameters (parameter)."""
        ...

    def control(self, state: State, feedback: Feedback) -> tuple[Tensor, Tensor, State]:
        """Return the rate (scalar float64) of the update that follows, its reason (scalar int64), and the state."""
        ...


def is_controller(schedule: object) -> bool:
    """Tell whether a schedule listens to the training, instead of being a function of the step."""
    return not isinstance(schedule, type) and callable(getattr(schedule, "control", None))
