"""When a Recorder records: what is due step by step, and what a budget leaves of it over the whole training."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lrscope.probes import At, Every, Loss, Weights, at, every
from lrscope.recorder._cadence import SHORTEST, Budget, Schedule


@dataclass
class Loop:
    """A training on a clock of its own, recorded as a Recorder does it: decided two steps ahead."""

    budget: Budget
    step_seconds: float
    record_seconds: float
    record_bytes: int = 0
    spent: float = 0.0
    clock: float = 0.0
    used: int = 0
    next: bool = False
    by_bytes: bool = False
    recorded: list[int] = field(default_factory=list)

    def due(self, step: int) -> bool:
        if step % self.budget.factor:
            return False
        return self.budget.allows(self.spent, self.clock, self.used, 3 * self.record_bytes, coming=int(self.next))

    def run(self, steps: int) -> "Loop":
        plan = [True, self.by_bytes]
        for step in range(steps):
            self.clock += self.step_seconds
            if plan[0]:
                self.clock += self.record_seconds
                self.spent += self.record_seconds
                self.used += self.record_bytes
                self.recorded.append(step)
                self.budget.note(step, self.record_seconds, self.clock, self.step_seconds, self.used)
            self.next = plan[1]
            plan = [plan[1], self.due(step + 2)]
        return self


@given(
    share=st.floats(0.001, 0.9),
    cost=st.floats(1e-6, 10),
    seconds=st.floats(1e-5, 1),
    steps=st.integers(1, 3000),
)
def test_the_share_of_time_is_kept_but_for_the_first_records(share, cost, seconds, steps):
    """The price is known with the second record, which is made when the first is paid for."""
    loop = Loop(Budget(share, None), seconds, cost).run(steps)
    assert loop.spent <= share * max(SHORTEST, loop.clock) + cost


@given(record=st.integers(1, 10**6), size=st.integers(10, 10**8), steps=st.integers(1, 5000))
def test_bytes_are_never_exceeded(record, size, steps):
    loop = Loop(Budget(None, size), 1.0, 0.0, record, by_bytes=True).run(steps)
    assert loop.used <= max(size, 2 * record)  # the first two steps are recorded whatever they take


def test_what_fits_is_not_thinned():
    loop = Loop(Budget(0.05, 10**6), 1.0, 0.04, 100).run(4000)
    assert loop.recorded[-3996:] == list(range(4, 4000)), "from then on the price is known"
    assert loop.recorded[:2] == [0, 2]
    assert loop.budget.thinned == []


def test_time_is_used_up_to_a_factor_of_two():
    loop = Loop(Budget(0.05, None), 1e-3, 1e-3).run(20_000)
    assert 0.02 < loop.spent / loop.clock <= 0.05
    distances = {after - before for before, after in pairwise(loop.recorded[310:])}
    assert distances == {32}


def test_the_first_steps_of_a_tiny_network_are_recorded():
    """200 steps take a tenth of a second: 5 % of that would be a few records."""
    loop = Loop(Budget(0.05, None), 3e-4, 1e-3).run(200)
    assert loop.recorded[:2] == [0, 2]
    assert loop.recorded[2:35] == list(range(4, 37))


@given(step=st.floats(8e-5, 1e-3), cost=st.floats(2e-4, 6e-4), first=st.floats(0, 0.015))
def test_a_tiny_network_has_records_in_all_of_its_training_and_keeps_to_its_share(step, cost, first):
    """20 000 steps of 65 parameters take two seconds and more, of which a record takes half a millisecond."""
    loop = Loop(Budget(0.05, None), step, cost)
    loop.budget.note(-1, first, 0.0, step, 0)
    loop.spent = loop.clock = first
    loop.run(20_000)
    assert loop.spent <= 0.055 * loop.clock
    assert len(loop.recorded) >= (100 if step > 1.5e-4 else 75)  # to count steps that short takes half of the budget
    assert all(any(low <= at < low + 5000 for at in loop.recorded) for low in range(0, 20_000, 5000))


@given(st.floats(1e-3, 10), st.floats(0, 100), st.floats(1e-6, 1))
def test_what_is_too_dear_is_asked_for_again_before_it_can_be_paid(spent, elapsed, step):
    budget = Budget(0.05, None)
    pause = budget.pause(spent, elapsed, step)
    assert pause == 0 or spent > 0.05 * (elapsed + pause * step)


def test_every_doubling_of_the_length_has_records():
    """1000 records fit; the training takes 60 times as many steps and has records in each of its doublings."""
    loop = Loop(Budget(None, 10**6), 1.0, 0.0, 1000).run(60_000)
    counts = [sum(low <= step < 2 * low for step in loop.recorded) for low in (500, 1000, 2000, 4000, 8000, 16_000)]
    assert counts[0] > 200
    assert all(later <= before for before, later in pairwise(counts))
    assert min(counts) >= 5
    assert loop.used <= 10**6
    factors = [factor for _, factor in loop.budget.thinned]
    assert factors[:4] == [2, 8, 32, 128]


def test_it_takes_more_again_when_steps_become_slow():
    loop = Loop(Budget(0.05, None), 1e-3, 1e-3).run(10_000)
    assert loop.budget.factor == 32
    loop.step_seconds = 1.0
    loop.run(200)
    assert loop.budget.factor == 1


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
