"""From the records of trainings by command to results, a tree of labelled arrays, as far as the records go.

=============  ======================================================================================================
path           Dataset
=============  ======================================================================================================
rates          (lr) of `lrscope.analysis.recommendation`, at the best setting
networks       (lr, seed) of the same: score, inf where a training diverged, NaN where it failed; diverged_at
optimum        (lr) of `lrscope.analysis.optimum`, on a finer grid; absent where it says nothing
sensitivity    (side) of `lrscope.analysis.sensitivity`
targets        (lr) of `lrscope.analysis.steps_to_target`, where a metric that is to be small was logged several times
curves/<name>  (lr, seed, step) of the metric, and of others that were logged
settings, ...  of `lrscope.studies.sweep._settings`
=============  ======================================================================================================

A setting is a combination of the further axes; without any there is one, ``""``. Scores are the smaller the better in
`rates`; ``shown`` is what the reader sees: of what is maximised, the sign is changed back.

Attributes: ``rounds`` after the first one; ``setting``, that of `rates`; ``failed``, name of a training -> how it
ended; ``trained``, trainings that were begun; ``lengths``, first and last of the steps at which trainings ended.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.commands import FINISHED
from lrscope.records import DIVERGED_AT, MEMBER, STEP, on_grid, step_dimension
from lrscope.studies._at import LAST
from lrscope.studies.recorded._results import curve_names
from lrscope.studies.sweep._results import evidence, plain, whole
from lrscope.studies.sweep._rounds import grids, together
from lrscope.studies.sweep._scores import LR, SEED, Compared, variable

POINTS = 500
"""Points of a curve at most."""
LOGGED = "as logged"
"""What the steps count: updates, epochs or rows, whatever numbers them."""
CURVES = 6
"""Metrics that are drawn, at most."""


def analyse(records: Mapping[str, xr.Dataset], options: Compared) -> xr.DataTree:
    """Return the results of the records (member, step, ...) of the rounds."""
    settings, rounds, nodes, attrs = evidence(records, options)
    every, own = grids(records), settings.best_scores
    nodes["rates"]["epochs_needed"] = -1
    nodes["networks"] = _networks(rounds, own, settings.sign)
    nodes |= {f"curves/{name}": curve for name, curve in _curves(rounds, options).items()}
    lengths = _lengths(every, options)
    course = nodes[f"curves/{variable(options)}"][variable(options)]
    comparable = options.at == LAST and not options.maximize and len(set(lengths)) == 1 and course.sizes[STEP] > 1
    if comparable and np.isfinite(own).any():
        logged = xr.Dataset(
            {"score": course, DIVERGED_AT: nodes["networks"][DIVERGED_AT].expand_dims({"step_end": 1}, axis=-1)}
        )
        nodes["targets"] = analysis.steps_to_target(logged, quantity="score")
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {
        **attrs,
        "failed": _failed(records),
        "trained": sum(one.sizes[MEMBER] for one in every),
        "lengths": lengths,
    }
    return tree


def _networks(rounds: list[xr.Dataset], scores: xr.DataArray, sign: float) -> xr.Dataset:
    """Return how each training ended (lr, seed)."""
    diverged_at = together(rounds, lambda one: on_grid(one[[DIVERGED_AT]])[DIVERGED_AT].max(STEP))
    shown = xr.where(np.isinf(scores), np.inf, sign * scores).assign_attrs(scores.attrs)
    ended = xr.where(scores.isnull(), "failed", xr.where(np.isinf(scores), "diverged", "finished"))
    asked = diverged_at.notnull()
    return xr.Dataset({"score": shown, "ended": ended.where(asked, ""), DIVERGED_AT: diverged_at.where(asked, -1)})


def _curves(rounds: list[xr.Dataset], options: Compared) -> dict[str, xr.Dataset]:
    """Return the course of the metric, and of others that every round has (lr, seed, step)."""
    first = variable(options)
    names = [name for name in curve_names(rounds[0]) if name != first and all(name in one for one in rounds)]
    several = [name for name in names if rounds[0].sizes[step_dimension(rounds[0][name])] > 1]
    curves = {}
    for name in [first, *several][:CURVES]:
        course = whole(rounds, name)
        dim = step_dimension(course)
        every = -(-course.sizes[dim] // POINTS)
        short = course.isel({dim: slice(None, None, -every)}).isel({dim: slice(None, None, -1)})  # the last one kept
        curves[name] = plain(short, LOGGED).transpose(LR, SEED, STEP).to_dataset(name=name)
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
