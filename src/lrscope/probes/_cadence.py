"""When a probe measures. (The word schedule is the learning rate's.)"""

from typing import Annotated, Literal, Protocol

import numpy as np
from pydantic import Field

from lrscope.errors import must_be
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
class LogSpaced:
    """About `count` steps, each a constant factor behind the one before; the first and the last step included."""

    count: Annotated[int, Field(ge=2)]

    @property
    def label(self) -> str:
        """``log_spaced_50``."""
        return f"log_spaced_{self.count}"

    def steps(self, total: int, per_epoch: int) -> np.ndarray:  # noqa: ARG002  a cadence is a function of both
        """Return the steps, ascending; neighbours that round to the same step count once."""
        return np.unique(np.geomspace(1, total, self.count).round().astype(np.int64) - 1)


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


def every(count: int = 1, unit: Unit = "step") -> Every:
    """Return the cadence of every `count` steps or epochs."""
    return Every(count, unit)


def log_spaced(count: int) -> LogSpaced:
    """Return the cadence of about `count` steps spaced by a constant factor."""
    return LogSpaced(count)


def at(*steps: int) -> At:
    """Return the cadence of given steps; -1 is the last.

    Examples
    --------
    >>> at(0, -1).steps(total=100, per_epoch=1).tolist()
    [0, 99]
    """
    return At(steps)
