"""Compare two learning rates by anything that was recorded: from a folder or files to the pairs that are tested."""

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
import xarray as xr

from lrscope import analysis, store
from lrscope.errors import InputError, must_be, unknown
from lrscope.records import DIVERGED_AT, step_dimension
from lrscope.studies._folder import Folder
from lrscope.studies.recorded._results import LR, SEED, curve_names

SCORES = ("val_loss", "loss")
"""What rates are compared by, unless something else is asked for: the first that was recorded."""
BATCH, REPLICATES, SUM = "batch", "replicates", "_sum"
"""Replicated trainings are recorded as sums over batches of replicates."""
GRID, ROUND = "grid", re.compile(r"round\d+")
"""The experiment that is taken where there are several, and what belongs to it: further rounds of the same grid."""
DIGITS = 3
"""Significant digits of a rate that are enough to name it: as reports print them."""


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    labels : axis -> value, of the axes that are neither rate nor seed
    result : of `analysis.difference`, or a sentence that says why there is none
    """

    labels: Mapping[str, Any]
    result: xr.Dataset | str


@dataclass(frozen=True)
class Comparison:
    """The comparison of two learning rates.

    Attributes
    ----------
    metric : name of the quantity
    lrs : the rates, as they were trained
    over : the axis whose values are paired: ``seed``, another one of seeds, or ``batch``
    cases : one for each combination of the other axes
    steps : first and last step at which values stand
    replicates : trainings that each value averages: 1, or those of a batch
    diverged : replicates that diverged, in sums over batches
    """

    metric: str
    lrs: tuple[float, float]
    over: str
    cases: Sequence[Case]
    steps: tuple[int, int]
    replicates: float = 1.0
    diverged: int = 0

    @property
    def results(self) -> list[tuple[Mapping[str, Any], xr.Dataset]]:
        """Labels and result of the cases that could be compared."""
        return [(case.labels, case.result) for case in self.cases if isinstance(case.result, xr.Dataset)]


def compare(
    paths: Sequence[str | PathLike[str]],
    lrs: tuple[float, float],
    *,
    metric: str | None = None,
    step: int | None = None,
    experiment: str | None = None,
    where: Mapping[str, str] | None = None,
    confidence: float = 0.95,
) -> Comparison:
    """Return how two learning rates differ, seed by seed, in anything that was recorded.

    Parameters
    ----------
    paths : the folder of a run, a file of records, or several files that make a grid together
    lrs : two rates that were trained; three significant digits are enough where they name one only
    metric : name of a quantity that is one number a step for the whole network, or of a sum over replicates without its
        ``_sum``; the validation loss by default, or else the loss
    step : at which it was recorded; by default the last one of each network
    experiment : name of an experiment of the folder; by default the only one, or ``grid`` with its further rounds
    where : axis -> value, for axes that are neither rate nor seed; by default each of their values is a case
    confidence : of the intervals

    Raises
    ------
    InputError : nothing was recorded there; an experiment, a quantity, a step, a rate, an axis or a value that does not
        exist; several axes of seeds; or no case has two networks at each rate that did not diverge.
    """
    parts = [store.open_records(files) for files in grid_files(paths, experiment)]
    name = _chosen(metric, parts[0])
    parts = [_averaged(part, name) for part in parts]
    cut = [_at_step(part, name, step) for part in parts]
    scores = [analysis.final_scores(part, name) for part in cut]
    values = functools.reduce(lambda whole, more: whole.combine_first(more), scores).assign_attrs(scores[0].attrs)
    rates = _named_rates(lrs, values)
    chosen, labels = _selected(values, where or {})
    over = _repetition(chosen)
    paired = parts[0].attrs.get("pairing") != "independent"
    cases = [Case({**labels, **own}, _tested(each, rates, confidence, paired)) for own, each in _cases(chosen, over)]
    result = Comparison(name, rates, over, cases, _steps(cut, name, rates), **_replicates(parts[0], rates))
    if not result.results:
        raise InputError(str(cases[0].result))
    return result


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


def _chosen(metric: str | None, records: xr.Dataset) -> str:
    """Return the quantity that rates are compared by: one number a step for a network, or for a batch of replicates."""
    names = curve_names(records)
    if REPLICATES in records:
        names = [name.removesuffix(SUM) for name in names if name.endswith(SUM)]
    if metric is None:
        metric = next((name for name in SCORES if name in names), None)
    if not names:
        raise InputError("records must have a number a step for each network, to compare rates by; got none.")
    if metric is None:
        raise must_be("metric", f"one of {', '.join(names)}", None, "Neither val_loss nor loss was recorded.")
    if metric not in names:
        raise unknown("metric", metric, names)
    return metric


def _averaged(records: xr.Dataset, name: str) -> xr.Dataset:
    """Return records with the mean over the replicates of each batch; those of single networks as they are."""
    if REPLICATES not in records:
        return records
    counts, total = records[REPLICATES].compute(), records[name + SUM].compute()
    text = str(total.attrs["long_name"]).removeprefix("sum of ")
    return records.assign({name: (total / counts.where(counts > 0)).assign_attrs(total.attrs, long_name=text)})


def _at_step(records: xr.Dataset, name: str, step: int | None) -> xr.Dataset:
    """Return a quantity at a step alone, and where networks diverged up to it; without a step at all of them."""
    kept = records[[name, *([DIVERGED_AT] if DIVERGED_AT in records else [])]].compute()
    if step is None:
        return kept
    dim = step_dimension(kept[name])
    steps = kept[dim].values
    if step not in steps:
        near = sorted(steps[np.argsort(abs(steps - step), kind="stable")[:2]].tolist())
        remedy = f"The nearest: {' and '.join(map(str, near))}."
        raise must_be("step", f"one at which {name} was recorded", step, remedy)
    arrays = {name: kept[name].sel({dim: [step]}).rename({dim: "step_chosen"})}
    if DIVERGED_AT in kept:
        array = kept[DIVERGED_AT]
        own = step_dimension(array)
        arrays[DIVERGED_AT] = array.where((array >= 0) & (array <= step), -1).rename({own: "step_diverged"})
    return xr.Dataset(arrays, attrs=records.attrs)


def _named_rates(lrs: tuple[float, float], values: xr.DataArray) -> tuple[float, float]:
    """Return the rates that were trained, where they are named by three digits."""
    if LR not in values.dims or values[LR].dtype.kind not in "fiu":
        axes = " and ".join(map(str, values.dims)) or "no axes"
        raise InputError(
            f"records must be of several learning rates, as the axis lr; got {axes}. Record the rate as lr."
        )
    trained = values[LR].values.tolist()

    def named(lr: float) -> float:
        rounded = [rate for rate in trained if float(f"{rate:.{DIGITS}g}") == lr]
        exact = any(isclose(rate, lr) for rate in trained)
        return lr if exact or len(rounded) != 1 else rounded[0]

    return named(lrs[0]), named(lrs[1])


def _selected(values: xr.DataArray, where: Mapping[str, str]) -> tuple[xr.DataArray, dict[str, Any]]:
    chosen: dict[str, Any] = {}
    for axis, text in where.items():
        axes = [str(dim) for dim in values.dims if dim != LR]
        if axis not in axes:
            raise unknown("where", axis, axes) if axes else must_be("where", "left out; there is no axis but lr", axis)
        labels = values[axis].values.tolist()
        label = next((label for label in labels if _is_label(label, text)), None)
        if label is None:
            raise unknown(axis, text, map(str, labels))
        chosen[axis] = label
        values = values.sel({axis: label}, drop=True)
    return values, chosen


def _is_label(label: Any, text: str) -> bool:
    """Tell whether a text is a label; numbers may be written in any way."""
    if str(label) == text:
        return True
    try:
        return isinstance(label, float | int) and float(text) == label
    except ValueError:
        return False


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


def _tested(values: xr.DataArray, lrs: tuple[float, float], confidence: float, paired: bool) -> xr.Dataset | str:
    """Return the result of the test, or why there is none: too many diverged, or were not trained."""
    try:
        return analysis.difference(values, *lrs, confidence=confidence, paired=paired)
    except InputError as error:
        return str(error)


def _at_rates(records: xr.Dataset, lrs: tuple[float, float]) -> np.ndarray:
    own: np.ndarray = np.isclose(records[LR].values[:, None], lrs, rtol=1e-9).any(axis=1)
    return own


def _steps(parts: Sequence[xr.Dataset], name: str, lrs: tuple[float, float]) -> tuple[int, int]:
    """Return the first and the last of the steps at which the networks' last values stand."""
    lasts = []
    for part in parts:
        dim = step_dimension(part[name])
        steps = part[dim].where(part[name].notnull()).max(dim)
        lasts += steps.values[_at_rates(part, lrs)].tolist()
    known = [int(step) for step in lasts if np.isfinite(step)]
    return (min(known), max(known)) if known else (0, 0)


def _replicates(records: xr.Dataset, lrs: tuple[float, float]) -> dict[str, Any]:
    """Return how many trainings each value averages, and how many diverged; nothing for single networks."""
    if REPLICATES not in records:
        return {}
    chosen = _at_rates(records, lrs)
    counts, diverged = (records[name].compute().values[chosen] for name in (REPLICATES, "diverged"))
    return {"replicates": float(counts[counts > 0].mean()), "diverged": int(diverged[diverged > 0].sum())}
