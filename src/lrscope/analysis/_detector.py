"""An alarm before the error rises: online, from past values only.

`Detector` takes one step of any training loop at a time; `alarms` gives the same for recorded series.
"""

from collections import deque
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._instability import Series
from lrscope.analysis._layers import before_divergence, labelled, recorded
from lrscope.errors import must_be
from lrscope.records import LOSS, step_dimension

SIGNALS = {"angle": "gradient_angle", "norm": "gradient_norm", "loss": LOSS}
"""Field of `AlarmRule` -> the variable that it looks at."""


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm is raised: all given conditions have held for some steps in a row, after a calm.

    Attributes
    ----------
    angle : degrees, 0 to 180; the angle between this gradient and the one before exceeds it
    norm : above 1; the gradient norm exceeds this multiple of its lowest value of the last `window` steps
    loss : above 1; the loss exceeds this multiple of its lowest value so far
    held : at least 1; for how many steps in a row all conditions must hold
    calm : at least 1; this many steps in a row at which they do not all hold make a calm, which arms the alarm. It is
        raised once, and again only after another calm
    window : at least 2 steps, the present one included

    Raises
    ------
    InputError : a value is out of range, or no condition is given.
    """

    angle: float | None = 45.0
    norm: float | None = None
    loss: float | None = None
    held: int = 1
    calm: int = 10
    window: int = 50

    def __post_init__(self) -> None:
        if self.angle is None and self.norm is None and self.loss is None:
            raise must_be("angle, norm and loss", "given, at least one of them", (None, None, None))
        if self.angle is not None and not 0 <= self.angle < STRAIGHT:
            raise must_be("angle", "at least 0 and below 180 degrees", self.angle)
        for name in ("norm", "loss"):
            multiple = getattr(self, name)
            if multiple is not None and not 1 < multiple < np.inf:
                raise must_be(name, "a finite number above 1", multiple)
        for name, least in {"held": 1, "calm": 1, "window": 2}.items():
            if getattr(self, name) < least:
                raise must_be(name, f"at least {least}", getattr(self, name))


STRAIGHT = 180
"""Degrees; no angle between two gradients is larger."""
DEFAULT = AlarmRule()


class Detector:
    """An alarm in a training loop: it takes one step at a time and depends on past steps only.

    Examples
    --------
    >>> detector = Detector(AlarmRule(angle=45, calm=3))
    >>> angles = [float("nan"), 150, 0.1, 0.1, 0.1, 20, 60, 120]
    >>> [detector.update(angle, gradient_norm=1.0, loss=1.0) for angle in angles]
    [False, False, False, False, False, False, True, False]
    """

    def __init__(self, rule: AlarmRule = DEFAULT):
        self.rule = rule
        self.armed = False
        """Whether there has been a calm since the last alarm."""
        self._held = self._calm = 0
        self._norms: deque[float] = deque(maxlen=rule.window)
        self._lowest_loss = np.inf

    def update(self, angle: float, gradient_norm: float, loss: float) -> bool:
        """Take the values of one step; return whether the alarm is raised at it.

        Parameters
        ----------
        angle : degrees, between this step's gradient and that of the step before; NaN if there is none
        gradient_norm, loss : of this step; what is not a number counts as infinite
        """
        holds = self._holds(angle, _or_infinite(gradient_norm), _or_infinite(loss))
        self._held, self._calm = (self._held + 1, 0) if holds else (0, self._calm + 1)
        alarm = self.armed and self._held >= self.rule.held
        if self._held >= self.rule.held:
            self.armed = False
        elif self._calm >= self.rule.calm:
            self.armed = True
        return alarm

    def _holds(self, angle: float, norm: float, loss: float) -> bool:
        self._norms.append(norm)
        self._lowest_loss = min(self._lowest_loss, loss)
        lowest = {"angle": 1.0, "norm": min(self._norms), "loss": self._lowest_loss}
        values = {"angle": angle, "norm": norm, "loss": loss}
        limits = {name: getattr(self.rule, name) for name in SIGNALS}
        return all(values[name] > limits[name] * lowest[name] for name in SIGNALS if limits[name] is not None)


def alarms(records: xr.Dataset, rule: AlarmRule = DEFAULT) -> xr.DataArray:
    """Return at which steps a `Detector` raises the alarm.

    The value at a step depends on that step and those before only: cutting off the rest changes nothing.

    Parameters
    ----------
    records : records with the variables that the rule looks at (``gradient_angle``, ``gradient_norm``, ``loss``), all
        at the same steps
    rule : when an alarm is raised

    Returns
    -------
    DataArray (member, step) : 1 where the alarm is raised, else 0; NaN where nothing was recorded, or after the member
        diverged

    Raises
    ------
    InputError : a variable was not recorded, or not at the steps of the others.
    """
    names = {field: name for field, name in SIGNALS.items() if getattr(rule, field) is not None}
    series = {field: recorded(records, name) for field, name in names.items()}
    dims = {step_dimension(array) for array in series.values()}
    if len(dims) > 1:
        raise must_be("the variables of the rule", "recorded at the same steps", sorted(dims))
    dim = dims.pop()
    raised = xr.apply_ufunc(
        lambda *values: _raised(dict(zip(series, values, strict=True)), rule),
        *series.values(),
        input_core_dims=[[dim]] * len(series),
        output_core_dims=[[dim]],
        vectorize=True,
        output_dtypes=[float],
    )
    present = reduce(lambda some, other: some | other, (array.notnull() for array in series.values()))
    valid = present & before_divergence(records, raised)
    return labelled(raised.where(valid).transpose(*next(iter(series.values())).dims), records, "alarm")


def _raised(series: dict[str, Series], rule: AlarmRule) -> Series:
    """Return 1 at the steps of an alarm (step), for all steps at once."""
    holds = _holds(series, rule)
    held, calm = _in_a_row(holds) >= rule.held, _in_a_row(~holds) >= rule.calm
    armed = np.append(False, _last(calm)[:-1] > _last(held)[:-1])
    raised: Series = (held & armed).astype(float)
    return raised


def _holds(series: dict[str, Series], rule: AlarmRule) -> NDArray[np.bool_]:
    """Return at which steps all conditions hold (step)."""
    states: list[NDArray[np.bool_]] = []
    if rule.angle is not None:
        states.append(series["angle"] > rule.angle)
    if rule.norm is not None:
        norm = _or_infinite(series["norm"])
        padded = np.append(np.full(rule.window - 1, np.inf), norm)
        lowest = reduce(np.minimum, (padded[shift : shift + len(norm)] for shift in range(rule.window)))
        states.append(norm > rule.norm * lowest)
    if rule.loss is not None:
        loss = _or_infinite(series["loss"])
        states.append(loss > rule.loss * np.minimum.accumulate(loss))
    return reduce(np.logical_and, states)


def _in_a_row(state: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return for how many steps, this one included, the state has held."""
    return np.arange(len(state)) - _last(~state)


def _last(state: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Return the last index up to each step at which the state held; -1 before."""
    return np.maximum.accumulate(np.where(state, np.arange(len(state)), -1))


def _or_infinite(values: Any) -> Any:
    return np.nan_to_num(values, nan=np.inf, posinf=np.inf)
