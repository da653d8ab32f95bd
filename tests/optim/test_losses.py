"""Losses by name, and with a number."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrscope.data import Samples
from lrscope.errors import InputError
from lrscope.optim import LOSSES, LabelSmoothing, loss_function, takes_classes
from lrscope.training import Experiment, Sweep, train

OUTPUTS = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
TARGETS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("name", "value"), [("mse", (0 + 4 + 9 + 16) / 4), ("half_mse", (0 + 4 + 9 + 16) / 8), ("l1", (0 + 2 + 3 + 4) / 4)]
)
def test_losses_are_means_over_all_numbers(name, value):
    assert loss_function(name)(OUTPUTS, TARGETS) == value


@given(st.floats(0, 1), st.integers(2, 6), st.integers(1, 9), st.integers(0, 10**6))
def test_a_share_of_smoothed_labels_is_that_of_all_classes(share, classes, samples, seed):
    random = torch.Generator().manual_seed(seed)
    outputs = 5 * torch.randn(samples, classes, generator=random, dtype=torch.float64)
    targets = torch.randint(0, classes, (samples,), generator=random)
    spread = (1 - share) * torch.nn.functional.one_hot(targets, classes).double() + share / classes
    by_hand = -(spread * outputs.log_softmax(1)).sum(1).mean()
    assert torch.isclose(LabelSmoothing(share)(outputs, targets), by_hand, rtol=1e-12, atol=1e-12)


def test_it_is_known_which_losses_take_classes():
    assert takes_classes(LOSSES["cross_entropy"])
    assert takes_classes(LabelSmoothing())
    assert not any(takes_classes(LOSSES[name]) for name in ("mse", "half_mse", "l1"))
    assert not takes_classes(lambda outputs, targets: outputs.mean())


def test_a_class_without_an_output_is_refused_with_smoothing_too():
    data = Samples(np.zeros((5, 3)), np.array([0, 1, 1, 0, 4]))
    fields = {"data": data, "model": lambda: torch.nn.Linear(3, 4), "sweep": Sweep(lr=[0.1]), "steps": 1}
    with pytest.raises(InputError, match=r"one number for each of the 5 classes of the targets; got 'shape \(4,\)'"):
        train(Experiment(**fields, loss=LabelSmoothing(), batch_size=2), device="cpu")
