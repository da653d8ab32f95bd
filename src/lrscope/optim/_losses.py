"""Losses of one batch, by name."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from lrscope.errors import unknown

Loss = Callable[[Tensor, Tensor], Tensor]


def _half_mse(outputs: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(outputs, targets) / 2


LOSSES: dict[str, Loss] = {
    "mse": functional.mse_loss,
    "half_mse": _half_mse,
    "l1": functional.l1_loss,
    "cross_entropy": functional.cross_entropy,
}
"""Name -> function of outputs (sample, ...) and targets, mean over the samples."""


def loss_function(loss: str | Loss) -> Loss:
    """Return the function of a name, or the function itself.

    Raises
    ------
    InputError : an unknown name; the nearest is given.
    """
    if callable(loss):
        return loss
    if loss not in LOSSES:
        raise unknown("loss", loss, LOSSES)
    return LOSSES[loss]
