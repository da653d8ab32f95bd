"""From the records of the study to its results, a tree of labelled arrays.

=============  ======================================================================================================
path           Dataset
=============  ======================================================================================================
settings, ...  of `lrscope.studies.sweep._settings`; all below is of the best setting
networks       (lr, seed) score: last validation loss, inf where a network diverged, NaN where none was trained;
               accuracy, if the targets are classes; outcome, diverged_at; steps to the target, -1 if never reached
rates          (lr) of `lrscope.analysis.recommendation`, the mean accuracy, and `lrscope.analysis.epochs_needed`
optimum        (lr) of `lrscope.analysis.optimum`, on a finer grid; absent where it says nothing
sensitivity    (side) of `lrscope.analysis.sensitivity`
targets        (lr) of `lrscope.analysis.steps_to_target`, unless all networks diverged
curves         (lr, seed, step) by epoch: training and validation loss, and accuracy; of training the mean over the
               batches of the epoch
variance       (source) of `lrscope.analysis.variance_split`, with crossed seeds
range_test     (rule, seed), (seed, step) of `lrscope.analysis.range_test`
agreement      (rule) of `lrscope.analysis.range_test_agreement`
insides        (lr, seed) of the last epoch
survival       (lr, step) of `lrscope.analysis.survival`
active         a node for each of some rates, with the attribute ``title``: (step, neuron) share of the batch that
               activates each neuron, in the first seed
=============  ======================================================================================================

Attributes: ``per_epoch``, the steps of an epoch; ``setting``, the best one, empty where there is one only; ``rounds``
after the first one; ``rectified``: all recorded activations are 0 or more, so that a neuron can be dead.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.records import DIVERGED_AT, on_grid, outcomes, step_dimension
from lrscope.studies._words import rate
from lrscope.studies.recorded._results import INACTIVE, RATES_SHOWN, evenly
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._rounds import CROSSED, RANGE_TEST, grids, rounds_at_best, rounds_of, settings_of, together
from lrscope.studies.sweep._scores import LR, SEED, Compared
from lrscope.studies.sweep._settings import Settings, shown_scores

STEP = "step"


def evidence(
    records: Mapping[str, xr.Dataset], options: Compared
) -> tuple[Settings, list[xr.Dataset], dict[str, Any], dict[str, Any]]:
    """Return what all sweeps have: their settings, the records of the best one by round, nodes and attributes."""
    every = grids(records)
    settings = settings_of(every, options)
    scores = settings.best_scores
    nodes = {
        "rates": shown_scores(settings.each[settings.best], settings.sign).copy(),
        "sensitivity": analysis.sensitivity(scores),
        **settings.nodes(),
    }
    smooth = analysis.optimum(scores, tolerance=options.tolerance)
    if np.isfinite(smooth["best"]):
        nodes["optimum"] = shown_scores(smooth, settings.sign)
    attrs = {"setting": settings.best, "rounds": rounds_of(records, options)}
    return settings, rounds_at_best(every, settings), nodes, attrs


def analyse(records: Mapping[str, xr.Dataset], options: Options) -> xr.DataTree:
    """Return the results of the records (member, step, ...) of the experiments."""
    settings, rounds, nodes, attrs = evidence(records, options)
    per_epoch = int(rounds[0][step_dimension(rounds[0]["val_loss"])][0]) + 1
    rectified = _rectified(rounds)
    scores = settings.best_scores
    validation = whole(rounds, "val_loss")
    diverged_at = whole(rounds, DIVERGED_AT)  # shows that a network without losses was trained
    diverged_at = diverged_at.isel({step_dimension(diverged_at): [-1]})
    course = xr.Dataset({"val_loss": validation, DIVERGED_AT: diverged_at})
    rates = nodes["rates"]
    tested = analysis.range_test(on_grid(settings.at_best(records[RANGE_TEST])))
    rates["epochs_needed"] = analysis.epochs_needed(course, rates)
    lives = together(rounds, lambda one: on_grid(analysis.lives(one, window=_window(one, per_epoch))))
    networks = together(rounds, lambda one: on_grid(outcomes(one))).assign(score=scores)
    curves = {"training loss": _by_epoch(whole(rounds, "loss"), per_epoch), "validation loss": plain(validation)}
    if "val_accuracy" in rounds[0]:
        last = together(rounds, lambda one: analysis.final_scores(one, "val_accuracy"))
        networks["accuracy"] = last.where(np.isfinite(scores)).assign_attrs(long_name="validation accuracy")
        rates["accuracy"] = networks["accuracy"].mean(SEED)
        curves["training accuracy"] = _by_epoch(whole(rounds, "accuracy"), per_epoch)
        curves["validation accuracy"] = plain(whole(rounds, "val_accuracy"))
    nodes |= {
        "networks": networks,
        "curves": xr.Dataset(curves),
        "range_test": tested,
        "agreement": analysis.range_test_agreement(tested["suggestion"], rates),
        "insides": _insides(rounds, lives if rectified else None, per_epoch).where(np.isfinite(scores)),
        "survival": analysis.survival(lives),
        **_active(rounds),
    }
    if np.isfinite(scores).any():
        nodes["targets"] = analysis.steps_to_target(course)
        networks["steps_to_target"] = nodes["targets"]["steps"]
    if CROSSED in records:
        nodes["variance"] = analysis.variance_split(analysis.final_scores(records[CROSSED]))
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {"per_epoch": per_epoch, "rectified": rectified, **attrs}
    return tree


def mean_curve(curve: xr.DataArray) -> xr.Dataset:
    """Return the mean of a curve over the seeds with its interval; of positive losses the geometric mean."""
    return analysis.over_seeds(curve, log="loss" in str(curve.attrs["long_name"]) and not bool((curve < 0).any()))


def whole(rounds: list[xr.Dataset], name: str) -> xr.DataArray:
    """Return a recorded variable of all rounds (lr, seed, step)."""
    return together(rounds, lambda one: on_grid(one[[name]])[name])


def _by_epoch(array: xr.DataArray, per_epoch: int) -> xr.DataArray:
    """Return the mean over the steps of each epoch, at its last step."""
    dim = step_dimension(array)
    means = array.coarsen({dim: per_epoch}).mean().assign_coords({dim: array[dim][per_epoch - 1 :: per_epoch].values})
    return plain(means.assign_attrs(array.attrs))


def plain(array: xr.DataArray, units: str = "updates") -> xr.DataArray:
    """Return an array whose step dimension is called `step`, with what it counts."""
    dim = step_dimension(array)
    renamed = array.rename({dim: STEP}) if dim != STEP else array
    renamed[STEP].attrs = {"long_name": "step", "units": units}
    return renamed


def _window(records: xr.Dataset, per_epoch: int) -> int:
    """Return for how many recorded steps a neuron must be silent to be dead: those of an epoch."""
    steps = next(array for array in records.values() if array.attrs.get("statistic") == "active")
    distance = int(np.diff(steps[step_dimension(steps)].values[:2]).sum()) or 1
    return math.ceil(per_epoch / distance)


def _active(rounds: list[xr.Dataset]) -> dict[str, xr.Dataset]:
    """Return the active shares (step, neuron) of the first seed at some rates, evenly chosen."""
    first = {lr: records for records in reversed(rounds) for lr in records[LR].values.tolist()}
    lrs = sorted(first)
    nodes = {}
    for number in evenly(len(lrs), RATES_SHOWN):
        lr, records = lrs[number], first[lrs[number]]
        at_rate = records.isel(member=np.flatnonzero(records[LR].values == lr)[:1])
        grid = on_grid(analysis.by_neuron(at_rate, "activations", "active"))
        shares = analysis.arranged(grid.isel({LR: 0, SEED: 0})).to_dataset(name="share")
        nodes[f"active/{number}"] = shares.assign_attrs(title=f"lr {rate(lr, lrs)}")
    return nodes


def _rectified(rounds: list[xr.Dataset]) -> bool:
    smallest = [array for one in rounds for array in one.values() if array.attrs.get("statistic") == "min"]
    return all(not (array < 0).any() for array in smallest)


def _insides(rounds: list[xr.Dataset], lives: xr.Dataset | None, per_epoch: int) -> xr.Dataset:
    """Return medians over the last epoch, shares of dead and inactive neurons, and the sharpness (lr, seed)."""
    names = ("gradient_angle", "gradient_norm", "update_size")
    arrays = {name: _late(whole(rounds, name), per_epoch) for name in names}
    arrays["gradient_angle"].attrs["long_name"] = "gradient angle"
    if lives is not None:
        dead = (lives["died"] >= 0).mean("neuron").where(lives["dead_share"].notnull().any("neuron"))
        arrays["dead_share"] = dead.assign_attrs(long_name="share of dead neurons", units="1")
    share = together(rounds, _inactive)
    arrays["inactive_share"] = share.assign_attrs(long_name="share of inactive neurons", units="1")
    return xr.Dataset(arrays | _sharpness(rounds))


def _late(array: xr.DataArray, per_epoch: int) -> xr.DataArray:
    dim = step_dimension(array)
    late: xr.DataArray = array.isel({dim: slice(-per_epoch, None)}).median(dim)
    return late.assign_attrs(array.attrs)


def _inactive(records: xr.Dataset) -> xr.DataArray:
    moved = on_grid(analysis.fluctuation(records, "weights"))
    return (moved < INACTIVE).mean("neuron").where(moved.notnull().any("neuron"))


def _sharpness(rounds: list[xr.Dataset]) -> dict[str, xr.DataArray]:
    """Return the last measured sharpness of a batch over the limit of stability, if it was measured."""
    kind = "preconditioned" if "preconditioned_sharpness" in rounds[0] else "batch"
    if f"{kind}_sharpness" not in rounds[0]:
        return {}
    value, limit = (whole(rounds, f"{kind}_{name}") for name in ("sharpness", "stability_limit"))
    ratio = (value / limit).isel({step_dimension(value): -1}, drop=True).drop_vars(STEP, errors="ignore")
    labels = {"long_name": "sharpness of the batch over its limit", "units": "1", "reference": 1.0}
    return {"sharpness_ratio": ratio.assign_attrs(labels)}
