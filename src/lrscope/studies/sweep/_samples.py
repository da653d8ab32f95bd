"""Whether samples can be learned at all, and by which loss function: said before anything is trained."""

import numpy as np

from lrscope.data import Arrays, DataSet
from lrscope.errors import must_be
from lrscope.optim import loss_function
from lrscope.studies._words import counted
from lrscope.studies.sweep._options import Options

LARGEST = float(np.finfo(np.float32).max)


def checked(options: Options, data: DataSet) -> tuple[Arrays, Arrays]:
    """Return the samples to learn from and those held out, if they can be learned."""
    learned: Arrays = data.arrays()
    held_out: Arrays | None = data.held_out() if hasattr(data, "held_out") else None
    if held_out is None:
        remedy = "Give it as ((inputs, targets), (inputs, targets)): to learn from, and held out."
        raise must_be("data", "a data set that holds samples out, to compare rates by", options.data, remedy)
    for one in (learned, held_out):
        for name, array in (("inputs", one.inputs), ("targets", one.targets)):
            wrong = 0 if has_classes(array) else int((~(np.abs(array) <= LARGEST)).sum())
            if wrong:
                got = f"{options.data}, whose {name} have {counted(wrong, 'value')} that are not"
                raise must_be("data", "finite numbers of 32 bits", got, "Leave these samples out, or fill them in.")
    if options.batch_size > len(learned.inputs):
        raise must_be("batch_size", f"at most the {len(learned.inputs)} samples to learn from", options.batch_size)
    return learned, held_out


def has_classes(array: np.ndarray) -> bool:
    """Tell whether targets are classes: whole numbers, or truth values."""
    return array.dtype.kind in "iub"


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
