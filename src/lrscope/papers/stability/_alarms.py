"""How well each sign of instability warns, over many learning rates and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from lrscope import analysis
from lrscope.analysis import AlarmRule
from lrscope.records import MEMBER

SIGNALS = {
    "angle": AlarmRule(),
    "gradient norm": AlarmRule(angle=None, norm=1.1, window=10),
    "error": AlarmRule(angle=None, loss=1.001),
}
"""Name of a signal -> when it raises the alarm. The angle's rule was chosen on seeds 0 to 15, the norm's likewise."""
RISE = 1.05
"""An error that rises to this multiple of its lowest value counts as an event: what the alarm must announce."""
FIRST_SEED_JUDGED = 16
"""Seeds below were used to choose the rules; only the others are judged."""


@dataclass(frozen=True)
class AlarmTest:
    """How each signal did on each target.

    Attributes
    ----------
    scores : Dataset (target, signal) of ``precision``, ``recall``, ``f1``, ``onsets``, ``members``, ``early`` and
        ``lead`` (quantile too)
    lead : (target, signal, run) updates from the alarm to the onset; NaN where there was no true alarm
    ordered : (target) share of the runs with an onset in which the angle came before the norm, and the norm before
        the error; ``angle_first`` the share in which the angle came before the error
    """

    scores: xr.Dataset
    lead: xr.DataArray
    ordered: xr.Dataset


def alarm_test(by_target: Mapping[str, xr.Dataset]) -> AlarmTest:
    """Return how the signals did, from the records (member, step) of the grid of each target."""
    judged = {target: _judged_seeds(records) for target, records in by_target.items()}
    found = {
        target: analysis.onsets(records, thresholds=analysis.Thresholds(error=RISE))
        for target, records in judged.items()
    }
    judgements = {
        target: {
            name: analysis.judged(analysis.alarms(judged[target], rule), found[target])
            for name, rule in SIGNALS.items()
        }
        for target in judged
    }
    scores = _by_target(
        {
            target: _by_signal({name: analysis.alarm_score(one) for name, one in of.items()})
            for target, of in judgements.items()
        }
    )
    lead = _by_target(
        {
            target: _by_signal({name: _runs(one["lead"]) for name, one in of.items()})
            for target, of in judgements.items()
        }
    )
    ordered = _by_target({target: _order(one) for target, one in found.items()})
    return AlarmTest(scores, _labelled(lead["lead"]), ordered)


def _judged_seeds(lazily: xr.Dataset) -> xr.Dataset:
    records = lazily.isel({MEMBER: np.flatnonzero(lazily["seed"].values >= FIRST_SEED_JUDGED)})
    return records.load()


def _runs(lead: xr.DataArray) -> xr.Dataset:
    return xr.Dataset({"lead": ("run", lead.values)})


def _labelled(lead: xr.DataArray) -> xr.DataArray:
    lead.attrs = {"long_name": "steps of warning", "units": "updates"}
    return lead


def _order(found: xr.Dataset) -> xr.Dataset:
    """Return in which share of the members with an onset, calm before, the signs came in the published order."""
    onset = found["onset"]
    angle, norm, error = (onset.sel(criterion=name, drop=True) for name in ("angle", "gradient_norm", "error"))
    happened = (error >= 0) & (found["early"] == 0)
    first = (angle >= 0) & (angle < error)
    ordered = first & (norm >= 0) & (angle < norm) & (norm < error)
    shares = {"ordered": ordered, "angle_first": first}
    return xr.Dataset({name: holds.where(happened).mean(MEMBER) for name, holds in shares.items()})


def _by_signal(parts: Mapping[str, xr.Dataset]) -> xr.Dataset:
    return xr.concat(parts.values(), xr.Variable("signal", list(parts)))


def _by_target(parts: Mapping[str, xr.Dataset]) -> xr.Dataset:
    return xr.concat(parts.values(), xr.Variable("target", list(parts)))
