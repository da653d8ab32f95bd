"""The outputs of networks after their last update."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Digits, Samples
from lrscope.errors import InputError
from lrscope.models import CNN
from lrscope.optim import SGD, Linear
from lrscope.probes import Weights, every
from lrscope.sweep import Points
from lrscope.training import Experiment, Sweep, Trainer, batch_order, train

DATA = Digits(samples=50, val_samples=20)


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))


def normalised() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10))


def experiment(sweep: Sweep, model=perceptron, dtype="float64") -> Experiment:
    return Experiment(
        data=DATA,
        model=model,
        loss="cross_entropy",
        optimizer=SGD(momentum=0.9),
        schedule=Linear(),
        sweep=sweep,
        epochs=3,
        batch_size=16,
        dtype=dtype,
    )


def plain(model, lr: float, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """The loop that anybody would write; outputs for validation and for training, and the loss validation."""
    torch.manual_seed(seed)
    network = model().double()
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=0.9)
    learned, validation = DATA.arrays(), DATA.validation()
    inputs, targets = torch.from_numpy(learned.inputs).double(), torch.from_numpy(learned.targets)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: Linear().factor(step, 12))
    for epoch in range(3):
        for batch in batch_order(seed, epoch, 50).split(16):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[batch]), targets[batch]).backward()
            optimizer.step()
            schedule.step()
    network.eval()
    with torch.no_grad():
        outputs = network(torch.from_numpy(validation.inputs).double())
        loss = nn.functional.cross_entropy(outputs, torch.from_numpy(validation.targets))
        return outputs.numpy(), network(inputs).numpy(), float(loss)


@pytest.mark.parametrize("model", [perceptron, normalised, CNN(1, 8, 8)])
def test_outputs_are_those_of_plain_loops_behind_the_last_update(model):
    grid = experiment(Sweep(lr=[0.05, 0.2], seed=[3, 4]), model)
    found = list(Trainer(grid, "cpu").outputs(grid))
    assert sum(len(trained.diverged) for trained in found) == 4
    for trained in found:
        for row, (lr, seed) in enumerate(zip(trained.columns["lr"], trained.columns["seed"], strict=True)):
            outputs, learned, loss = plain(model, float(lr), int(seed))
            np.testing.assert_allclose(trained.outputs[row], outputs, rtol=0, atol=1e-10)
            np.testing.assert_allclose(trained.train_outputs[row], learned, rtol=0, atol=1e-10)
            assert float(trained.loss[row]) == pytest.approx(loss, abs=1e-10)
            assert not trained.diverged[row]


def test_a_trainer_serves_other_seeds_as_if_it_were_new():
    first, second = (experiment(Sweep(lr=[0.1], seed=seeds)) for seeds in ([0, 1], [2, 3]))
    trainer = Trainer(first, "cpu")
    list(trainer.outputs(first))
    again, fresh = ([*each.outputs(second)] for each in (trainer, Trainer(second, "cpu")))
    for one, other in zip(again, fresh, strict=True):
        assert torch.equal(one.outputs, other.outputs)


def test_steps_are_traced_once_for_all_seeds():
    first = experiment(Sweep(lr=[0.1], seed=[0, 1]))
    trainer = Trainer(first, "cpu")
    list(trainer.outputs(first))
    before = list(trainer._prepared.graphs)
    assert before
    list(trainer.outputs(experiment(Sweep(lr=[0.3], seed=[7, 8]))))
    assert all(one is other for one, other in zip(trainer._prepared.graphs, before, strict=True))


def test_what_diverges_is_told():
    grid = experiment(Sweep(lr=[0.1, 1e300], seed=[0]))
    told = {
        float(lr): bool(diverged)
        for trained in Trainer(grid, "cpu").outputs(grid)
        for lr, diverged in zip(trained.columns["lr"], trained.diverged, strict=True)
    }
    assert told == {0.1: False, 1e300: True}


def test_data_without_validation_samples_are_refused():
    data = Samples(np.zeros((4, 2), dtype=np.float32), np.zeros((4, 1), dtype=np.float32))
    grid = Experiment(data=data, model=lambda: nn.Linear(2, 1), sweep=Sweep(lr=[0.1]), steps=1)
    with pytest.raises(InputError, match=r"^data must be a data set with validation samples"):
        Trainer(grid, "cpu")


def test_losses_of_some_combinations_are_those_of_the_grid():
    grid = experiment(Sweep(lr=[0.1, 1e300], lr_3=[0.5, 2.0], init_scale=[1.0, 1.5], seed=[0]))
    expected = train(grid, device="cpu")["loss"].isel(seed=0)
    columns = {"lr": [0.1, 1e300, 0.1], "lr_3": [2.0, 0.5, 0.5], "init_scale": [1.5, 1.0, 1.0], "seed": [0, 0, 0]}
    some = experiment(Points(**columns))
    ((members, losses),) = Trainer(some, "cpu").losses(some)
    assert members.tolist() == [0, 1, 2]
    for number, (lr, times, scale) in enumerate(zip(*list(columns.values())[:3], strict=True)):
        same = expected.sel(lr=lr, lr_3=times, init_scale=scale).values
        assert np.allclose(losses[:, number], same, rtol=1e-9, equal_nan=True)
    assert Points(**columns) == Points(**columns) != Points(**{**columns, "seed": [1, 0, 0]})


def test_the_initial_scale_multiplies_what_is_trained():
    scaled = experiment(Sweep(lr=[1e-9], init_scale=[0.5, 1.0], seed=[3]))
    records = train(replace(scaled, probes=[Weights(when=every())]), device="cpu").isel(lr=0, seed=0, step=0)
    weights = records["weights_1"]
    assert np.allclose(weights.sel(init_scale=0.5), 0.5 * weights.sel(init_scale=1.0))
