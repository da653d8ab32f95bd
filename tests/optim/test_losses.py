"""Losses by name."""

import pytest
import torch

from lrscope.errors import InputError
from lrscope.optim import LOSSES, loss_function

OUTPUTS = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
TARGETS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("name", "value"), [("mse", (0 + 4 + 9 + 16) / 4), ("half_mse", (0 + 4 + 9 + 16) / 8), ("l1", (0 + 2 + 3 + 4) / 4)]
)
def test_losses_are_means_over_all_numbers(name, value):
    assert loss_function(name)(OUTPUTS, TARGETS) == value


def test_cross_entropy_takes_classes():
    expected = -torch.log_softmax(OUTPUTS, 1)[[0, 1], [1, 0]].mean()
    assert torch.isclose(loss_function("cross_entropy")(OUTPUTS, torch.tensor([1, 0])), expected)


def test_a_function_is_itself():
    def own(outputs, targets):
        return (outputs - targets).abs().max()

    assert loss_function(own) is own


def test_an_unknown_loss_names_the_nearest():
    with pytest.raises(InputError) as caught:
        loss_function("cross_entrpy")
    assert str(caught.value) == (
        f"loss must be one of {', '.join(LOSSES)}; got 'cross_entrpy'. Did you mean 'cross_entropy'?"
    )
