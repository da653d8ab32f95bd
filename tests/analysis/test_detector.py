"""The alarm: the same in a loop and on records, independent of the future, early on published runs."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from lrscope.analysis import AlarmRule, Detector, alarms, onsets
from lrscope.errors import InputError

ANGLES = st.one_of(st.floats(0, 180), st.sampled_from([0.0, 44.0, 46.0, np.nan]))
VALUES = st.one_of(st.floats(0.5, 2), st.floats(0, 1e300), st.sampled_from([1.0, np.inf]))
STEPS = st.lists(st.tuples(ANGLES, VALUES, VALUES), min_size=1, max_size=60)
MULTIPLES = st.one_of(st.none(), st.floats(1.01, 3))
RULES = st.builds(
    AlarmRule,
    angle=st.floats(0, 179),
    norm=MULTIPLES,
    loss=MULTIPLES,
    held=st.integers(1, 3),
    calm=st.integers(1, 4),
    window=st.integers(2, 5),
)
OTHER_RULES = st.builds(AlarmRule, angle=st.none(), norm=st.floats(1.01, 3), loss=MULTIPLES, calm=st.integers(1, 4))


def series(steps):
    names = ("gradient_angle", "gradient_norm", "loss")
    data = {name: (("member", "step"), np.array([[step[i] for step in steps]])) for i, name in enumerate(names)}
    return xr.Dataset(data, coords={"member": [0], "step": np.arange(len(steps))}, attrs={"axes": ["member"]})


@given(STEPS, st.one_of(RULES, OTHER_RULES))
def test_the_detector_in_a_loop_equals_the_alarms_of_records(steps, rule):
    detector = Detector(rule)
    assert [detector.update(*step) for step in steps] == (alarms(series(steps), rule).values[0] == 1).tolist()


@given(STEPS, st.one_of(RULES, OTHER_RULES), st.integers(1, 60))
def test_cutting_the_future_away_changes_nothing(steps, rule, length):
    whole = alarms(series(steps), rule)
    xr.testing.assert_identical(alarms(series(steps[:length]), rule), whole.isel(step=slice(length)))


def raised(angles, **rule):
    steps = [(angle, 1.0, 1.0) for angle in angles]
    return np.flatnonzero(alarms(series(steps), AlarmRule(**rule)).values[0] == 1).tolist()


def test_the_alarm_is_raised_once_after_each_calm():
    assert raised([1] * 5 + [90] * 4 + [1] * 4 + [90] * 2 + [1] * 5 + [90], calm=5) == [5, 20]
    assert raised([150] * 5 + [1] * 4 + [90], calm=5) == []
    assert raised([1] * 5 + [90, 1, 90, 90, 1, 90, 90, 90], calm=5, held=3) == [12]


def test_all_conditions_that_are_given_must_hold():
    steps = [(1.0, 1.0, 1.0)] * 12 + [(90.0, 1.0, 1.0), (90.0, 3.0, 1.0), (90.0, 3.0, 1.2)]
    for rule, step in {
        AlarmRule(angle=45): 12,
        AlarmRule(angle=45, norm=2): 13,
        AlarmRule(angle=None, loss=1.1): 14,
    }.items():
        assert np.flatnonzero(alarms(series(steps), rule).values[0]).tolist() == [step]


def test_the_norm_is_compared_with_its_recent_past():
    norms = np.append(np.linspace(0.1, 1, 91), 1.3 ** np.arange(1, 10))  # a plateau is left, then something happens
    steps = [(1.0, norm, 1.0) for norm in norms]
    found = alarms(series(steps), AlarmRule(angle=None, norm=1.5, window=5, calm=20)).values[0]
    assert np.flatnonzero(found).tolist() == [92]


def test_nothing_recorded_is_no_alarm_and_no_zero(records, diverge):
    found = alarms(diverge(records, member=4, step=5))
    assert found.isel(member=4, step=slice(5, None)).isnull().all()
    assert found.isel(step=slice(1, None)).notnull().sum() == 6 * 6 - 2


@pytest.mark.parametrize("run", [("f1", 3, 1.0, 1000), ("f2", 8, 0.1, 1200), ("f1", 2, 0.4, 9_500)])
def test_published_instabilities_are_announced(published, run):
    records = published(*run)
    raised_at = records["step"].values[alarms(records).values[0] == 1]
    onset = onsets(records)["onset"].sel(criterion="error").item()
    assert ((raised_at >= onset - 100) & (raised_at <= onset - 5)).any()


@pytest.mark.parametrize("run", [("f1", 3, 0.1, 1000), ("f1", 3, 0.4, 5000), ("f1", 2, 0.2, 5000)])
def test_published_stable_runs_raise_no_alarm(published, run):
    assert alarms(published(*run)).sum() == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"angle": None}, "angle, norm and loss must be given, at least one of them"),
        ({"angle": 180}, "angle must be at least 0 and below 180 degrees; got 180"),
        ({"norm": 1.0}, "norm must be a finite number above 1; got 1.0"),
        ({"loss": np.inf}, "loss must be a finite number above 1; got inf"),
        ({"held": 0}, "held must be at least 1; got 0"),
        ({"window": 1}, "window must be at least 2; got 1"),
    ],
)
def test_rules_are_checked(wrong, said):
    with pytest.raises(InputError, match=said):
        AlarmRule(**wrong)


def test_signals_must_be_recorded_together(records):
    with pytest.raises(InputError, match="must be recorded at the same steps"):
        alarms(records.assign(gradient_norm=records["gradient_norm"].rename(step="step_every_2")), AlarmRule(norm=1.5))
