import pytest
import torch
import xarray as xr

from lrscope import records
from lrscope.data import Shape
from lrscope.errors import InputError
from lrscope.models import Autoencoder
from lrscope.probes import Activations, Gradients, Weights
from lrscope.training import Experiment, Sweep, _loop, stream
from lrscope.training._lanes import lanes_of, threads_for


@pytest.fixture
def threads():
    """Set the number of PyTorch's threads for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def experiment(**changes):
    fields = {
        "data": Shape("circle", samples=20),
        "model": Autoencoder(hidden=(6, 4)),
        "sweep": Sweep(shape=["circle", "spiral"], lr=[0.001, 0.01], seed=[0, 1]),
        "epochs": 12,
        "probes": (Weights(), Activations(), Gradients()),
        "dtype": "float64",
    }
    return Experiment(**{**fields, **changes})


def trained(run):
    return records.concatenate(run).sortby("member")


@pytest.mark.parametrize("lanes", [2, 3])
def test_members_come_out_the_same_however_many_threads_train_them(threads, lanes):
    threads(1)
    alone = trained(stream(experiment(), device="cpu"))
    threads(lanes)
    together = stream(experiment(), device="cpu")
    xr.testing.assert_allclose(trained(together), alone, rtol=1e-12, atol=1e-14)
    assert together.finished


def test_there_is_a_chunk_for_every_thread(threads):
    threads(2)
    blocks = list(stream(experiment(), device="cpu"))
    assert [block.member.values.tolist() for block in blocks] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_threads_are_dealt_to_the_lanes_and_the_caller_keeps_its_own(threads):
    threads(4)
    with threads_for(2, each=2) as pool:
        assert [pool.submit(torch.get_num_threads).result() for _ in range(4)] == [2] * 4
        assert torch.get_num_threads() == 4
        threads(3)
    assert torch.get_num_threads() == 3
    assert lanes_of(torch.device("cpu")) == 3
    assert lanes_of(torch.device("cuda")) == 1


def test_more_chunks_than_threads_take_turns_and_stop_together(threads, monkeypatch):
    monkeypatch.setattr(_loop, "BLOCK_BYTES", 1)
    threads(2)
    expected = trained(stream(experiment(), device="cpu", chunk_size=2))
    run = stream(experiment(), device="cpu", chunk_size=2)
    blocks = [next(run) for _ in range(5)]
    run.stop()
    blocks += run
    assert not run.finished
    rest = stream(experiment(), device="cpu", checkpoint=run.state)
    blocks += rest
    assert rest.finished
    xr.testing.assert_identical(trained(blocks), expected)


def test_a_resume_cuts_the_same_chunks_with_fewer_threads_and_data_of_several_sizes(threads, monkeypatch):
    monkeypatch.setattr(_loop, "BLOCK_BYTES", 1)
    several = experiment(sweep=Sweep(samples=[20, 24], lr=[0.001, 0.003, 0.01], seed=[0, 1, 2]), probes=())
    threads(4)
    whole = list(stream(several, device="cpu"))
    run = stream(several, device="cpu")
    blocks = [next(run) for _ in range(7)]
    run.stop()
    blocks += run
    threads(1)
    blocks += stream(several, device="cpu", checkpoint=run.state)
    assert {tuple(block.member.values) for block in blocks} == {tuple(block.member.values) for block in whole}
    xr.testing.assert_identical(trained(blocks), trained(whole))


def test_stopping_between_two_chunks_is_not_the_end(threads):
    threads(1)
    run = stream(experiment(), device="cpu", chunk_size=4)
    next(run)
    run.stop()
    assert list(run) == []
    assert not run.finished


def test_what_goes_wrong_in_a_lane_reaches_the_caller(threads):
    threads(2)

    def fail(done, total):
        raise InputError("the bar must be shown; got nothing.")

    with pytest.raises(InputError, match="the bar must be shown"):
        list(stream(experiment(), device="cpu", progress=fail))


def test_the_global_generator_is_left_alone_while_lanes_train(threads):
    threads(2)
    torch.manual_seed(3)
    expected = [torch.rand(1).item() for _ in range(3)]
    torch.manual_seed(3)
    drawn = [
        torch.rand(1).item() for _ in zip(stream(experiment(), device="cpu", chunk_size=2), range(3), strict=False)
    ]
    assert drawn == expected
