"""How well each measured quantity warns of instability, over many learning rates and seeds."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.analysis import AlarmRule
from lrscope.papers.stability import _configurations as grids
from lrscope.records import MEMBER

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


def alarm_test(by_target: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Return how the signals did, from the records (member, step) of the grid of each target.

    Returns
    -------
    Dataset (target)
        precision, recall, f1, onsets, networks, early, lead_quantiles : (signal) of `alarm_score`
        lead : (signal, member) updates from the first true alarm to the onset; NaN without one
        ordered : share of the networks with an onset, calm before, whose angle came before their norm, and that before
            the error; ``angle_first`` the share whose angle came before the error
    """
    results = []
    for target, lazily in by_target.items():
        judged_on = np.flatnonzero(lazily["seed"].values >= grids.ALARM_SEEDS_CHOSEN_ON)
        records = lazily.isel({MEMBER: judged_on}).load()
        events = analysis.onsets(records, rise=RISE)
        by_signal = []
        for rule in SIGNALS.values():
            judgement = judged(analysis.alarms(records, rule), events)
            by_signal.append(alarm_score(judgement).assign(lead=(MEMBER, judgement["lead"].values)))
        signals = xr.concat(by_signal, xr.Variable("signal", list(SIGNALS)))
        results.append(signals.merge(_order(events)).assign_coords(target=target))
    tested = xr.concat(results, "target")
    tested["lead"].attrs = {"long_name": "lead time", "units": "updates"}
    for name, long_name in {"precision": "precision", "recall": "recall", "f1": "F-score"}.items():
        tested[name].attrs = {"long_name": long_name, "units": "1"}
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


def _order(events: xr.Dataset) -> xr.Dataset:
    onset = events["onset"]
    angle, norm, error = (onset.sel(criterion=name, drop=True) for name in ("angle", "gradient_norm", "error"))
    happened = (error >= 0) & (events["early"] == 0)
    first = (angle >= 0) & (angle < error)
    shares = {"ordered": first & (norm >= 0) & (angle < norm) & (norm < error), "angle_first": first}
    return xr.Dataset({name: holds.where(happened).mean(MEMBER) for name, holds in shares.items()})
