"""By which loss function samples are learned."""

import numpy as np

from lrscope.errors import must_be
from lrscope.optim import loss_function
from lrscope.studies._samples import has_classes
from lrscope.studies.sweep._options import Options


def loss_of(options: Options, targets: np.ndarray) -> str:
    """Return the loss function: that of the options, if it can be had of the targets."""
    classes, loss = has_classes(targets), options.loss
    if loss == "auto":
        return "cross_entropy" if classes else "mse"
    loss_function(loss)
    if classes and loss != "cross_entropy":
        remedy = "Give them as floating numbers to learn them as numbers."
        raise must_be("loss", "cross_entropy for targets that are whole numbers", loss, remedy)
    if loss == "cross_entropy" and not classes and not _are_shares(targets):
        raise must_be("loss", "mse, half_mse or l1 for targets that are neither classes nor shares of classes", loss)
    return loss


def _are_shares(targets: np.ndarray) -> bool:
    """Tell whether targets (sample, class, ...) are probabilities of classes."""
    if targets.ndim < 2 or targets.shape[1] < 2 or targets.min() < 0:
        return False
    return bool(np.allclose(targets.sum(axis=1), 1, atol=1e-3))
