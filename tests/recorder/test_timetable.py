"""When the probes are due, asked step by step."""

from hypothesis import given
from hypothesis import strategies as st

from lrscope.probes import At, Every, Loss, Weights, at, every
from lrscope.recorder._cadence import Schedule

PER_EPOCH = 7
cadences = st.one_of(
    st.integers(1, 30).map(every),
    st.integers(1, 3).map(lambda count: every(count, "epoch")),
    st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True).map(lambda steps: at(*sorted(steps))),
)


def is_due(when, step, factor):
    """Say it as the documentation does, with the steps of a long training."""
    if isinstance(when, At):
        return step in when.at
    return step in Every(when.count * factor, when.unit).steps(1000, PER_EPOCH)


@given(first=cadences, second=cadences, factor=st.sampled_from([1, 2, 8]), start=st.integers(0, 50))
def test_nothing_is_due_in_the_steps_that_are_only_counted(first, second, factor, start):
    schedule = Schedule([Loss(when=first), Weights(when=second)], PER_EPOCH, start, factor)
    for step in range(start, 100):
        due = schedule.due(step, factor)
        assert due == frozenset(group.dim for group in schedule.groups if is_due(group.when, step, factor))
        if schedule.idle:
            assert not due
            assert not schedule.due(step + 1, factor)
            schedule.idle -= 1
        else:
            assert schedule.now == due
            schedule.advance(schedule.due(step + 2, factor))
            schedule.rest(step + 1, factor)
