"""Replicated training: sums that do not care how they were cut."""

import numpy as np
import pytest
import xarray as xr
from torch import nn

from lrscope.data import Digits
from lrscope.engines import Processes
from lrscope.errors import InputError
from lrscope.optim import SGD, Linear
from lrscope.papers.linearity import Replicating, Replication, _replicate, estimate, replicate
from lrscope.papers.linearity._sums import summed
from lrscope.sweep import Sweep
from lrscope.training import Experiment, Trainer


def replication(lrs=(0.1, 0.2, 0.3), replicates=10, pairing="common", hidden=8, **changes) -> Replication:
    """Return a replication of a perceptron; of a wide one a core trains two replicates at a time."""

    def perceptron() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    fields = {
        "data": Digits(samples=64, val_samples=20),
        "model": perceptron,
        "sweep": Sweep(lr=lrs),
        "loss": "cross_entropy",
        "optimizer": SGD(momentum=0.9),
        "schedule": Linear(),
        "epochs": 2,
        "batch_size": 16,
        "dtype": "float64",
    }
    return Replication(Experiment(**fields | changes), replicates, pairing, batches=5)


def check_same(one: xr.Dataset, other: xr.Dataset) -> None:
    """Check that two records are the same but for the time that they took."""
    assert set(one) == set(other)
    for name in set(one) - {"seconds_sum"}:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9, err_msg=name)


def kept(asked: Replication) -> np.ndarray:
    """All outputs (lr, replicate, sample, output), each replicate trained by itself."""
    outputs = np.empty((len(asked.lrs), asked.replicates, 20, 10))
    trainer = Trainer(asked.experiments(range(1))[0], "cpu")
    for number in range(asked.replicates):
        for experiment in asked.experiments(range(number, number + 1)):
            for trained in trainer.outputs(experiment):
                for lr, values in zip(trained.columns["lr"], trained.outputs, strict=True):
                    outputs[asked.lrs.index(float(lr)), number] = values
    return outputs


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_sums_are_those_of_all_replicates_trained_one_by_one(pairing):
    asked = replication(pairing=pairing, replicates=5)
    records = replicate(asked).isel(step=0)
    outputs = kept(asked)
    np.testing.assert_allclose(records["outputs_sum"].transpose("lr", "batch", "sample", "output"), outputs, rtol=1e-9)
    assert (records["replicates"] == 1).all()
    assert records.attrs["pairing"] == pairing
    targets = Digits(samples=64, val_samples=20).validation().targets
    np.testing.assert_allclose(records["accuracy_sum"], (outputs.argmax(3) == targets).mean(2))


def test_common_seeds_start_from_the_same_weights_and_independent_ones_do_not():
    seeds = {
        pairing: [
            list(experiment.sweep.axes["seed"]) for experiment in replication(pairing=pairing).experiments(range(2))
        ]
        for pairing in ("common", "independent")
    }
    assert seeds["common"] == [[0, 1]]
    assert len({seed for each in seeds["independent"] for seed in each}) == 6


def test_seeds_are_those_of_the_replicates_and_no_other_axis_is_repeated():
    with pytest.raises(InputError, match="the axis lr alone"):
        replication(sweep=Sweep(lr=[0.1], seed=[3]))


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_what_diverges_is_left_out_at_its_rate_only(pairing):
    both = replicate(replication(lrs=[0.1, 1e300], replicates=5, pairing=pairing))
    alone = replicate(replication(lrs=[0.1], replicates=5, pairing=pairing))
    assert both["replicates"].sum("batch").isel(step=0).values.tolist() == [5, 0]
    assert both["diverged"].sum("batch").isel(step=0).values.tolist() == [0, 5]
    np.testing.assert_allclose(both["outputs_sum"].sel(lr=0.1), alone["outputs_sum"].sel(lr=0.1), rtol=1e-9)
    assert (both["outputs_sum"].sel(lr=1e300) == 0).all()


def test_all_may_diverge(monkeypatch):
    monkeypatch.setattr("lrscope.papers.linearity._replicate.at_once", lambda _replication, _trainer: 2)
    records = replicate(replication(lrs=[1e300]))
    assert int(records["diverged"].sum()) == 10
    assert (records["seconds_sum"] > 0).all()


@pytest.mark.parametrize("most", [1, 3, 7])
def test_it_does_not_matter_how_replicates_are_cut(most, monkeypatch):
    whole = replicate(replication())
    monkeypatch.setattr("lrscope.papers.linearity._replicate.at_once", lambda _replication, _trainer: most)
    check_same(replicate(replication(epochs=2)), whole)


def test_what_is_done_is_not_trained_again(tmp_path, monkeypatch):
    monkeypatch.setattr(_replicate, "at_once", lambda _replication, _trainer: 2)
    original, trained = _replicate.completed, []

    def two_of_them(engine, function, calls, stopping):  # several workers end in any order
        pieces = list(calls)
        yield from original(engine, function, [pieces[3], pieces[1]], stopping)
        raise KeyboardInterrupt

    monkeypatch.setattr(_replicate, "completed", two_of_them)
    with pytest.raises(KeyboardInterrupt):
        replicate(replication(), folder=tmp_path)
    monkeypatch.setattr(_replicate, "completed", original)
    monkeypatch.setattr(_replicate, "summed", lambda *given: trained.append(given[1]) or summed(*given))
    resumed = replicate(replication(), folder=tmp_path)
    assert trained == [range(2), range(4, 6), range(8, 10)]
    check_same(resumed, replicate(replication()))


def test_workers_give_the_same_sums_and_go_on_where_this_process_was_stopped(tmp_path, monkeypatch):
    asked, seen = replication(hidden=512, replicates=23), []
    whole = replicate(asked)
    with monkeypatch.context() as patch:
        patch.setattr(_replicate, "at_once", lambda *_: 2)
        training = Replicating(asked, folder=tmp_path, progress=lambda *_: training.stop())
        assert list(training) == []
    begun = Replicating(asked, folder=tmp_path).done
    assert 0 < training.done == begun < training.total
    with Processes(2, startup_seconds=0) as engine:
        check_same(replicate(asked, engine=engine, progress=lambda *done: seen.append(done)), whole)
        check_same(replicate(asked, engine=engine, folder=tmp_path), whole)
    assert seen == sorted(seen)
    assert seen[-1] == (69, 69)


@pytest.mark.parametrize("pairing", ["common", "independent"])
@pytest.mark.parametrize("batch_size", [16, 24])  # of 64 samples: the last batch is whole, or smaller than the others
def test_nothing_is_traced_while_the_clock_runs(pairing, batch_size):
    asked = replication(pairing=pairing, batch_size=batch_size)
    trainer = Trainer(asked.experiments(range(1))[0], "cpu")
    trainer.trace(asked.experiments(range(10))[0])
    before = list(trainer._prepared.graphs)
    summed(asked, range(10), trainer)
    assert before
    assert all(one is other for one, other in zip(trainer._prepared.graphs, before, strict=True))


@pytest.mark.parametrize("pairing", ["common", "independent"])
def test_an_estimate_counts_what_is_before_the_first_step_and_after_the_last(pairing, monkeypatch):
    clock = iter([100.0, 107.0])
    monkeypatch.setattr("lrscope.papers.linearity._replicate.perf_counter", lambda: next(clock))
    monkeypatch.setattr("lrscope.papers.linearity._replicate.at_once", lambda *_: 5)
    asked = replication(data=Digits(samples=16, val_samples=20), epochs=1, replicates=10, pairing=pairing)
    found = estimate(asked, "cpu")
    assert found.steps == 1
    assert found.seconds == 2 * 7  # all that a training of one step is, twice as many replicates
    monkeypatch.undo()
    records = replicate(asked).drop_vars("seconds_sum")
    assert found.record_bytes == sum(array.nbytes for array in records.values())
