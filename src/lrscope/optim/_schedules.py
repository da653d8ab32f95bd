"""The learning rate's course over the steps, as a factor that multiplies each member's own rate."""

import math
from typing import Annotated, Protocol

from pydantic import Field

from lrscope.specification import specification

Share = Annotated[float, Field(ge=0, le=1)]


class Schedule(Protocol):
    """Anything that gives a factor for a step."""

    def factor(self, step: int, total: int) -> float:
        """Return the factor of the learning rate at a step, 0 to `total` - 1."""
        ...


@specification
class Constant:
    """The same rate at every step."""

    def factor(self, step: int, total: int) -> float:  # noqa: ARG002  a schedule is a function of both
        """Return 1."""
        return 1.0


@specification
class Linear:
    """From 1 down to `floor` along a straight line; `floor` would be reached one step after the last."""

    floor: Share = 0.0

    def factor(self, step: int, total: int) -> float:
        """Return the factor at a step."""
        return 1 - (1 - self.floor) * step / total


@specification
class Cosine:
    """From 1 down to `floor` along half a cosine, as `torch.optim.lr_scheduler.CosineAnnealingLR` with T_max = total.

    References
    ----------
    Loshchilov, Hutter: SGDR (arXiv 1608.03983), without restarts.
    """

    floor: Share = 0.0

    def factor(self, step: int, total: int) -> float:
        """Return the factor at a step."""
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * step / total)) / 2


@specification
class Exponential:
    """From 1 at the first step to `ratio` at the last, a constant factor a step: the rising rate of a range test.

    Attributes
    ----------
    ratio : the last rate over the first

    References
    ----------
    Smith: Cyclical Learning Rates for Training Neural Networks (arXiv 1506.01186), section 3.3, on a log scale as
    fastai and torch-lr-finder do it.

    Examples
    --------
    >>> [round(Exponential(100.0).factor(step, 3), 9) for step in range(3)]
    [1.0, 10.0, 100.0]
    """

    ratio: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    def factor(self, step: int, total: int) -> float:
        """Return the factor at a step."""
        return float(self.ratio ** (step / max(total - 1, 1)))


@specification
class Triangle:
    """From `start` up to 1 along a straight line, then down to `end`, which would be reached one step after the last.

    Attributes
    ----------
    peak : share of the steps at which the factor is 1; the step is rounded down
    start, end : factors at the first step and after the last

    References
    ----------
    Jordan: 94% on CIFAR-10 in 3.29 seconds (arXiv 2404.00498), whose numbers are the defaults.

    Examples
    --------
    >>> [round(Triangle(peak=0.5, start=0.0, end=0.5).factor(step, 4), 3) for step in range(4)]
    [0.0, 0.5, 1.0, 0.75]
    """

    peak: Share = 0.23
    start: Share = 0.2
    end: Share = 0.07

    def factor(self, step: int, total: int) -> float:
        """Return the factor at a step."""
        top = int(self.peak * total)
        if step < top:
            return self.start + (1 - self.start) * step / top
        return 1 - (1 - self.end) * (step - top) / max(total - top, 1)


@specification
class WarmUp:
    """A straight rise to 1 over the first `steps`, then another schedule over the rest.

    Examples
    --------
    >>> [WarmUp(steps=2, then=Linear()).factor(step, 6) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    steps: Annotated[int, Field(ge=1)]
    then: Constant | Linear | Cosine = Constant()

    def factor(self, step: int, total: int) -> float:
        """Return the factor at a step."""
        if step < self.steps:
            return (step + 1) / self.steps
        return self.then.factor(step - self.steps, max(total - self.steps, 1))
