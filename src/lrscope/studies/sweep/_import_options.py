"""What can be chosen for runs that exist, and how they become records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import tyro
import xarray as xr
from pydantic import model_validator

from lrscope.commands import block_of
from lrscope.errors import InputError, must_be, unknown
from lrscope.logs import RATES, SEEDS, Run, named_as
from lrscope.records import DIVERGED_AT, MEMBER, step_dimension
from lrscope.specification import specification
from lrscope.studies._at import LAST
from lrscope.studies._words import listed
from lrscope.studies.sweep._options import At, Share
from lrscope.studies.sweep._scores import LR, SEED, variable
from lrscope.sweep import Sweep, is_rate

METRICS = ("val_loss", "eval_loss", "val/loss", "eval/loss", "validation_loss", "valid_loss", "test_loss")
"""Metrics that are taken unless another one is named, if the runs have one of them only."""


def _name(default: str) -> Any:
    return tyro.conf.arg(metavar="NAME", help_behavior_hint=f"(default: {default})")


@specification
class ImportOptions:
    """Read runs that exist, and report which of their learning rates is the best, as far as they say.

    Runs are read from a folder of TensorBoard, Lightning, Hugging Face, CSV or JSON files, of wandb or MLflow; from a
    table of several runs (CSV, Parquet, JSON lines), such as an export of wandb; from a database of MLflow or trackio.

    For example: lrscope import runs --out results
    """

    source: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE", help_behavior_hint="")] = ""
    """folder, table or database with the runs"""
    lr: Annotated[str | None, _name("lr or learning_rate")] = None
    """name of the learning rate in the configuration of the runs"""
    seed: Annotated[str | None, _name("seed")] = None
    """name of the seed in the configuration of the runs"""
    metric: Annotated[str | None, _name("val_loss or eval_loss")] = None
    """what rates are compared by"""
    maximize: bool = False
    """the larger the metric the better, as for an accuracy"""
    at: At = LAST
    """which value of the metric counts"""
    where: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="NAME=VALUE", help_behavior_hint="(may be repeated)"),
    ] = ()
    """only runs whose configuration has this value"""
    tolerance: Share = 0.05
    """loss that may be given away: the report says which rates end with at most so much more than the lowest"""

    axes: ClassVar[dict[str, Any]] = {}
    until_decided: ClassVar[bool] = False
    trainings: ClassVar[int] = 0
    """There are no further axes, and nothing is trained."""

    @model_validator(mode="after")
    def _consistent(self) -> "ImportOptions":
        if not self.source:
            raise InputError("SOURCE must be given. Write for example: lrscope import runs --out results")
        return self


def chosen(runs: Sequence[Run], options: ImportOptions) -> tuple[list[Run], ImportOptions, str]:
    """Return the runs that are asked for, the options with the names that were found, and what was left out.

    Raises
    ------
    InputError : a name that the runs do not have, or none is named and none or several are meant.
    """
    for text in options.where:
        name, _, value = text.partition("=")
        names = sorted({key for run in runs for key in run.config})
        if name not in names:
            raise unknown("where", name, names)
        values = sorted({str(run.config.get(name)) for run in runs})
        runs = [run for run in runs if str(run.config.get(name)) == value]
        if not runs:
            raise unknown(name, value, values)
    names = list(dict.fromkeys(key for run in runs for key in run.config))
    logged = dict.fromkeys(name for run in runs for name in run.curves)
    lr = options.lr or named_as(names, RATES) or named_as(logged, RATES)
    if lr is not None and lr in logged and lr not in names:
        constant = [name for name in names if any(is_rate(run.config.get(name)) for run in runs)]
        remedy = f"Name another: --lr NAME, one of {', '.join(constant)}." if constant else "Add the initial one."
        raise InputError(f"lr must be the same at all steps of a run; {lr} changes. {remedy}")
    if lr is None or lr not in names:
        remedy = "Name the learning rate: --lr NAME." if names else "Their configuration is not known."
        if lr is not None and names:
            raise unknown("lr", lr, names)
        raise must_be("lr", f"one of {', '.join(names) or 'the names in the configuration'}", options.lr, remedy)
    seed = options.seed or named_as(names, SEEDS)
    if options.seed is not None and options.seed not in names:
        raise unknown("seed", options.seed, names)
    own = [run for run in runs if is_rate(run.config.get(lr))]
    if not own:
        raise must_be("lr", "a positive number in the configuration of the runs", runs[0].config.get(lr))
    lacking = [run.name for run in runs if not is_rate(run.config.get(lr))]
    left_out = ""
    if lacking:
        left_out = (
            f"Left out, without a constant, positive {lr}: {listed(lacking)} ({len(lacking)} of {len(runs)} runs)."
        )
    metric = options.metric or _metric(own)
    if not any(metric in run.curves for run in own):
        raise unknown("metric", metric, dict.fromkeys(name for run in own for name in run.curves))
    return own, replace(options, lr=lr, seed=seed, metric=metric), left_out


def _metric(runs: Sequence[Run]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run.curves))
    meant = [name for name in METRICS if name in names]
    if len(meant) == 1:
        return meant[0]
    if meant:
        counts = [f"{name} in {sum(name in run.curves for run in runs)} runs" for name in meant]
        raise InputError(
            f"metric must be one of several; the runs have {listed(counts)}. Name it: --metric {meant[0]}."
        )
    raise must_be("metric", f"one of {', '.join(names)}", None, "Name what rates are compared by: --metric NAME.")


def records_of(runs: Sequence[Run], options: ImportOptions) -> xr.Dataset:
    """Return the curves of runs as records (member, step) with the axes lr and seed.

    Raises
    ------
    InputError : two runs have the same rate and seed.
    """
    assert options.lr is not None
    assert options.metric is not None
    lrs = [float(run.config[options.lr]) for run in runs]
    seeds = _seeds(runs, options, lrs)
    places = Counter(zip(lrs, seeds, strict=True))
    twice = next((place for place, count in places.items() if count > 1), None)
    if twice is not None:
        names = [run.name for run, place in zip(runs, zip(lrs, seeds, strict=True), strict=True) if place == twice]
        differing = list(differences(runs, options))
        remedy = f"Choose with --where {differing[0]}=VALUE." if differing else "Leave one of them out."
        raise InputError(
            f"runs must differ in rate or seed; {listed(names)} have lr {twice[0]:g}, seed {twice[1]}. {remedy}"
        )
    columns = {MEMBER: np.arange(len(runs)), LR: np.array(lrs), SEED: np.array(seeds, dtype=np.int64)}
    attrs = Sweep(lr=sorted(set(lrs)), seed=sorted(set(seeds))).attrs()
    axes = (options.lr, options.seed)  # of a table they are columns, too
    curves = [{name: curve for name, curve in run.curves.items() if name not in axes} for run in runs]
    return block_of(options.metric, [own if options.metric in own else None for own in curves], columns, attrs)


def _seeds(runs: Sequence[Run], options: ImportOptions, lrs: Sequence[float]) -> list[int]:
    """Return the seeds; where they are not known, the number of a run among those of its rate."""
    values = [run.config.get(options.seed) if options.seed else None for run in runs]
    if all(isinstance(value, int | float) and value >= 0 and float(value).is_integer() for value in values):
        return [int(value) for value in values if value is not None]
    if options.seed is not None and any(value is not None for value in values):
        lacking = next(run.name for run, value in zip(runs, values, strict=True) if not isinstance(value, int | float))
        raise InputError(f"seed must be a whole number in each run; {lacking} has none.")
    return [lrs[:number].count(lr) for number, lr in enumerate(lrs)]


def differences(runs: Sequence[Run], options: ImportOptions) -> dict[str, list[str]]:
    """Return what else the runs differ in: name -> its values, of those that several runs share.

    What only names the seed once more, as the name of a folder may do, is no other difference.
    """
    names = dict.fromkeys(key for run in runs for key in run.config if key not in (options.lr, options.seed, *METRICS))
    values = {name: [str(run.config.get(name)) for run in runs] for name in names}
    seeds = [str(run.config.get(options.seed)) if options.seed else "" for run in runs]

    def names_the_seed(own: list[str]) -> bool:
        return len(set(zip(seeds, own, strict=True))) == len(set(seeds)) == len(set(own))

    return {
        name: sorted(set(own))
        for name, own in values.items()
        if 1 < len(set(own)) < len(runs) and not names_the_seed(own)
    }


def cautions(records: xr.Dataset, notes: Mapping[str, Any], options: ImportOptions) -> tuple[list[str], list[str]]:
    """Return why no rate can be recommended, and what else must be kept in mind."""
    array, diverged_at = records[variable(options)], records[DIVERGED_AT]
    ended = array.notnull().any(step_dimension(array)) | (diverged_at >= 0).any(step_dimension(diverged_at))
    lrs, seeds = records[LR].values[ended.values], records[SEED].values[ended.values]
    counts = Counter(lrs.tolist())
    refused, noted = [], [notes["left_out"]] if "left_out" in notes else []
    if len(counts) < 2:
        refused.append(f"all runs have the learning rate {lrs[0]:g}")
    elif max(counts.values()) < 2:
        refused.append("every rate has one run, which says nothing about chance")
    elif not _paired(lrs, seeds):
        refused.append("no two rates have two seeds in common, so that they cannot be compared seed by seed")
    first, last = notes["lengths"]
    if first != last and options.at == "last":
        refused.append(
            f"the runs end at different steps, {first} to {last}, so that their last values do not compare; "
            f"compare them at a step that all have: --at {notes['common']}"
        )
    if notes["single"]:
        noted.append("The runs have one value each: whether they were still improving is not known.")
    if not notes["seeded"] and not refused:
        noted.append(
            "The runs have no seeds: those of each rate are paired in their order, which is as good as chance."
        )
    for name, values in notes["differences"].items():
        noted.append(f"The runs also differ in {name} ({', '.join(values)}): choose with --where {name}=VALUE.")
    return refused, noted


def _paired(lrs: np.ndarray, seeds: np.ndarray) -> bool:
    sets = [set(seeds[lrs == lr].tolist()) for lr in np.unique(lrs)]
    return any(len(one & other) > 1 for number, one in enumerate(sets) for other in sets[:number])


def notes_of(runs: Sequence[Run], options: ImportOptions) -> dict[str, Any]:
    """Return what the records do not hold: lengths, seeds and other differences of the runs."""
    curves = [run.curves[options.metric] for run in runs if options.metric in run.curves]
    finite = [curve for curve in curves if np.isfinite(curve.iloc[-1])] or curves
    common = set.intersection(*(set(curve.index.tolist()) for curve in finite))
    failed = {run.name: {"ended": f"no metric {options.metric}"} for run in runs if options.metric not in run.curves}
    values = [run.config.get(options.seed) if options.seed else None for run in runs]
    return {
        "lengths": [int(min(curve.index[-1] for curve in finite)), int(max(curve.index[-1] for curve in finite))],
        "common": max(common, default=0),
        "single": all(len(curve) == 1 for curve in curves),
        "seeded": all(value is not None for value in values),
        "differences": differences(runs, options),
        "trainings": failed,
    }
