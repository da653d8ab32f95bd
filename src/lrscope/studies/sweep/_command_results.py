"""From the records of trainings by command to results, a tree of labelled arrays, as far as the records go.

=============  ======================================================================================================
path           Dataset
=============  ======================================================================================================
rates          (lr) of `lrscope.analysis.recommendation`; of several settings, those of the best one
networks       (lr, seed) of the same: score, inf where a training diverged, NaN where it failed; diverged_at
optimum        (lr) of `lrscope.analysis.optimum`, on a finer grid; absent where it says nothing
sensitivity    (side) of `lrscope.analysis.sensitivity`
targets        (lr) of `lrscope.analysis.steps_to_target`, where a metric that is to be small was logged several times
curves/<name>  (lr, seed, step) of the metric, and of others that were logged
settings       (setting) best rate of each setting of the further axes; whether it is among the best of all
all_rates      (lr, setting) of `lrscope.analysis.recommendation` at each setting
=============  ======================================================================================================

A setting is a combination of the further axes; without any there is one, ``""``. Scores are the smaller the better in
`rates`; ``shown`` is what the reader sees: of what is maximised, the sign is changed back.

Attributes: ``rounds`` after the first one; ``setting``, that of `rates`; ``failed``, name of a training -> how it
ended; ``trained``, trainings that were begun; ``lengths``, first and last of the steps at which trainings ended.
"""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.commands import FINISHED
from lrscope.records import DIVERGED_AT, MEMBER, STEP, on_grid, step_dimension
from lrscope.studies.recorded._results import curve_names
from lrscope.studies.sweep._command_options import LAST, CommandOptions, Compared, scores_of, variable
from lrscope.studies.sweep._results import LR, SEED, whole
from lrscope.studies.sweep._rounds import grids, rounds_of, together

SETTING = "setting"
POINTS = 500
"""Points of a curve at most."""
CURVES = 6
"""Metrics that are drawn, at most."""


def analyse(records: Mapping[str, xr.Dataset], options: Compared) -> xr.DataTree:
    """Return the results of the records (member, step, ...) of the rounds."""
    rounds = grids(records)
    axes = list(options.axes)
    scores = _settings(together(rounds, lambda one: scores_of(one, options)), axes)
    every = {setting: analysis.recommendation(scores.sel({SETTING: setting})) for setting in scores[SETTING].values}
    jointly = _jointly(scores)
    best = _best(scores, jointly)
    own = scores.sel({SETTING: best}, drop=True).assign_attrs(scores.attrs)
    shown = -1.0 if options.maximize else 1.0
    rates = _shown(every[best].assign(epochs_needed=-1), shown)
    nodes: dict[str, Any] = {
        "rates": rates,
        "networks": _networks(rounds, own, axes, best, shown),
        "sensitivity": analysis.sensitivity(own),
        "settings": _of_settings(every, jointly, shown),
        "all_rates": xr.concat([_shown(one, shown) for one in every.values()], scores[SETTING]).transpose(LR, ...),
        **{f"curves/{name}": curve for name, curve in _curves(rounds, options, axes, best).items()},
    }
    smooth = analysis.optimum(own, tolerance=options.tolerance)
    nodes |= {"optimum": _shown(smooth, shown)} if np.isfinite(smooth["best"]) else {}
    lengths = _lengths(rounds, options)
    course = nodes[f"curves/{variable(options)}"][variable(options)]
    comparable = options.at == LAST and not options.maximize and len(set(lengths)) == 1 and course.sizes[STEP] > 1
    if comparable and np.isfinite(own).any():
        logged = xr.Dataset({"score": course, DIVERGED_AT: _diverged(nodes["networks"])})
        nodes["targets"] = analysis.steps_to_target(logged, quantity="score")
    further = []
    if isinstance(options, CommandOptions):
        further = rounds_of(records, options, lambda one: scores_of(one, options))
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {
        "rounds": further,
        "setting": best,
        "failed": _failed(records),
        "trained": sum(one.sizes[MEMBER] for one in rounds),
        "lengths": lengths,
    }
    return tree


def setting_of(values: Mapping[str, Any]) -> str:
    """Return a setting in words.

    Examples
    --------
    >>> setting_of({"wd": 0.1, "warmup": 100})
    'wd 0.1, warmup 100'
    """
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in values.items()
    )


def _settings(scores: xr.DataArray, axes: list[str]) -> xr.DataArray:
    """Return scores (setting, lr, seed), the further axes as one."""
    combinations = list(itertools.product(*(scores[axis].values.tolist() for axis in axes)))
    parts = [scores.sel(dict(zip(axes, values, strict=True)), drop=True) for values in combinations]
    names = [setting_of(dict(zip(axes, values, strict=True))) for values in combinations]
    whole = xr.concat(parts, xr.Variable(SETTING, names), coords="minimal", compat="override")
    return whole.transpose(SETTING, LR, SEED).assign_attrs(scores.attrs)


def _jointly(scores: xr.DataArray) -> xr.Dataset | None:
    """Return the recommendation among all rates at all settings (setting, lr); None where there is one setting."""
    if scores.sizes[SETTING] < 2:
        return None
    flat = scores.stack(candidate=(SETTING, LR)).transpose("candidate", SEED)
    numbered = xr.DataArray(flat.values, {LR: np.arange(flat.sizes["candidate"]) + 1.0, SEED: flat[SEED].values})
    result = analysis.recommendation(numbered.assign_attrs(scores.attrs))
    shape = (scores.sizes[SETTING], scores.sizes[LR])
    names = ("plausible", "difference", "difference_low", "difference_high")
    kept = {name: ((SETTING, LR), result[name].values.reshape(shape)) for name in names}
    place = {"setting": scores[SETTING], LR: scores[LR]}
    best = float(result["best"])
    number = (int(best) - 1) // shape[1] if np.isfinite(best) else 0
    return xr.Dataset(kept, place).assign(best=str(scores[SETTING].values[number]))


def _best(scores: xr.DataArray, jointly: xr.Dataset | None) -> str:
    return str(scores[SETTING].values[0] if jointly is None else jointly["best"].item())


def _of_settings(every: Mapping[str, xr.Dataset], jointly: xr.Dataset | None, shown: float) -> xr.Dataset:
    """Return what is known of each setting (setting)."""
    rows = []
    for setting, rates in every.items():
        best = rates["best"]
        known = bool(np.isfinite(best))
        at_best = _shown(rates, shown)["score"].sel({LR: best}, drop=True) if known else xr.DataArray(np.nan)
        row = rates[["best", "low", "high", "decided"]].assign(score=at_best)
        if jointly is not None:
            own = jointly.sel({SETTING: setting}, drop=True)
            may = own["plausible"]
            lrs = xr.DataArray(own[LR].values, dims=LR)
            row["plausible"] = may.any(LR)
            row["joint_low"], row["joint_high"] = lrs.where(may).min(LR), lrs.where(may).max(LR)
            row["difference_low"] = own["difference_low"].min(LR)
        rows.append(row.drop_vars(LR, errors="ignore"))
    return xr.concat(rows, xr.Variable(SETTING, list(every)), coords="minimal", compat="override")


def _shown(rates: xr.Dataset, sign: float) -> xr.Dataset:
    """Return a recommendation whose scores have the sign that the reader knows."""
    if sign > 0:
        return rates
    turned = {"score": -rates["score"], "score_low": -rates["score_high"], "score_high": -rates["score_low"]}
    named = {name: array.assign_attrs(rates[name].attrs) for name, array in turned.items()}
    return rates.assign(named).assign_attrs(end="highest")


def _at_setting(array: xr.DataArray, axes: list[str], setting: str) -> xr.DataArray:
    for values in itertools.product(*(array[axis].values.tolist() for axis in axes)):
        labels = dict(zip(axes, values, strict=True))
        if setting_of(labels) == setting:
            return array.sel(labels, drop=True)
    raise AssertionError(f"{setting} is one of the combinations of {axes}")


def _networks(rounds: list[xr.Dataset], scores: xr.DataArray, axes: list[str], setting: str, sign: float) -> xr.Dataset:
    """Return how each training at a setting ended (lr, seed)."""
    last = together(rounds, lambda one: on_grid(one[[DIVERGED_AT]])[DIVERGED_AT].max(STEP))
    diverged_at = _at_setting(last, axes, setting)
    shown = xr.where(np.isinf(scores), np.inf, sign * scores).assign_attrs(scores.attrs)
    ended = xr.where(scores.isnull(), "failed", xr.where(np.isinf(scores), "diverged", "finished"))
    asked = diverged_at.notnull()
    return xr.Dataset({"score": shown, "ended": ended.where(asked, ""), DIVERGED_AT: diverged_at.where(asked, -1)})


def _diverged(networks: xr.Dataset) -> xr.DataArray:
    return networks[DIVERGED_AT].expand_dims({"step_end": 1}, axis=-1)


def _curves(rounds: list[xr.Dataset], options: Compared, axes: list[str], setting: str) -> dict[str, xr.Dataset]:
    """Return the course of the metric, and of others that every round has, at a setting (lr, seed, step)."""
    first = variable(options)
    names = [name for name in curve_names(rounds[0]) if name != first and all(name in one for one in rounds)]
    several = [name for name in names if rounds[0].sizes[step_dimension(rounds[0][name])] > 1]
    curves = {}
    for name in [first, *several][:CURVES]:
        course = _at_setting(whole(rounds, name), axes, setting)
        dim = step_dimension(course)
        every = -(-course.sizes[dim] // POINTS)
        renamed = course.isel({dim: slice(None, None, -every)}).isel({dim: slice(None, None, -1)})  # the last one kept
        renamed = renamed.rename({dim: STEP} if dim != STEP else {})
        renamed[STEP].attrs = {"long_name": "step", "units": "updates"}
        curves[name] = renamed.transpose(LR, SEED, STEP).to_dataset(name=name)
    return curves


def _lengths(rounds: list[xr.Dataset], options: Compared) -> tuple[int, int]:
    """Return the first and the last of the steps at which trainings have their last value."""
    name, lasts = variable(options), []
    for one in rounds:
        array, dim = one[name].compute(), step_dimension(one[name])
        diverged = one[DIVERGED_AT].compute().max(step_dimension(one[DIVERGED_AT])) >= 0
        lasts += array[dim].where(array.notnull()).max(dim).where(~diverged).values.tolist()
    known = [int(last) for last in lasts if np.isfinite(last)]
    return (min(known), max(known)) if known else (0, 0)


def _failed(records: Mapping[str, xr.Dataset]) -> dict[str, dict[str, Any]]:
    ended: dict[str, dict[str, Any]] = {}
    for one in records.values():
        ended |= one.attrs["metadata"]["trainings"]
    return {name: own for name, own in ended.items() if own["ended"] != FINISHED}
