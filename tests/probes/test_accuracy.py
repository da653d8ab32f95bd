import numpy as np
import pytest
import torch
from torch import nn

from lrscope.data import Samples
from lrscope.errors import InputError
from lrscope.optim import SGD
from lrscope.probes import Accuracy, ValidationAccuracy, ValidationLoss
from lrscope.probes._scalars import accuracy
from lrscope.training import Experiment, Sweep, batch_order, train

DRAW = np.random.default_rng(3)
CENTRES = DRAW.normal(size=(3, 4))


def some(count: int) -> tuple[np.ndarray, np.ndarray]:
    classes = DRAW.integers(0, 3, count)
    return CENTRES[classes] + 0.7 * DRAW.normal(size=(count, 4)), classes


LEARNED, VALIDATION = some(90), some(2300)


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def plain(lr: float, steps: int) -> tuple[list[float], list[float], list[float]]:
    """Return accuracy of the batch, of the validation samples, and their loss, by a plain loop."""
    torch.manual_seed(0)
    network = model().double()
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    (inputs, classes), (others, theirs) = ([torch.from_numpy(one) for one in each] for each in (LEARNED, VALIDATION))
    found: tuple[list[float], ...] = ([], [], [])
    for step in range(steps):
        network.eval()
        outputs = network(others)
        found[1].append((outputs.argmax(1) == theirs).double().mean().item())
        found[2].append(nn.functional.cross_entropy(outputs, theirs).item())
        network.train()
        rows = batch_order(0, step // 3, 90)[step % 3 * 30 : step % 3 * 30 + 30]
        outputs = network(inputs[rows])
        found[0].append((outputs.argmax(1) == classes[rows]).double().mean().item())
        optimizer.zero_grad()
        nn.functional.cross_entropy(outputs, classes[rows]).backward()
        optimizer.step()
    return found


@pytest.mark.parametrize("lr", [0.05, 0.5])
def test_accuracies_are_those_of_a_plain_loop(lr):
    """More samples are kept for validation than are evaluated at a time."""
    experiment = Experiment(
        data=Samples(*LEARNED, validation=VALIDATION), model=model, loss="cross_entropy", optimizer=SGD(),
        sweep=Sweep(lr=[0.05, 0.5]), steps=12, batch_size=30, dtype="float64",
        probes=[Accuracy(), ValidationAccuracy(), ValidationLoss()],
    )  # fmt: skip
    records = train(experiment, device="cpu").sel(lr=lr)
    accuracy, validation, loss = plain(lr, 12)
    np.testing.assert_allclose(records["accuracy"], accuracy, atol=1e-12)
    np.testing.assert_allclose(records["val_accuracy"], validation, atol=1e-12)
    np.testing.assert_allclose(records["val_loss"], loss, atol=1e-10)
    assert 0.3 < validation[-1] < 1
    assert len(set(accuracy)) > 2


def test_the_largest_target_is_the_class():
    outputs = torch.tensor([[1.0, 3.0, 2.0], [0.0, -1.0, -2.0], [0.0, 1.0, 2.0]])
    targets = torch.tensor([[0.1, 0.8, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert accuracy(outputs, targets) == accuracy(outputs, torch.tensor([1, 1, 2])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("targets", [torch.zeros(3), torch.zeros(3, 1), torch.zeros(3, 3, 2), torch.zeros(3, 1).long()])
def test_targets_must_be_classes(targets):
    with pytest.raises(InputError, match=r"accuracy must be measured with outputs .* and classes"):
        accuracy(torch.zeros(3, 1) if targets.shape == (3, 1) else torch.zeros(3, 3), targets)


def test_a_step_without_samples_has_no_accuracy():
    with pytest.raises(InputError, match="accuracy must be measured with samples"):
        accuracy(None, None)
