"""Several processes that train one model have the records of one process that trains it alone."""

import importlib
import os
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.fsdp import fully_shard

from lrscope.errors import InputError
from lrscope.probes import Activations, Biases, GradientAngle, GradientNorm, Gradients, UpdateSize, Weights
from lrscope.recorder import Recorder
from lrscope.store import open_records

STEPS = 5
ROWS = torch.randn(STEPS, 16, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
VALUES = (Weights(), Biases(), Gradients(), GradientNorm(), GradientAngle(), UpdateSize())
REDUCED = (Activations(include=("*",)), GradientNorm())
STATISTICS = (Weights(detail="statistics"), Gradients(detail="statistics"), GradientNorm(), UpdateSize())
UNEVEN = (0, 5, 6, 7)
"""Where the rows of each process begin, if they have parts of other sizes."""
OF_THE_BATCH = {"loss", "recording_seconds", "training_seconds"}
"""What belongs to the first process's part of the batch, and what it took."""


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def convolutional():
    torch.manual_seed(0)
    layers = nn.Unflatten(1, (2, 3)), nn.Conv1d(2, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1)
    return nn.Sequential(*layers).double()


class Branching(nn.Module):
    """The process of rank 1 calls another layer than the others."""

    def __init__(self, rank):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.other, self.rank = nn.Linear(6, 1).double(), nn.Linear(6, 1).double(), rank

    def forward(self, inputs):
        return self.other(inputs) if self.rank == 1 else self.one(inputs)


def train(model, optimizer, rank, count, recorder=None, starts=None):
    """Train on every `count`-th row, or on the rows between two starts."""
    for whole in ROWS:
        rows = whole[rank::count] if starts is None else whole[starts[rank] : (*starts[:count], len(whole))[rank + 1]]
        optimizer.zero_grad()
        # the mean over processes, which PyTorch takes, is that of the whole batch
        loss = (model(rows) - rows.sum(1, keepdim=True)).square().sum() * count / len(whole)
        loss.backward()
        optimizer.step()
        if recorder:
            recorder.step(loss=loss)
    return [one.full_tensor() if hasattr(one, "full_tensor") else one.detach() for one in model.parameters()]


def sharded():
    model = network()
    for layer in model:
        fully_shard(layer)
    fully_shard(model)
    return model


def main(rank, count, folder):
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(f"{folder}/store{count}", count)
    torch.distributed.init_process_group(
        "gloo", store=store, rank=rank, world_size=count, timeout=timedelta(seconds=60)
    )

    def recorded(name, model, optimizer, probes, starts=None, **options):
        with Recorder(model, f"{folder}/{name}{count}.root", optimizer, probes=probes, **options) as recorder:
            return train(model, optimizer, rank, count, recorder, starts), recorder.failed

    def adam(model):
        return torch.optim.Adam(model.parameters(), lr=0.01)

    model = nn.parallel.DistributedDataParallel(network())
    recorded("ddp", model, adam(model), VALUES, time_budget=None)
    model = nn.parallel.DistributedDataParallel(network())
    # importing it warns of torch.jit, which the tests take for an error
    zero = importlib.import_module("torch.distributed.optim").ZeroRedundancyOptimizer
    optimizer = zero(model.parameters(), torch.optim.Adam, lr=0.01)
    recorded("zero", model, optimizer, VALUES, time_budget=None)
    model = sharded()
    plain = train(model, adam(model), rank, count)
    for name, probes in {"values": VALUES, "statistics": STATISTICS}.items():
        model = sharded()
        after, _ = recorded(name, model, adam(model), probes, time_budget=None)
        assert all(map(torch.equal, after, plain)), "the training is another one"
    model = sharded()
    recorded("budget", model, adam(model), None)
    options = {"time_budget": None, "reduce_activations": True}
    model = sharded()
    recorded("reduced_sharded", model, adam(model), REDUCED, **options)
    models = [nn.parallel.DistributedDataParallel(convolutional()) for _ in range(2)]
    plain = train(models[0], adam(models[0]), rank, count, starts=UNEVEN)
    after, _ = recorded("reduced", models[1], adam(models[1]), REDUCED, UNEVEN, **options)
    assert all(map(torch.equal, after, plain)), "the training is another one"
    models = [nn.parallel.DistributedDataParallel(Branching(rank), find_unused_parameters=True) for _ in range(2)]
    plain = train(models[0], adam(models[0]), rank, count)
    after, failed = recorded("branching", models[1], adam(models[1]), REDUCED, **options)
    assert failed
    assert all(map(torch.equal, after, plain)), "the training is another one"
    torch.distributed.destroy_process_group()


def trained_by(count, folder):
    """Have this file run as a script in so many processes."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), str(count), str(folder)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    said = [one.communicate(timeout=300)[1] for one in processes]
    assert [one.returncode for one in processes] == [0] * count, "\n".join(said)


@pytest.fixture(scope="module", params=[2, pytest.param(4, marks=pytest.mark.long)])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("distributed")
    trained_by(request.param, folder)
    return folder, request.param


@pytest.mark.parametrize(
    ("name", "probes", "network"),
    [
        ("ddp", VALUES, network),
        ("zero", VALUES, network),
        ("values", VALUES, network),
        ("statistics", STATISTICS, network),
        ("reduced_sharded", REDUCED, network),
        ("reduced", REDUCED, convolutional),
    ],
)
def test_records_of_several_processes_are_those_of_one(folder, name, probes, network, tmp_path):
    where, count = folder
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with Recorder(model, tmp_path / "alone.root", optimizer, probes=probes, time_budget=None) as recorder:
        train(model, optimizer, 0, 1, recorder)
    alone, several = open_records(tmp_path / "alone.root"), open_records(where / f"{name}{count}.root")
    assert set(alone) == set(several)
    for variable in set(alone) - OF_THE_BATCH:
        largest = np.nanmax(np.abs(alone[variable].values))
        np.testing.assert_allclose(
            several[variable].values, alone[variable].values, rtol=1e-6, atol=1e-9 * largest, err_msg=variable
        )
    about = several.attrs["metadata"]["recorder"]
    assert about["processes"] == count
    assert about["activations"]


def test_what_cannot_be_reduced_exactly_is_refused(tmp_path):
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    for probe in (Activations(full=True), Gradients(of=("activations",))):
        with pytest.raises(InputError, match="reduce_activations"):
            Recorder(model, tmp_path / "mine.root", optimizer, probes=[probe], reduce_activations=True)
    assert not list(tmp_path.iterdir())


def test_with_a_time_budget_processes_that_share_a_model_record_the_same_steps(folder):
    """They would wait for each other for ever if they did not."""
    where, count = folder
    records = open_records(where / f"budget{count}.root")
    assert records["step"].values[0] == 0
    assert {"activations_mean_1", "weights_0", "gradient_norm"} <= set(records)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    os._exit(0)  # the threads of gloo may take seconds to end
