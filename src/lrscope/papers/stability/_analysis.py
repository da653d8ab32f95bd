"""The analyses of this study: duplicate neurons, a fall that accelerates, alarms on trial, controllers compared."""

import warnings
from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from lrscope import analysis
from lrscope.analysis import AlarmRule
from lrscope.papers.stability import _configurations as grids
from lrscope.records import DIVERGED_AT, LOSS, MEMBER, on_grid, step_dimension

DUPLICATES = 0.99
"""Two neurons of this similarity or more are duplicates."""
FACTOR = 1.5
"""Falling faster means at least this multiple of the rate before."""
WINDOW = 0.1
"""Length of the windows whose rates are compared, as a part of the recorded steps."""
SIGNALS = {
    "angle": AlarmRule(),
    "gradient norm": AlarmRule(angle=None, norm=1.1, window=10),
    "error": AlarmRule(angle=None, loss=1.001),
}
"""Name -> when the alarm is raised. The rules of angle and norm were chosen on seeds 0 to 15."""
RISE = 1.05
"""What must be announced: a rise of the error to this multiple of its lowest value."""
HORIZON = 100
"""Updates; a true alarm comes at most this long before the onset."""
QUANTILES = (0.1, 0.5, 0.9)
TARGET_ERRORS = {"f1": 1e-3, "f2": 2.0}
"""Training error that the controllers must reach: about half way, on a logarithmic axis, to the best."""


def similarity(records: xr.Dataset) -> xr.DataArray:
    """Return how similar the incoming weights (with the bias) of each two hidden neurons are, between 0 and 1.

    Of neurons with the incoming weights and bias a and b it is ``2 |a·b| / (|a|² + |b|²)``: 1 for a = b and a = -b,
    since a sigmoid neuron with the opposite weights is the same function up to its sign and a constant. Neurons whose
    weights are all zero are similar to none.

    Parameters
    ----------
    records : records with ``weights_hidden`` and ``biases_hidden``

    Returns
    -------
    DataArray (member, step of the weights, pair) : with names such as "0 and 1" along `pair`; NaN after a divergence
    """
    weights = records["weights_hidden"].rename(neuron_hidden="neuron", input_hidden="element").astype(float)
    biases = records["biases_hidden"].rename(neuron_hidden="neuron").astype(float)
    vectors = xr.concat([weights, biases.expand_dims("element")], "element")
    largest = abs(vectors).max(["neuron", "element"])
    vectors = vectors / largest.where(largest > 0, 1)  # first, so that no square overflows
    pairs = np.triu_indices(vectors.sizes["neuron"], 1)
    one, other = (vectors.isel(neuron=xr.DataArray(numbers, dims="pair")) for numbers in pairs)
    product = abs((one * other).sum("element", skipna=False))
    lengths = (one**2 + other**2).sum("element", skipna=False)
    result = (2 * product / lengths.where(lengths != 0, 1)).transpose(..., "pair")
    names = np.array([f"{first} and {second}" for first, second in zip(*pairs, strict=True)], dtype=object)
    attrs = {"long_name": "similarity of neurons", "units": "1"}
    return result.assign_coords(pair=names).assign_attrs(attrs).rename("similarity")


def duplicates(similar: xr.DataArray) -> xr.Dataset:
    """Return when the pairs of one network became duplicates, and when they parted.

    Parameters
    ----------
    similar : DataArray (step, pair) of `similarity`

    Returns
    -------
    Dataset (pair) of those that ever were duplicates
        merged, parted : updates; first recorded step at which they are duplicates, and the step from which on they no
            longer are; -1 if they are until the end
        last : similarity at the end
    """
    dim = step_dimension(similar)
    together = similar >= DUPLICATES
    step = similar[dim].drop_attrs()
    last = step.where(together).max(dim)
    parted = step.where(step > last).min(dim).fillna(-1)
    merged = step.where(together).min(dim)
    result = xr.Dataset({"merged": merged, "parted": parted, "last": similar.isel({dim: -1}, drop=True)})
    return result.isel(pair=np.flatnonzero(together.any(dim)))


def acceleration(records: xr.Dataset) -> xr.Dataset:
    """Return where the error begins to fall faster, and where it falls fastest.

    The rate is that of the logarithm of the error over windows of a tenth of the run. A recovery after a rise does not
    count: the error must fall in both windows, in the first from a value at most 1.5 times the lowest so far, in the
    second to two thirds or less.

    Parameters
    ----------
    records : records (member, step) with ``val_loss``, recorded at every step

    Returns
    -------
    Dataset (member), updates; both -1 if the rate is nowhere 1.5 times as large as before, or the member diverged
        begins : where the rate of the window after it exceeds that of the window before by most
        steepest : middle of the window with the largest rate, except the first, in which every error falls fast
    """
    array = records["val_loss"]
    array = array.where((records[DIVERGED_AT].max("step") < 0) & (array > 0))
    begins, steepest = xr.apply_ufunc(
        _acceleration,
        np.log(array),
        array["step"].drop_attrs(),
        input_core_dims=[["step"], ["step"]],
        output_core_dims=[[], []],
        vectorize=True,
    )
    return xr.Dataset({"begins": begins, "steepest": steepest})


def _acceleration(logarithm: NDArray[np.floating], steps: NDArray[np.integer]) -> tuple[int, int]:
    length = max(1, round(WINDOW * len(steps)))
    rates = -(logarithm[length:] - logarithm[:-length]) / (steps[length:] - steps[:-length])
    before, after = rates[:-length], rates[length:]
    starts = logarithm[: len(before)]
    falling = (before > 0) & (starts <= np.fmin.accumulate(starts) + np.log(FACTOR))
    enough = after * length * np.diff(steps).max(initial=0) >= np.log(FACTOR)
    gain = np.where(falling & enough & (after >= FACTOR * before), after - before, -np.inf)
    if not len(gain) or not np.isfinite(gain.max()):
        return -1, -1
    steepest = length + int(np.nanargmax(after))
    return int(steps[np.argmax(gain) + length]), int(steps[steepest] + steps[steepest + length]) // 2


def alarm_test(by_target: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return how the signals did, from the records (member, step) of the grid of each target.

    Returns
    -------
    Dataset (target, signal)
        precision, recall, f1, onsets, networks, early, lead_quantiles : of `alarm_score`
        lead : (target, signal, member) updates from the first true alarm to the onset; NaN without one
    """
    by_grid = []
    for records in by_target.values():
        judged_on = np.flatnonzero(records["seed"].values >= grids.ALARM_SEEDS_CHOSEN_ON)
        records = records.isel({MEMBER: judged_on}).load()
        events = analysis.onsets(records, rise=RISE)
        by_signal = []
        for rule in SIGNALS.values():
            judgement = judged(analysis.alarms(records, rule), events)
            by_signal.append(alarm_score(judgement).assign(lead=(MEMBER, judgement["lead"].values)))
        by_grid.append(xr.concat(by_signal, xr.Variable("signal", list(SIGNALS))))
    tested = xr.concat(by_grid, xr.Variable("target", list(by_target)))
    tested["lead"].attrs = {"long_name": "lead time", "units": "updates"}
    return tested


def judged(alarm: xr.DataArray, events: xr.Dataset) -> xr.Dataset:
    """Return what became of the alarms of each network, now that the onset of its error is known.

    Parameters
    ----------
    alarm : DataArray (member, step), of `lrscope.analysis.alarms`
    events : Dataset of `lrscope.analysis.onsets` of the same records; alarms after its ``risen`` are not judged, since
        it describes the first rise only

    Returns
    -------
    Dataset (member) : NaN for networks that were unstable from the start (``early``)
        true : alarms before the onset of the error, at most the horizon
        false : alarms that no onset follows within the horizon, although the run went on for so long. An alarm at the
            onset or later is late, one whose run ended within the horizon undecided: neither true nor false
        detected : of the networks with an onset, 1 if an alarm was true, 0 if not; NaN without an onset
        lead : updates from the first true alarm to the onset; NaN if there is none
    """
    step = alarm["step"].drop_attrs()
    onset = events["onset"].sel(criterion="error", drop=True)
    unstable = onset >= 0
    raised = (alarm == 1) & (~unstable | (step <= events["risen"]))
    true = raised & unstable & (step < onset) & (onset - step <= HORIZON)
    late = raised & unstable & (step >= onset)
    undecided = raised & ~unstable & (step + HORIZON > step.where(alarm.notnull()).max("step"))
    result = {
        "true": true.sum("step"),
        "false": (raised & ~true & ~late & ~undecided).sum("step"),
        "detected": true.any("step").where(unstable),
        "lead": onset - step.where(true).min("step"),
    }
    return xr.Dataset({name: array.where(events["early"] == 0) for name, array in result.items()})


def alarm_score(judgement: xr.Dataset) -> xr.Dataset:
    """Return how good the alarms of many networks are, from `judged`.

    Returns
    -------
    Dataset
        precision : true alarms over true and false ones; NaN if there are none
        recall : share of the onsets before which an alarm was true; NaN if there is none
        f1 : harmonic mean of the two; 0 where nothing was true, NaN where precision or recall is
        lead_quantiles : (quantile) updates; over the detected onsets
        onsets, networks, early : how many had an onset, were judged, were unstable from the start
    """
    true, false = judgement["true"].sum(MEMBER), judgement["false"].sum(MEMBER)
    precision = true / (true + false).where(true + false > 0)
    recall = judgement["detected"].mean(MEMBER)
    lead = judgement["lead"].dropna(MEMBER).values
    quantiles = np.quantile(lead, QUANTILES) if len(lead) else np.full(len(QUANTILES), np.nan)
    return xr.Dataset(
        {
            "precision": precision,
            "recall": recall,
            "f1": 2 * precision * recall / (precision + recall).where(precision + recall > 0, 1.0),
            "lead_quantiles": ("quantile", quantiles),
            "onsets": judgement["detected"].count(MEMBER),
            "networks": judgement["true"].count(MEMBER),
            "early": judgement["true"].isnull().sum(MEMBER),
        },
        {"quantile": list(QUANTILES)},
    )


def bench(by_name: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return how the controllers did, from the records of all experiments.

    Returns
    -------
    Dataset (target, controller, lr)
        final_error : median over the seeds of the training error at the last step, of the networks that did not
            diverge; NaN if all did
        low, high : their lower and upper quartile
        diverged : share of the seeds that diverged: not finite, or not below the first error in the end
        steps_to_target : mean over the seeds of the first step with the target error or less; those that never
            reach it count with all steps; NaN where none does
        reached : share of the seeds that reach it
    """
    by_target = []
    for target in grids.SIZES:
        of_target = [_of_one(by_name[grids.bench_name(target, name)], target) for name in grids.CONTROLLERS]
        by_target.append(xr.concat(of_target, xr.Variable("controller", list(grids.CONTROLLERS))))
    result = xr.concat(by_target, xr.Variable("target", list(grids.SIZES)))
    for name in ("final_error", "diverged", "steps_to_target"):
        result[name].attrs = {"long_name": "share diverged" if name == "diverged" else name.replace("_", " ")}
    result["lr"].attrs = {"long_name": "learning rate at the start", "units": "1", "scale": "log"}
    return result


def _of_one(records: xr.Dataset, target: str) -> xr.Dataset:
    """Return how one controller did on one target (lr)."""
    loss = on_grid(records[[LOSS]].load())[LOSS]
    first, last = loss.isel(step=0, drop=True), loss.isel(step=-1, drop=True)
    diverged = ~(last < first)
    hit = loss <= TARGET_ERRORS[target]
    reached = hit.any("step")
    steps = loss["step"][hit.argmax("step")].drop_vars("step").where(reached, loss.sizes["step"])
    final = last.where(~diverged)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN")  # where all seeds diverged there is no final error
        low, middle, high = (final.quantile(share, "seed").drop_vars("quantile") for share in (0.25, 0.5, 0.75))
    return xr.Dataset(
        {
            "final_error": middle,
            "low": low,
            "high": high,
            "diverged": diverged.mean("seed"),
            "steps_to_target": steps.mean("seed").where(reached.any("seed")),
            "reached": reached.mean("seed"),
        }
    )
