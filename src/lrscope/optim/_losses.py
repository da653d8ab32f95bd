"""Losses of one batch: by name, and one with a number."""

from collections.abc import Callable
from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from lrscope.errors import unknown
from lrscope.specification import specification

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


@specification
class LabelSmoothing:
    """The cross-entropy with targets of which a share is spread evenly over all classes.

    Attributes
    ----------
    share : of the target that is spread; 0 is ``cross_entropy``

    References
    ----------
    Szegedy et al.: Rethinking the Inception Architecture (arXiv 1512.00567), section 7.

    Examples
    --------
    >>> import torch
    >>> LabelSmoothing(0.2)(torch.zeros(3, 4), torch.tensor([0, 1, 3])).exp()
    tensor(4.)
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.2

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over a batch: outputs (sample, class), targets (sample) or (sample, class)."""
        return functional.cross_entropy(outputs, targets, label_smoothing=self.share)


def takes_classes(loss: Loss) -> bool:
    """Tell whether a loss is one of those whose targets may be the numbers of classes."""
    return loss is LOSSES["cross_entropy"] or isinstance(loss, LabelSmoothing)


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
