"""How alarms are judged and scored: known alarms and onsets."""

import numpy as np
import pytest
import xarray as xr

from lrscope.papers.stability._alarms import alarm_score, judged


def alarm_at(*steps, length=1000):
    flags = np.zeros((1, length))
    flags[0, list(steps)] = 1
    return xr.DataArray(flags, {"member": [0], "step": np.arange(length)})


def onset_at(error, risen, early=0):
    onset = xr.DataArray([[error]], {"member": [0], "criterion": ["error"]})
    return xr.Dataset({"onset": onset, "risen": ("member", [risen]), "early": ("member", [early])})


def counts(judgement):
    return [int(judgement[name].item()) for name in ("true", "false")]


def test_true_alarms_come_at_most_a_horizon_before_the_onset():
    result = judged(alarm_at(100, 410, 480, 499, 500, 505, 700), onset_at(500, 510))
    assert counts(result) == [3, 1]
    assert (result["detected"].item(), result["lead"].item()) == (1, 90)


def test_an_alarm_at_the_onset_is_late():
    result = judged(alarm_at(399, 500), onset_at(500, 510))
    assert counts(result) == [0, 1]
    assert result["detected"].item() == 0
    assert result["lead"].isnull().item()


def test_an_alarm_whose_run_ends_within_the_horizon_is_undecided():
    result = judged(alarm_at(100, 899, 900, 999), onset_at(-1, -1))
    assert counts(result) == [0, 2]
    assert result["detected"].isnull().item()


def test_networks_unstable_from_the_start_are_counted_separately():
    result = judged(alarm_at(3), onset_at(1, 2, early=1))
    assert all(array.isnull().item() for array in result.values())
    score = alarm_score(result)
    assert (score["networks"].item(), score["early"].item(), score["onsets"].item()) == (0, 1, 0)
    assert all(score[name].isnull().all() for name in ("precision", "recall", "f1", "lead_quantiles"))


def test_precision_recall_and_lead_of_many():
    networks = [
        judged(alarm_at(480), onset_at(500, 510)),
        judged(alarm_at(460, 490), onset_at(500, 510)),
        judged(alarm_at(505), onset_at(500, 510)),
        judged(alarm_at(100), onset_at(-1, -1)),
        judged(alarm_at(), onset_at(-1, -1)),
    ]
    score = alarm_score(xr.concat(networks, "member"))
    assert score["precision"].item() == 3 / 4
    assert score["recall"].item() == 2 / 3
    assert score["f1"].item() == pytest.approx(2 * 0.75 * (2 / 3) / (0.75 + 2 / 3))
    assert score["lead_quantiles"].values.tolist() == pytest.approx([22, 30, 38])
