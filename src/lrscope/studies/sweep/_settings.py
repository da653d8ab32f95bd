"""Settings: the combinations of the axes beside rate and seed. Which is best, and which axis matters.

`Settings` adds these to the results:

=============  ======================================================================================================
path           Dataset
=============  ======================================================================================================
settings       (setting) best rate of each setting; whether it is among the best of all
all_rates      (lr, setting) of `lrscope.analysis.recommendation` at each setting
effects        (choice) of each value of each axis, below; absent without such axes
by_axis/<axis> (lr, value, seed) scores at the other axes' values of the best setting
=============  ======================================================================================================

``effects`` has, for each value of an axis: ``trained``, whether it has any score; ``best``, the rate with which it does
best, of the best rates of its settings; ``difference``, ``difference_low``: how much worse than the best of all
combinations it is with the best for it of everything else, and whether it may be the best (``plausible``); ``open``,
whether a setting with it has its best rate at an end of its grid, beyond doubt, so that a better one may lie outside;
``difference_high``: at most, if each value's best combination is the one that seems so; ``change``, ``change_low``,
``change_high``: at the same rate, how much its scores differ from those of the axis's ``reference``, a mean over rates
and seeds with Student's t interval. Differences are those of logarithms, unless scores are below zero.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.records import MEMBER
from lrscope.studies.sweep._scores import LR, SEED
from lrscope.sweep import GROUP

SETTING, CHOICE, VALUE = "setting", "choice", "value"
UNTRAINED = {"members": 0, "diverged": 0, "plausible": False}
"""What is known of a rate that was trained with other settings only; of all else NaN."""
CHANGE = {"change": "mean", "change_low": "low", "change_high": "high"}


def setting_of(values: Mapping[str, Any]) -> str:
    """Return a setting in words.

    Examples
    --------
    >>> setting_of({"wd": 0.1, "warmup": 100})
    'wd 0.1, warmup 100'
    """
    return ", ".join(f"{name} {_text(value)}" for name, value in values.items())


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def shown_scores(rates: xr.Dataset, sign: float) -> xr.Dataset:
    """Return a recommendation whose scores have the sign that the reader knows: -1 for what is maximised."""
    if sign > 0:
        return rates
    turned = {"score": -rates["score"], "score_low": -rates["score_high"], "score_high": -rates["score_low"]}
    named = {name: array.assign_attrs(rates[name].attrs) for name, array in turned.items()}
    return rates.assign(named).assign_attrs(end="highest")


@dataclass(frozen=True)
class Settings:
    """The scores of all settings, and what follows from them.

    Attributes
    ----------
    scores : (lr, <axes>, seed) the smaller the better; inf where a training diverged, NaN where there is none
    axes : beside lr and seed
    sign : of the scores as they are shown
    asked : bool of the same shape: what was to be trained; all if left out
    """

    scores: xr.DataArray
    axes: Sequence[str]
    sign: float = 1.0
    asked: xr.DataArray | None = None

    @cached_property
    def labels(self) -> dict[str, dict[str, Any]]:
        """Setting in words -> its values of the axes."""
        combinations = itertools.product(*(self.scores[axis].values.tolist() for axis in self.axes))
        each = (dict(zip(self.axes, values, strict=True)) for values in combinations)
        return {setting_of(labels): labels for labels in each}

    @cached_property
    def each(self) -> dict[str, xr.Dataset]:
        """Setting -> the recommendation (lr) among its rates."""
        return {name: analysis.recommendation(self._at(labels)) for name, labels in self.labels.items()}

    @cached_property
    def best(self) -> str:
        """The best setting."""
        if len(self.labels) < 2:
            return next(iter(self.labels))
        best = float(self.flat["best"])
        return list(self.labels)[(int(best) - 1) // self.scores.sizes[LR] if np.isfinite(best) else 0]

    @cached_property
    def contenders(self) -> dict[str, list[Any]]:
        """Axis -> its values with which some combination may be the best; all if every training diverged."""
        plausible = self.joint["plausible"].any(LR)
        names = plausible[SETTING].values[plausible.values].tolist() or list(self.labels)
        chosen = {axis: {self.labels[name][axis] for name in names} for axis in self.axes}
        return {
            axis: [value for value in self.scores[axis].values.tolist() if value in chosen[axis]] for axis in chosen
        }

    def falls_at_an_end(self, setting: str) -> bool:
        """Tell whether the best rate of a setting is an end of its grid, and better than the next one beyond doubt."""
        rates = self.each[setting]
        best = np.flatnonzero(rates[LR] == rates["best"])
        last = rates.sizes[LR] - 1
        if not len(best) or int(best[0]) not in (0, last):
            return False
        return last == 0 or not bool(rates["plausible"][1 if int(best[0]) == 0 else last - 1])

    @property
    def best_scores(self) -> xr.DataArray:
        """Scores (lr, seed) at the best setting."""
        return self._at(self.labels[self.best])

    def at_best(self, records: xr.Dataset) -> xr.Dataset:
        """Return the records of the members at the best setting, without its axes."""
        labels = self.labels[self.best]
        if not labels:
            return records
        chosen = np.logical_and.reduce([records[axis].values == value for axis, value in labels.items()])
        kept = records.isel({MEMBER: np.flatnonzero(chosen)}).drop_vars(list(labels))
        return kept.assign_attrs(axes=[axis for axis in records.attrs["axes"] if axis not in labels])

    def nodes(self) -> dict[str, xr.Dataset]:
        """Return what the results have of the settings."""
        every = [shown_scores(one, self.sign) for one in self.each.values()]
        named = xr.Variable(SETTING, list(self.each))
        nodes = {
            "settings": self._of_settings(),
            "all_rates": xr.concat(every, named, join="outer", fill_value=UNTRAINED).transpose(LR, ...),
        }
        if len(self.labels) < 2:
            return nodes
        effects = xr.concat([self._effects(axis) for axis in self.axes], CHOICE)
        nodes["effects"] = effects.assign_attrs(scale=self.flat.attrs["scale"])
        return nodes | {f"by_axis/{axis}": self._by_axis(axis) for axis in self.axes}

    def _at(self, labels: Mapping[str, Any]) -> xr.DataArray:
        """Return the scores (lr, seed) at a setting, of the rates that were to be trained with it."""
        scores = self.scores.sel(labels, drop=True).transpose(LR, SEED).assign_attrs(self.scores.attrs)
        return scores if self.asked is None else scores.isel({LR: self.asked.sel(labels).any(SEED).values})

    @cached_property
    def flat_scores(self) -> xr.DataArray:
        """The scores (lr, seed) of all rates at all settings, one after the other, as if each was a rate."""
        parts = [self.scores.sel(labels).transpose(LR, SEED).values for labels in self.labels.values()]
        return self._numbered(np.concatenate(parts))

    @cached_property
    def flat(self) -> xr.Dataset:
        """The recommendation among all rates at all settings."""
        return analysis.recommendation(self.flat_scores)

    @cached_property
    def joint(self) -> xr.Dataset:
        """The same as (setting, lr)."""
        shape = (len(self.labels), self.scores.sizes[LR])
        names = ("plausible", "difference", "difference_low", "difference_high")
        kept = {name: ((SETTING, LR), self.flat[name].values.reshape(shape)) for name in names}
        return xr.Dataset(kept, {SETTING: list(self.labels), LR: self.scores[LR].values})

    def _of_settings(self) -> xr.Dataset:
        rows = []
        for setting, rates in self.each.items():
            best = rates["best"]
            known = bool(np.isfinite(best))
            shown = shown_scores(rates, self.sign)["score"]
            row = rates[["best", "low", "high", "decided"]]
            row = row.assign(score=shown.sel({LR: best}, drop=True) if known else xr.DataArray(np.nan))
            if len(self.labels) > 1:
                own = self.joint.sel({SETTING: setting}, drop=True)
                lrs = xr.DataArray(own[LR].values, dims=LR).where(own["plausible"])
                row["trained"] = self._at(self.labels[setting]).notnull().any()
                row["plausible"] = own["plausible"].any(LR)
                row["joint_low"], row["joint_high"] = lrs.min(LR), lrs.max(LR)
                row["difference_low"] = own["difference_low"].min(LR)
            rows.append(row.drop_vars(LR, errors="ignore"))
        return xr.concat(rows, xr.Variable(SETTING, list(self.each)), coords="minimal", compat="override")

    def _effects(self, axis: str) -> xr.Dataset:
        """Return what is known of each value of an axis (choice), all others at what is best for it."""
        values, reference = self.scores[axis].values.tolist(), self._reference(axis)
        rows, tuned = [], []
        for value in values:
            names = [name for name, labels in self.labels.items() if labels[axis] == value]
            own = self.joint.sel({SETTING: names})
            # A rate at which too many diverge is not the best one of a setting, however low the scores of the others.
            bests = xr.DataArray([float(self.each[name]["best"]) for name in names], dims=SETTING)
            difference = own["difference"].where(own[LR] == bests).fillna(np.inf)
            first = own.isel(difference.argmin((SETTING, LR)))
            tuned.append(self._at(self.labels[str(first[SETTING].item())]).sel({LR: first[LR]}).values)
            change = analysis.over_seeds(self.sign * self._change(axis, value, reference))
            change = change.where(value != reference)
            row = {
                "axis": axis,
                VALUE: _text(value),
                "reference": _text(reference),
                "trained": bool(self.scores.sel({axis: value}).notnull().any()),
                "best": float(first[LR].where(np.isfinite(difference.min()))),
                "difference": float(first["difference"]),
                "difference_low": float(own["difference_low"].min()),
                "plausible": bool(own["plausible"].any()),
                "open": any(self.falls_at_an_end(name) for name in names),
                **{name: float(change[end]) for name, end in CHANGE.items()},
            }
            rows.append(xr.Dataset(row))
        scores = self._numbered(np.stack(tuned))
        if self.flat.attrs["scale"] == "linear":
            # Below zero they are compared by their differences, as all are; a constant changes none of these.
            scores = scores - float(self.scores.where(np.isfinite(self.scores)).max()) - 1
        between = analysis.recommendation(scores)["difference_high"]
        return xr.concat(rows, CHOICE).assign(difference_high=(CHOICE, between.values))

    def _numbered(self, scores: np.ndarray) -> xr.DataArray:
        """Return scores (candidate, seed) as if each candidate was a rate: 1, 2, ..."""
        coords = {LR: np.arange(len(scores)) + 1.0, SEED: self.scores[SEED].values}
        return xr.DataArray(scores, coords).assign_attrs(self.scores.attrs)

    def _reference(self, axis: str) -> Any:
        """Return what an axis's values are compared with at the same rate: a multiplier of 1, or the first one."""
        values = self.scores[axis].values.tolist()
        return 1 if axis.startswith(GROUP) and 1 in values else values[0]

    def _change(self, axis: str, value: Any, reference: Any) -> xr.DataArray:
        """Return the mean difference (seed) to the reference over the combinations where all seeds ended in both.

        Seeds that were not trained with every setting are left out.
        """
        known = self.scores.notnull().any(LR)
        shared = (known | ~known.any(SEED)).all(list(self.axes))
        scores = self.scores.isel({SEED: np.flatnonzero(shared)})
        finite = scores.where(np.isfinite(scores))
        logarithm: xr.DataArray = xr.apply_ufunc(np.log, finite.where(finite > 0))
        logs = finite if bool((finite < 0).any()) else logarithm
        difference = logs.sel({axis: value}, drop=True) - logs.sel({axis: reference}, drop=True)
        others = [dim for dim in difference.dims if dim != SEED]
        return difference.where(difference.notnull().all(SEED)).mean(others)

    def _by_axis(self, axis: str) -> xr.Dataset:
        """Return the scores (lr, value, seed), all other axes at the best setting."""
        others = {name: value for name, value in self.labels[self.best].items() if name != axis}
        course = self.scores.sel(others, drop=True)
        texts = [f"{axis} {_text(value)}" for value in course[axis].values.tolist()]
        named = course.rename({axis: VALUE}).assign_coords({VALUE: texts}).transpose(LR, VALUE, SEED)
        scale = "linear" if bool((named < 0).any()) else "log"
        shown = xr.where(np.isinf(named), np.inf, self.sign * named)
        shown[LR].attrs = self.scores[LR].attrs
        return xr.Dataset({"score": shown.assign_attrs(self.scores.attrs | {"scale": scale})})
