"""Compare two sets of trainings by anything that was recorded: from folders or files to the pairs that are tested."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lrscope import analysis, store
from lrscope.commands import variable_of
from lrscope.errors import InputError, must_be, unknown
from lrscope.records import step_dimension
from lrscope.studies._at import BEST, LAST, check_at, values_at
from lrscope.studies._folder import Folder
from lrscope.studies._words import rate
from lrscope.studies.recorded._results import LR, SEED, curve_names

SCORES = ("val_loss", "loss")
"""What trainings are compared by where nothing else is asked for or said by their run: the first that was recorded."""
SMALLER_IS_BETTER, LARGER_IS_BETTER = ("loss", "error"), ("accuracy", "acc")
"""What a name ends with that says by itself which direction is better."""
BATCH, REPLICATES, SUM = "batch", "replicates", "_sum"
"""Replicated trainings are recorded as sums over batches of replicates."""
GRID, ROUND = "grid", re.compile(r"round\d+")
"""The experiment that is taken where there are several, and what belongs to it: further rounds of the same grid."""
DIGITS = 3
"""Significant digits of a rate that are enough to name it: as reports print them."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of two sets of trainings.

    Attributes
    ----------
    metric : name of the quantity
    sides : what each set is called
    over : the axis whose values are paired: ``seed``, another one of seeds, or ``batch``
    cases : for each combination of the axes that are neither rate nor seed: axis -> value, and the result of
        `analysis.difference`, or a sentence that says why there is none
    steps : first and last step at which values stand
    at : which of them counts: ``last``, ``best`` or a step
    replicates : trainings that each value averages: 1, or those of a batch
    diverged : replicates that diverged, in sums over batches
    maximize : whether the larger the better; None where that is not known
    """

    metric: str
    sides: tuple[str, str]
    over: str
    cases: Sequence[tuple[Mapping[str, Any], xr.Dataset | str]]
    steps: tuple[int, int]
    at: str = LAST
    replicates: float = 1.0
    diverged: int = 0
    maximize: bool | None = None

    @property
    def results(self) -> list[tuple[Mapping[str, Any], xr.Dataset]]:
        """Labels and result of the cases that could be compared."""
        return [(labels, result) for labels, result in self.cases if isinstance(result, xr.Dataset)]


def compare(
    paths: Sequence[str | PathLike[str]],
    lrs: Sequence[float] = (),
    *,
    metric: str | None = None,
    at: str | int | None = None,
    experiment: str | None = None,
    where: Mapping[str, str | tuple[str, str]] | None = None,
    confidence: float = 0.95,
    maximize: bool | None = None,
) -> Comparison:
    """Return how two sets of trainings differ, seed by seed, in anything that was recorded.

    The sets differ in their learning rate (two of `lrs`), in another axis (two values in `where`), or in the folder
    (two runs in `paths`); in several of them at once if so asked.

    Parameters
    ----------
    paths : the folder of a run, a file of records, or several files that make a grid together; or the folders of two
        runs, whose trainings are compared
    lrs : one rate, or one for each set, that were trained; three significant digits are enough where they name one
        only. It may be left out where a set has one rate only
    metric : name of a quantity that is one number a step for the whole network, or of a sum over replicates without its
        ``_sum``; by default what the run itself is judged by, or else the validation loss, or the loss
    at : which of its values counts, ``last``, ``best`` or that at a step; by default as the run has it for its own
        metric, or else the last one of each network
    experiment : name of an experiment of the folder; by default the only one, or ``grid`` with its further rounds
    where : axis -> value for both sets, or the values of the two sets, of axes that are neither rate nor seed; by
        default each of their values is a case
    confidence : of the intervals
    maximize : whether the larger the better; by default as the run has it for its own metric, or as the name says

    Raises
    ------
    InputError : nothing was recorded there; an experiment, a quantity, a step, a rate, an axis or a value that does not
        exist; the sets are the same, or have no quantity in common; two runs whose metrics, directions or values that
        count differ; the best value, where it is not known whether the larger is the better; several axes of seeds; or
        no case has two networks of each set.
    """
    runs = (
        [[path] for path in paths]
        if len(paths) == 2 and all((Path(path) / "experiment.json").exists() for path in paths)
        else [paths, paths]
    )
    texts = [
        {axis: value if isinstance(value, str) else value[side] for axis, value in (where or {}).items()}
        for side in (0, 1)
    ]
    parts = [[store.open_records(files) for files in grid_files(run, experiment)] for run in runs]
    if len(lrs) > 2 or (runs[0] == runs[1] and texts[0] == texts[1] and len(set(lrs)) < 2):
        got = " and ".join(f"{lr:g}" for lr in lrs) or None
        remedy = "Compare two rates, as in --lr 0.001 --lr 0.01, two folders, or two values of an axis."
        raise must_be("lr", "given twice, for two different rates, where nothing else differs", got, remedy)
    judged = _judged(runs)
    name = _chosen(metric, judged, parts[0][0], parts[1][0])
    by_name = False if name.endswith(SMALLER_IS_BETTER) else True if name.endswith(LARGER_IS_BETTER) else None
    direction = _as_judged("maximize", name, judged, by_name) if maximize is None else maximize
    chosen = str(_as_judged("at", name, judged, LAST) if at is None else at)
    check_at(chosen)
    if chosen == BEST and direction is None:
        raise must_be("maximize", "given where the best value counts", None, "Give --maximize or --minimize.")
    parts = [[_averaged(part, name) for part in side] for side in parts]
    cut = [[values_at(part, name, chosen, maximize=bool(direction)) for part in side] for side in parts]
    scores = [_scores(side, name) for side in cut]
    own = [_labels(array, text) for array, text in zip(scores, texts, strict=True)]
    values = [array.sel(labels, drop=True) for array, labels in zip(scores, own, strict=True)]
    wanted = [*lrs, *lrs][:2] if lrs else [None, None]
    rates = [_named_rate(lr, array) for lr, array in zip(wanted, values, strict=True)]
    sides = (_name(0, runs, own, rates), _name(1, runs, own, rates))
    joined = _joined(values, rates)
    over = _repetition(joined)
    paired = all(side[0].attrs.get("pairing") != "independent" for side in parts)
    shared = {axis: value for axis, value in own[0].items() if own[1][axis] == value}
    cases = [(shared | labels, _tested(each, confidence, paired)) for labels, each in _cases(joined, over)]
    steps = _steps(cut, name, rates)
    result = Comparison(name, sides, over, cases, steps, chosen, **_replicates(parts, rates), maximize=direction)
    if not result.results:
        raise InputError(str(cases[0][1]))
    return result


def _name(side: int, runs: Sequence[Any], own: Sequence[Mapping[str, Any]], rates: Sequence[float]) -> str:
    """Return what a set is called: whatever it differs in from the other one."""
    words = [str(value) for axis, value in own[side].items() if own[1 - side][axis] != value]
    if rates[0] != rates[1]:
        words.insert(0, rate(rates[side], rates))
    if runs[0] != runs[1]:
        words.insert(0, str(runs[side][0]))
    return " ".join(words)


def _scores(parts: Sequence[xr.Dataset], name: str) -> xr.DataArray:
    """Return the last values (lr, ...) of a quantity, those of all rounds together."""
    scores = [analysis.final_scores(part, name) for part in parts]
    whole: xr.DataArray = functools.reduce(lambda one, more: one.combine_first(more), scores)
    return whole.assign_attrs(scores[0].attrs)


def grid_files(paths: Sequence[str | PathLike[str]], experiment: str | None = None) -> list[list[Path]]:
    """Return the files of an experiment, and those of the further rounds of its grid: a list for each.

    Parameters
    ----------
    paths : the folder of a run, a file of records, or several files that are read together
    experiment : name of an experiment of the folder; by default the only one, or ``grid`` with its further rounds

    Raises
    ------
    InputError : nothing was recorded there, an experiment that does not exist, or several and none of them ``grid``.
    """
    folder = Folder(Path(paths[0]))
    if len(paths) > 1 or not (folder.path / "experiment.json").exists():
        names = []
    else:
        names = [name for name in folder.description()["experiments"] if folder.records(name)]
    if not names:
        if experiment is not None:
            raise must_be("experiment", "left out for files", experiment, "It names one in the folder of a run.")
        return [store.record_files(paths)]
    if experiment is not None and experiment not in names:
        raise unknown("experiment", experiment, names)
    if experiment is None and len(names) > 1:
        if GRID not in names:
            raise InputError(f"experiment must be one of {', '.join(names)}; got none. Choose one.")
        names = [GRID, *filter(ROUND.fullmatch, names)]
    return [folder.records(name) for name in ([experiment] if experiment else names)]


def _judged(runs: Sequence[Sequence[str | PathLike[str]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the metrics that the runs themselves are judged by, and the options of these runs."""
    judged: dict[str, list[dict[str, Any]]] = {}
    for path, *_ in runs:
        if (Path(path) / "experiment.json").exists():
            options = Folder(Path(path)).description()["options"]
            if isinstance(options.get("metric"), str):  # other studies may mean something else by it
                judged.setdefault(variable_of(options["metric"], ()), []).append(options)
    return judged


def _chosen(metric: str | None, judged: Mapping[str, Any], *sides: xr.Dataset) -> str:
    """Return the quantity that is compared: one number a step for a network, or for a batch of replicates."""
    each = [_quantities(side) for side in sides]
    names = [name for name in each[0] if name in each[1]]
    if not names:
        got = " and ".join(dict.fromkeys(", ".join(one) or "none" for one in each))
        raise InputError(f"the trainings must have a quantity with one number a step in common; got {got}.")
    own = [name for name in judged if name in names]
    if metric is None and len(own) > 1:
        raise must_be("metric", f"one of {', '.join(names)}", None, f"The runs are judged by {' and '.join(own)}.")
    if metric is None:
        metric = next((name for name in (*own, *SCORES) if name in names), None)
    if metric is None:
        raise must_be("metric", f"one of {', '.join(names)}", None, "Neither val_loss nor loss was recorded.")
    if metric not in names and variable_of(metric, ()) not in names:
        raise unknown("metric", metric, names)
    return metric if metric in names else variable_of(metric, ())


def _as_judged(option: str, name: str, judged: Mapping[str, Sequence[Mapping[str, Any]]], default: Any) -> Any:
    """Return an option of the runs that are judged by a quantity, which must be the same for all; else the default."""
    values = list(dict.fromkeys(options.get(option, default) for options in judged.get(name, ())))
    if len(values) > 1 and option == "maximize":
        allowed = f"given where one run maximises {name} and the other minimises it"
        raise must_be(option, allowed, None, "Give --maximize or --minimize.")
    if len(values) > 1:
        allowed = f"given where the runs are judged by different ones, {' and '.join(sorted(map(str, values)))}"
        raise must_be(option, allowed, None, f"Give --{option}.")
    return values[0] if values else default


def _quantities(records: xr.Dataset) -> list[str]:
    names = curve_names(records)
    return [name.removesuffix(SUM) for name in names if name.endswith(SUM)] if REPLICATES in records else names


def _averaged(records: xr.Dataset, name: str) -> xr.Dataset:
    """Return records with the mean over the replicates of each batch; those of single networks as they are."""
    if REPLICATES not in records:
        return records
    counts, total = records[REPLICATES].compute(), records[name + SUM].compute()
    text = str(total.attrs["long_name"]).removeprefix("sum of ")
    return records.assign({name: (total / counts.where(counts > 0)).assign_attrs(total.attrs, long_name=text)})


def _named_rate(lr: float | None, values: xr.DataArray) -> float:
    """Return the rate that was trained, where three digits name it; without a name, the only one."""
    if LR not in values.dims or values[LR].dtype.kind not in "fiu":
        axes = " and ".join(map(str, values.dims)) or "no axes"
        raise InputError(f"records must have the learning rate as the axis lr; got {axes}. Record the rate as lr.")
    trained: list[float] = values[LR].values.tolist()
    if lr is None:
        if len(trained) > 1:
            raise must_be("lrs", f"one of {', '.join(map(rate, trained))}", None, "There are several: name one.")
        return trained[0]
    exact = [one for one in trained if isclose(one, lr)]
    rounded = exact or [one for one in trained if float(f"{one:.{DIGITS}g}") == lr]
    if len(rounded) != 1:
        near = sorted(sorted(trained, key=lambda one: abs(one - lr))[:2])
        raise must_be("lr", "a rate that was trained", lr, f"The nearest: {' and '.join(f'{one:g}' for one in near)}.")
    return rounded[0]


def _joined(values: Sequence[xr.DataArray], rates: Sequence[float]) -> xr.DataArray:
    """Return the values of both sets along the axis lr, which numbers them where they have the same rate."""
    first, second = (array.sel({LR: lr}, drop=True) for array, lr in zip(values, rates, strict=True))
    if set(first.dims) != set(second.dims):
        axes = [" and ".join(map(str, one.dims)) or "none" for one in (first, second)]
        raise must_be("the sets", "trainings with the same axes", f"{axes[0]}; {axes[1]}", "Select with where.")
    labels = list(rates) if rates[0] != rates[1] else [0.0, 1.0]
    return xr.concat([first, second], LR, join="outer").assign_coords({LR: labels}).assign_attrs(values[0].attrs)


def _labels(values: xr.DataArray, where: Mapping[str, str]) -> dict[str, Any]:
    """Return the labels of axes that texts name."""
    chosen = {}
    for axis, text in where.items():
        axes = [str(dim) for dim in values.dims if dim != LR]
        if axis not in axes:
            raise unknown("where", axis, axes) if axes else must_be("where", "left out; there is no axis but lr", axis)
        labels = values[axis].values.tolist()
        number = pd.to_numeric(text, errors="coerce")  # numbers may be written in any way
        chosen[axis] = next((label for label in labels if str(label) == text or label == number), None)
        if chosen[axis] is None:
            raise unknown(axis, text, map(str, labels))
    return chosen


def _repetition(values: xr.DataArray) -> str:
    """Return the axis whose values are repetitions of the same training."""
    axes = {str(dim): size for dim, size in values.sizes.items() if dim != LR}
    seeds = [axis for axis in axes if axis in (SEED, BATCH) or axis.endswith(f"_{SEED}")]
    several = [axis for axis in seeds if axes[axis] > 1]
    others = [axis for axis, size in axes.items() if size > 1]
    if len(several) > 1:
        wanted, got, axis = "one axis of seeds", f"{' and '.join(several)}, whose networks share seeds", several[-1]
    elif not seeds and len(others) > 1:
        wanted, got, axis = "an axis of seeds", " and ".join(others), others[0]
    else:
        return next(iter([*several, *seeds, *others, *axes, SEED]))
    remedy = f"Add for example --where {axis}={values[axis].values[0]}."
    raise InputError(f"records must have {wanted}; got {got}. {remedy}")


def _cases(values: xr.DataArray, over: str) -> Iterator[tuple[dict[str, Any], xr.DataArray]]:
    """Yield labels and values (lr, seed) of each combination of the axes that are neither rate nor repetition."""
    if over not in values.dims:
        values = values.expand_dims({over: [0]})
    axes = [str(dim) for dim in values.dims if dim not in (LR, over)]
    for places in itertools.product(*(range(values.sizes[axis]) for axis in axes)):
        own = values.isel(dict(zip(axes, places, strict=True)))
        if own.notnull().any():
            labels = {axis: own[axis].item() for axis in axes}
            yield labels, own.drop_vars(axes).rename({over: SEED} if over != SEED else {})


def _tested(values: xr.DataArray, confidence: float, paired: bool) -> xr.Dataset | str:
    """Return the result of the test, or why there is none: too many diverged, or were not trained."""
    try:
        return analysis.difference(values, *values[LR].values.tolist(), confidence=confidence, paired=paired)
    except InputError as error:
        return str(error)


def _steps(sides: Sequence[Sequence[xr.Dataset]], name: str, rates: Sequence[float]) -> tuple[int, int]:
    """Return the first and the last of the steps at which the networks' last values stand."""
    lasts = []
    for parts, lr in zip(sides, rates, strict=True):
        for part in parts:
            dim = step_dimension(part[name])
            steps = part[dim].where(part[name].notnull()).max(dim)
            lasts += steps.values[np.isclose(part[LR], lr, rtol=1e-9)].tolist()
    known = [int(step) for step in lasts if np.isfinite(step)]
    return (min(known), max(known)) if known else (0, 0)


def _replicates(sides: Sequence[Sequence[xr.Dataset]], rates: Sequence[float]) -> dict[str, Any]:
    """Return how many trainings each value averages, and how many diverged; nothing for single networks."""
    if REPLICATES not in sides[0][0]:
        return {}
    counts, diverged = (
        np.concatenate(
            [
                part[name].compute().values[np.isclose(part[LR], lr, rtol=1e-9)]
                for (part, *_), lr in zip(sides, rates, strict=True)
            ]
        )
        for name in (REPLICATES, "diverged")
    )
    known = counts[counts > 0]
    return {"replicates": float(known.mean()) if known.size else 0.0, "diverged": int(diverged[diverged > 0].sum())}
