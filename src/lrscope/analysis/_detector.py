"""An alarm before the error rises: online, from past values only, and how good it is.

`Detector` sits in anyone's training loop and takes one step at a time; `alarms` gives the same for recorded series.
`alarm_score` compares alarms with the onsets that are known once the run is over.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope.analysis._events import Series
from lrscope.analysis._layers import before_divergence, dataset, labelled, recorded
from lrscope.errors import must_be, unknown
from lrscope.records import LOSS, MEMBER, step_dimension

SIGNS = {"angle": "gradient_angle", "norm": "gradient_norm", "loss": LOSS}
"""Field of `AlarmRule` -> the variable that it looks at."""


@dataclass(frozen=True)
class AlarmRule:
    """When an alarm is raised: all signs that are given have held for so many steps in a row, after a calm.

    Attributes
    ----------
    angle : degrees, 0 to 180; sign: the angle between this gradient and the one before lies above
    norm : above 1; sign: the gradient norm lies above this multiple of its lowest value of the last `window` steps
    loss : above 1; sign: the loss lies above this multiple of its lowest value so far
    held : at least 1; so many steps in a row
    calm : at least 1; so many steps in a row without all signs make a calm, which arms the alarm; it is raised once,
        and again only after another calm
    window : at least 2 steps, the present one included

    Raises
    ------
    InputError : a value is out of range, or no sign is given.
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


QUANTILES = (0.1, 0.5, 0.9)
STRAIGHT = 180
"""Degrees; no angle between two gradients is larger."""
DEFAULT = AlarmRule()


class Detector:
    """An alarm that listens to a training loop, step by step, and knows nothing of what comes.

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
        sign = self._sign(angle, _or_infinite(gradient_norm), _or_infinite(loss))
        self._held, self._calm = (self._held + 1, 0) if sign else (0, self._calm + 1)
        alarm = self.armed and self._held >= self.rule.held
        if self._held >= self.rule.held:
            self.armed = False
        elif self._calm >= self.rule.calm:
            self.armed = True
        return alarm

    def _sign(self, angle: float, norm: float, loss: float) -> bool:
        self._norms.append(norm)
        self._lowest_loss = min(self._lowest_loss, loss)
        lowest = {"angle": 1.0, "norm": min(self._norms), "loss": self._lowest_loss}
        values = {"angle": angle, "norm": norm, "loss": loss}
        wanted = {name: getattr(self.rule, name) for name in SIGNS}
        return all(values[name] > wanted[name] * lowest[name] for name in SIGNS if wanted[name] is not None)


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
    names = {sign: name for sign, name in SIGNS.items() if getattr(rule, sign) is not None}
    series = {sign: recorded(records, name) for sign, name in names.items()}
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


def judged(alarm: xr.DataArray, found: xr.Dataset, horizon: int = 100) -> xr.Dataset:
    """Return what became of the alarms of each member, now that the onset of its error is known.

    Parameters
    ----------
    alarm : DataArray (member, step), of `alarms`
    found : Dataset of `lrscope.analysis.onsets` of the same records; alarms behind its ``risen`` are not judged, since
        it tells of the first rise only
    horizon : updates; a true alarm comes at most so long before the onset

    Returns
    -------
    Dataset with the dimension (member); NaN for members that were unstable from the start (``early``)
        true : alarms before the onset of the error, at most a horizon
        false : alarms that no onset follows within the horizon, although the run went on for so long
        undecided : alarms that no onset follows, but whose run ended within the horizon
        late : alarms at the onset or behind it, before the error had risen
        detected : of the members with an onset, 1 if an alarm was true, 0 if not; NaN without an onset
        lead : updates from the first true alarm to the onset; NaN if there is none

    Raises
    ------
    InputError : a horizon below 1.
    """
    if horizon < 1:
        raise must_be("horizon", "at least 1 update", horizon)
    dim = step_dimension(alarm)
    step = alarm[dim].drop_attrs()
    onset = found["onset"].sel(criterion="error", drop=True)
    unstable, counts = onset >= 0, found["early"] == 0
    raised = (alarm == 1) & (~unstable | (step <= found["risen"]))
    last = step.where(alarm.notnull()).max(dim)
    true = raised & unstable & (step < onset) & (onset - step <= horizon)
    late = raised & unstable & (step >= onset)
    open_end = raised & ~unstable & (step + horizon > last)
    lead = onset - step.where(true).min(dim)
    result = {
        "true": (true.sum(dim), "true alarms", "1"),
        "false": ((raised & ~true & ~late & ~open_end).sum(dim), "false alarms", "1"),
        "undecided": (open_end.sum(dim), "undecided alarms", "1"),
        "late": (late.sum(dim), "late alarms", "1"),
        "detected": (true.any(dim).where(unstable), "detected onsets", "1"),
        "lead": (lead, "lead time", "updates"),
    }
    arrays = {name: labelled(array.where(counts), alarm, *about) for name, (array, *about) in result.items()}
    return dataset(arrays, alarm)


def alarm_score(judgement: xr.Dataset, dims: str | Sequence[str] = MEMBER) -> xr.Dataset:
    """Return how good the alarms of many members are.

    Parameters
    ----------
    judgement : Dataset (member), of `judged`; on the axes of a sweep after `lrscope.records.on_grid`
    dims : which are pooled, e.g. ``seed`` for a score of each learning rate

    Returns
    -------
    Dataset without `dims`
        precision : true alarms over true and false ones; NaN if there are none
        recall : share of the onsets before which an alarm was true; NaN if there is none
        f1 : harmonic mean of the two; 0 where nothing was true, NaN where precision or recall is
        lead : (quantile) updates; 0.1, 0.5 and 0.9 quantile over the detected onsets
        onsets, members, early : how many had an onset, were judged, were unstable from the start

    Raises
    ------
    InputError : a dimension that is not there.
    """
    over = [dims] if isinstance(dims, str) else list(dims)
    for dim in over:
        if dim not in judgement.dims:
            raise unknown("dims", dim, map(str, judgement.dims))
    true, false = judgement["true"].sum(over), judgement["false"].sum(over)
    precision = true / (true + false).where(true + false > 0)
    recall = judgement["detected"].mean(over)
    f1 = 2 * precision * recall / (precision + recall).where(precision + recall > 0, 1.0)
    known = judgement["lead"].notnull().any(over)  # NumPy warns of quantiles of nothing
    lead = judgement["lead"].where(known, 0.0).quantile(list(QUANTILES), over).where(known)
    result = {
        "precision": labelled(precision, judgement, "precision"),
        "recall": labelled(recall, judgement, "recall"),
        "f1": labelled(f1, judgement, "F-score"),
        "lead": labelled(lead.transpose(..., "quantile"), judgement, "lead time", "updates"),
        "onsets": labelled(judgement["detected"].count(over), judgement, "onsets"),
        "members": labelled(judgement["true"].count(over), judgement, "judged members"),
        "early": labelled(judgement["true"].isnull().sum(over), judgement, "unstable from the start"),
    }
    return xr.Dataset(result)


def _raised(series: dict[str, Series], rule: AlarmRule) -> Series:
    """Return 1 at the steps of an alarm (step), for all steps at once."""
    held, calm = _in_a_row(sign := _sign(series, rule)) >= rule.held, _in_a_row(~sign) >= rule.calm
    armed = np.append(False, _last(calm)[:-1] > _last(held)[:-1])
    raised: Series = (held & armed).astype(float)
    return raised


def _sign(series: dict[str, Series], rule: AlarmRule) -> NDArray[np.bool_]:
    """Tell at which steps all signs hold (step)."""
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
