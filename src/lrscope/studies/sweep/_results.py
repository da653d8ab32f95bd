"""The numbers of the study, computed once: what claims, tables and figures are made of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.records import DIVERGED_AT, on_grid, outcomes, step_dimension
from lrscope.studies.sweep._options import Options
from lrscope.studies.sweep._rounds import CROSSED, RANGE_TEST, Round, grids, rounds_of, together

SEED, LR, STEP = "seed", "lr", "step"
INACTIVE = 0.1
"""A neuron whose normalised fluctuation lies below it counts as inactive."""
LIMITS = {"sgd": 2.0, "momentum": 2 + 2 * 0.9, "nesterov": (2 + 2 * 0.9) / (1 + 2 * 0.9)}
"""Sharpness times learning rate at the limit of stability of each update rule (arXiv 2103.00065, appendix B)."""


@dataclass(frozen=True)
class Results:
    """Everything measured, on the grid (lr, seed, ...).

    Attributes
    ----------
    options : of the run
    per_epoch : steps of an epoch
    rounds : behind the first one
    scores : last validation loss (lr, seed); inf where a network diverged, NaN where none was trained
    accuracy : last validation accuracy (lr, seed); None unless the targets are classes
    curves : name -> course over the epochs (lr, seed, step): of loss and accuracy of the batches the means over each
        epoch
    outcome : Dataset of `records.outcomes` (lr, seed)
    recommended, sensitivity, more : of `analysis.recommendation`, `sensitivity` and `more_epochs`
    targets : of `analysis.steps_to_target`; None if all networks diverged
    split : of `analysis.variance_split`; None without crossed seeds
    tested, agreement : of `analysis.range_test` and `range_test_agreement`
    rectified : whether all recorded activations are 0 or more, so that a neuron can be dead
    lives, survival : of `analysis.lives` (lr, seed, step, neuron) and `analysis.survival` (lr, step)
    active : share of the batch that activates each neuron, of one network of each rate: (step, neuron)
    insides : Dataset (lr, seed) of what is found inside at the end
    """

    options: Options
    per_epoch: int
    rounds: list[Round]
    scores: xr.DataArray
    accuracy: xr.DataArray | None
    curves: dict[str, xr.DataArray]
    outcome: xr.Dataset
    recommended: xr.Dataset
    sensitivity: xr.Dataset
    targets: xr.Dataset | None
    more: xr.Dataset
    split: xr.Dataset | None
    rectified: bool
    tested: xr.Dataset
    agreement: xr.Dataset
    lives: xr.Dataset
    survival: xr.Dataset
    active: dict[float, xr.DataArray]
    insides: xr.Dataset

    @property
    def best(self) -> float:
        """The best rate; NaN if all networks diverged."""
        return float(self.recommended["best"])


def results(records: Mapping[str, xr.Dataset], options: Options) -> Results:
    """Return the numbers of the study from the records (member, step, ...) of its experiments.

    Raises
    ------
    InputError : a quantity was not recorded.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        return _results(records, options)


def _results(records: Mapping[str, xr.Dataset], options: Options) -> Results:
    there = grids(records)
    per_epoch = int(there[0][step_dimension(there[0]["val_loss"])][0]) + 1
    classes = "val_accuracy" in there[0]
    scores = together(there, analysis.final_scores)
    validation = _whole(there, "val_loss")
    course = _with_divergence(there, validation)
    recommended, tested = analysis.recommendation(scores), analysis.range_test(on_grid(records[RANGE_TEST]))
    lives = together(there, lambda one: on_grid(analysis.lives(one, window=_window(one, per_epoch))))
    crossed = analysis.final_scores(records[CROSSED]) if CROSSED in records else None
    return Results(
        options=options,
        per_epoch=per_epoch,
        rounds=rounds_of(records, options),
        scores=scores,
        accuracy=_accuracy(there, scores) if classes else None,
        curves=_curves(there, validation, per_epoch, classes),
        outcome=together(there, lambda one: on_grid(outcomes(one))),
        recommended=recommended,
        sensitivity=analysis.sensitivity(scores),
        targets=analysis.steps_to_target(course) if np.isfinite(scores).any() else None,
        more=analysis.more_epochs(course, recommended),
        split=analysis.variance_split(crossed) if crossed is not None else None,
        rectified=_rectified(there),
        tested=tested,
        agreement=analysis.range_test_agreement(tested["suggestion"], recommended),
        lives=lives,
        survival=analysis.survival(lives),
        active=_active(there),
        insides=_insides(there, lives if _rectified(there) else None, per_epoch, options).where(np.isfinite(scores)),
    )


def _whole(there: list[xr.Dataset], name: str) -> xr.DataArray:
    """Return a recorded variable of all rounds (lr, seed, step)."""
    return together(there, lambda one: on_grid(one[[name]])[name])


def _with_divergence(there: list[xr.Dataset], validation: xr.DataArray) -> xr.Dataset:
    """Return the validation losses with the step of divergence, by which one that has none yet is known as trained."""
    diverged_at = _whole(there, DIVERGED_AT)
    return xr.Dataset({"val_loss": validation, DIVERGED_AT: diverged_at.isel({step_dimension(diverged_at): [-1]})})


def _accuracy(there: list[xr.Dataset], scores: xr.DataArray) -> xr.DataArray:
    """Return the last validation accuracy of the networks that did not diverge."""
    last = together(there, lambda one: analysis.final_scores(one, "val_accuracy"))
    return last.where(np.isfinite(scores))


def mean_curve(curve: xr.DataArray) -> xr.Dataset:
    """Return the mean of a curve over the seeds with its interval; of positive losses the geometric mean."""
    return analysis.over_seeds(curve, log="loss" in str(curve.attrs["long_name"]) and not bool((curve < 0).any()))


def _curves(
    there: list[xr.Dataset], validation: xr.DataArray, per_epoch: int, classes: bool
) -> dict[str, xr.DataArray]:
    curves = {"training loss": _by_epoch(_whole(there, "loss"), per_epoch), "validation loss": _plain(validation)}
    if classes:
        curves["training accuracy"] = _by_epoch(_whole(there, "accuracy"), per_epoch)
        curves["validation accuracy"] = _plain(_whole(there, "val_accuracy"))
    return curves


def _by_epoch(array: xr.DataArray, per_epoch: int) -> xr.DataArray:
    """Return the mean over the steps of each epoch, at its last step."""
    dim = step_dimension(array)
    means = array.coarsen({dim: per_epoch}).mean().assign_coords({dim: array[dim][per_epoch - 1 :: per_epoch].values})
    return _plain(means.assign_attrs(array.attrs))


def _plain(array: xr.DataArray) -> xr.DataArray:
    """Return an array whose step dimension is called so."""
    dim = step_dimension(array)
    renamed = array.rename({dim: STEP}) if dim != STEP else array
    renamed[STEP].attrs = {"long_name": "step", "units": "updates"}
    return renamed


def _window(records: xr.Dataset, per_epoch: int) -> int:
    """Return for how many recorded steps a neuron must be silent to be dead: those of an epoch."""
    steps = next(array for array in records.values() if array.attrs.get("statistic") == "active")
    apart = int(np.diff(steps[step_dimension(steps)].values[:2]).sum()) or 1
    return math.ceil(per_epoch / apart)


def _active(there: list[xr.Dataset]) -> dict[float, xr.DataArray]:
    """Return the active shares (step, neuron) of the first seed at each rate."""
    found: dict[float, xr.DataArray] = {}
    for records in there:
        for lr in np.unique(records[LR].values):
            at_rate = records.isel(member=np.flatnonzero(records[LR].values == lr)[:1])
            grid = on_grid(analysis.by_neuron(at_rate, "activations", "active"))
            found.setdefault(float(lr), analysis.arranged(grid.isel({LR: 0, SEED: 0})))
    return dict(sorted(found.items()))


def _rectified(there: list[xr.Dataset]) -> bool:
    """Tell whether no recorded activation was ever below 0."""
    smallest = [array for one in there for array in one.values() if array.attrs.get("statistic") == "min"]
    return all(not (array < 0).any() for array in smallest)


def _insides(there: list[xr.Dataset], lives: xr.Dataset | None, per_epoch: int, options: Options) -> xr.Dataset:
    """Return what is found inside at the end (lr, seed): medians over the last epoch, shares of neurons, sharpness."""
    found = {name: _late(_whole(there, name), per_epoch) for name in ("gradient_angle", "gradient_norm", "update_size")}
    found["gradient_angle"].attrs["long_name"] = "gradient angle"
    if lives is not None:
        dead = (lives["died"] >= 0).mean("neuron").where(lives["dead_share"].notnull().any("neuron"))
        found["dead_share"] = dead.assign_attrs(long_name="share of dead neurons", units="1")
    share = together(there, _inactive)
    found["inactive_share"] = share.assign_attrs(long_name="share of inactive neurons", units="1")
    return xr.Dataset(found | _sharpness(there, options))


def _late(array: xr.DataArray, per_epoch: int) -> xr.DataArray:
    """Return the median over the last epoch."""
    dim = step_dimension(array)
    late: xr.DataArray = array.isel({dim: slice(-per_epoch, None)}).median(dim)
    return late.assign_attrs(array.attrs)


def _inactive(records: xr.Dataset) -> xr.DataArray:
    """Return the share of the neurons whose weights barely fluctuate (lr, seed)."""
    moved = on_grid(analysis.fluctuation(records, "weights"))
    return (moved < INACTIVE).mean("neuron").where(moved.notnull().any("neuron"))


def _sharpness(there: list[xr.Dataset], options: Options) -> dict[str, xr.DataArray]:
    """Return the last measured sharpness of a batch over the limit of stability, if it was measured."""
    name = "preconditioned_sharpness" if "preconditioned_sharpness" in there[0] else "batch_sharpness"
    if name not in there[0]:
        return {}
    value = _whole(there, name)
    dim = step_dimension(value)
    if name == "batch_sharpness":
        limit = LIMITS[options.optimizer] / _whole(there, "learning_rate").sel({STEP: value[dim]})
    else:
        limit = _whole(there, "preconditioned_stability_limit")
    ratio = (value / limit).isel({dim: -1}, drop=True).drop_vars(STEP, errors="ignore")
    return {
        "sharpness_ratio": ratio.assign_attrs(
            long_name="sharpness of the batch over its limit", units="1", reference=1.0
        )
    }
