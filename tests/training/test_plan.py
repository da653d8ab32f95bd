"""Which members go together, with what data, in which order, measured when."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lrscope.data import Arrays, Samples, Shape
from lrscope.errors import InputError
from lrscope.probes import Weights, every
from lrscope.training import Experiment, Sweep, batch_order
from lrscope.training._plan import Orders, chunked, timetable

CPU = torch.device("cpu")


def small():
    return nn.Linear(2, 2)


def experiment(**fields):
    given = {"data": Shape("circle", samples=10), "model": small, "sweep": Sweep(lr=[0.1, 0.2]), "steps": 20} | fields
    return Experiment(**given)


@given(st.integers(0, 2**63 - 1), st.integers(0, 9), st.integers(1, 50))
def test_an_epoch_is_a_permutation(seed, epoch, samples):
    assert sorted(batch_order(seed, epoch, samples).tolist()) == list(range(samples))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {tuple(batch_order(seed, epoch, 20).tolist()) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
    assert torch.equal(batch_order(3, 2, 20), batch_order(3, 2, 20))


def test_members_with_the_same_data_share_it():
    (members,) = chunked(experiment(sweep=Sweep(lr=[0.1, 0.2], seed=[0, 1])), CPU, None, 1000)
    assert members.shared
    assert members.data.train.inputs.shape == (10, 2)
    assert members.samples == 10


def test_data_are_made_once_for_each_value_of_their_axes():
    calls = []

    @dataclasses.dataclass(frozen=True)
    class Counting:
        scale: float

        def arrays(self):
            calls.append(self.scale)
            return Arrays(np.full((3, 2), self.scale), np.zeros((3, 2)))

    sweep = Sweep(scale=[1.0, 2.0], lr=[0.1, 0.2, 0.3])
    (members,) = chunked(experiment(data=Counting(0.0), sweep=sweep), CPU, None, 1000)
    assert sorted(calls) == [1.0, 2.0]
    assert members.data.train.inputs[:, 0, 0].tolist() == [1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("members", "most", "workers", "sizes"),
    [
        (24, 12, 1, [12, 12]),
        (27, 12, 1, [9, 9, 9]),
        (27, 12, 2, [7, 7, 7, 6]),  # not 9, 9, 9: the worker that ends first would wait for the other
        (51, 12, 2, [9, 9, 9, 8, 8, 8]),
        (5, 12, 8, [1, 1, 1, 1, 1]),
        (13, 1, 2, [1] * 13),
    ],
)
def test_chunks_are_few_and_keep_all_workers_busy(members, most, workers, sizes):
    many = experiment(sweep=Sweep(lr=[0.1], seed=range(members)))
    assert [len(each) for each in chunked(many, CPU, most, 1000, workers)] == sizes


def test_numbers_become_the_experiments_type_and_classes_stay_integers():
    data = Samples(np.zeros((3, 2), np.float16), np.zeros(3, np.uint8))
    (members,) = chunked(experiment(data=data, loss="cross_entropy", dtype="float64"), CPU, None, 1000)
    assert (members.data.train.inputs.dtype, members.data.train.targets.dtype) == (torch.float64, torch.int64)


def test_a_probe_that_never_measures_is_said():
    with pytest.raises(InputError, match="every_1_epoch must measure at least once in 5 steps"):
        timetable(experiment(steps=5, batch_size=1, probes=[Weights()]), 10)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 30), st.integers(1, 5))
def test_steps_are_counted_by_what_is_due_and_the_size_of_their_batch(samples, batch_size, total, cadence):
    grid = experiment(
        data=Shape("circle", samples=samples),
        batch_size=min(batch_size, samples),
        steps=total,
        probes=[Weights(when=every(cadence))],
    )
    table = timetable(grid, samples)
    batches = Orders(np.array([0]), samples, grid.batch_size, table.per_epoch)
    assert table.kinds() == Counter((table.due(step), batches.at(step).shape[1]) for step in range(total))
