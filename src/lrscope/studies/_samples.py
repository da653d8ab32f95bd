"""Samples that a study learns: whether they can be learned at all, said before anything is trained."""

import numpy as np

from lrscope.data import Arrays, DataSet
from lrscope.errors import must_be
from lrscope.studies._words import counted

LARGEST = float(np.finfo(np.float32).max)


def checked(name: str, data: DataSet, batch_size: int = 1) -> tuple[Arrays, Arrays]:
    """Return the samples to learn from and those for validation; refuse what cannot be learned or compared by."""
    learned: Arrays = data.arrays()
    validation: Arrays | None = data.validation() if hasattr(data, "validation") else None
    if validation is None:
        remedy = "Give it as ((inputs, targets), (inputs, targets)): to learn from, and validation."
        raise must_be("data", "a data set with validation samples, to compare rates by", name, remedy)
    for one in (learned, validation):
        for kind, array in (("inputs", one.inputs), ("targets", one.targets)):
            wrong = 0 if has_classes(array) else int((~(np.abs(array) <= LARGEST)).sum())
            if wrong:
                got = f"{name}, whose {kind} have {counted(wrong, 'value')} that are not"
                raise must_be("data", "finite numbers of 32 bits", got, "Leave these samples out, or fill them in.")
    if has_classes(learned.targets) and np.ptp(learned.targets) == 0:
        got = f"{name}, whose samples to learn from are all of class {learned.targets.flat[0]}"
        raise must_be("data", "samples of two classes or more", got)
    if batch_size > len(learned.inputs):
        raise must_be("batch_size", f"at most the {len(learned.inputs)} samples to learn from", batch_size)
    return learned, validation


def has_classes(array: np.ndarray) -> bool:
    """Tell whether targets are classes: whole numbers, or truth values."""
    return array.dtype.kind in "iub"
