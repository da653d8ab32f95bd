"""The convolutional network of the source, trained as one ensemble, is the same as its members one by one."""

import pytest
import torch
from torch import nn

from lrscope.data import Digits
from lrscope.models import CNN
from lrscope.optim import SGD, Adam
from lrscope.training import Experiment, Sweep, batch_order, stream

LRS, SEEDS, STEPS = (1e-4, 1e-3, 1e-2), (0, 5), 50
RULES = {
    "adam": (Adam(), torch.optim.Adam, {}),
    "momentum": (SGD(momentum=0.9), torch.optim.SGD, {"momentum": 0.9}),
}


def plain_loop(network, lr: float, seed: int, optimizer, numbers) -> torch.Tensor:
    torch.manual_seed(seed)
    model = network(size=8).double()
    arrays = Digits().arrays()
    images, digits = torch.from_numpy(arrays.inputs).double(), torch.from_numpy(arrays.targets)
    update, criterion = optimizer(model.parameters(), lr=lr, **numbers), nn.CrossEntropyLoss()
    per_epoch = -(-len(images) // 64)
    for step in range(STEPS):
        epoch, number = divmod(step, per_epoch)
        rows = batch_order(seed, epoch, len(images))[64 * number : 64 * number + 64]
        update.zero_grad()
        criterion(model(images[rows]), digits[rows]).backward()
        update.step()
    return nn.utils.parameters_to_vector(model.parameters()).detach()


@pytest.mark.parametrize("rule", ["adam", pytest.param("momentum", marks=pytest.mark.long)])
def test_the_ensemble_is_its_members_one_by_one(rule, simple_cnn):
    ours, theirs, numbers = RULES[rule]
    experiment = Experiment(
        data=Digits(), model=CNN(height=8, width=8), loss="cross_entropy", optimizer=ours,
        sweep=Sweep(lr=LRS, seed=SEEDS), steps=STEPS, batch_size=64, dtype="float64",
    )  # fmt: skip
    running = stream(experiment, device="cpu", chunk_size=6)
    for _ in running:
        pass
    members = torch.from_numpy(running.state["chunk/0/parameters"])
    for number, (lr, seed) in enumerate((lr, seed) for lr in LRS for seed in SEEDS):
        assert (members[number] - plain_loop(simple_cnn, lr, seed, theirs, numbers)).abs().max() < 1e-10
