"""When the probes are due, asked step by step."""

from hypothesis import given
from hypothesis import strategies as st

from lrscope.probes import Loss, Weights, at, every
from lrscope.recorder._timetable import Timetable, groups_of

PER_EPOCH = 7
cadences = st.one_of(
    st.integers(1, 30).map(every),
    st.integers(1, 3).map(lambda count: every(count, "epoch")),
    st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True).map(lambda steps: at(*sorted(steps))),
)


@given(first=cadences, second=cadences, factor=st.sampled_from([1, 2, 8]), start=st.integers(0, 50))
def test_what_is_left_out_between_two_records_was_not_due(first, second, factor, start):
    groups = groups_of([Loss(when=first), Weights(when=second)])
    timetable = Timetable(groups, PER_EPOCH)
    for step in range(start, 100):
        wanted = {group.dim for group in groups if group.due(step, PER_EPOCH, factor)}
        assert timetable.due(step, factor) == wanted


def test_another_factor_is_noticed():
    timetable = Timetable(groups_of([Loss(when=every(10))]), None)
    assert [step for step in range(25) if timetable.due(step, 4)] == [0]
    assert [step for step in range(25, 61) if timetable.due(step, 1)] == [30, 40, 50, 60]
