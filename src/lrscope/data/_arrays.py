"""The form in which every data set hands over its samples, and a data set made of arrays that already exist."""

import hashlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lrscope.errors import InputError, must_be


@dataclass(frozen=True)
class Arrays:
    """Samples as training takes them.

    Attributes
    ----------
    inputs : (sample, ...) floating numbers, or integers (words, say)
    targets : (sample, ...) floating numbers, or (sample) integer classes

    Raises
    ------
    InputError : no arrays of numbers, or not as many targets as inputs.
    """

    inputs: np.ndarray
    targets: np.ndarray

    def __post_init__(self) -> None:
        both = (self.inputs, self.targets)
        if not all(array.ndim for array in both):
            got = " and ".join(str(array.shape) for array in both)
            raise InputError(f"inputs and targets must be arrays (sample, ...); got shapes {got}.")
        if not all(array.dtype.kind in "fiub" for array in both):
            got = " and ".join(str(array.dtype) for array in both)
            raise InputError(f"inputs and targets must be arrays of numbers; got types {got}.")
        if len(self.inputs) != len(self.targets) or not len(self.inputs):
            allowed = "as many as the inputs, and at least one"
            raise must_be("the number of targets", allowed, f"{len(self.targets)} for {len(self.inputs)} inputs")


class DataSet(Protocol):
    """Anything with a method that returns the samples.

    It may also have a method ``validation()`` that returns `Arrays` of other samples, which are never trained on, or
    None.
    """

    def arrays(self) -> Arrays:
        """Return inputs and targets."""
        ...


class Samples:
    """A data set of arrays that already exist; an experiment records their shape and checksum, not their values.

    Parameters
    ----------
    inputs, targets : (sample, ...)
    name : how the data is called in the report
    validation : inputs and targets of other samples, of the same shapes, which are never trained on

    Raises
    ------
    InputError : no arrays of numbers, not as many targets as inputs, or samples of other shapes validation.

    Examples
    --------
    >>> Samples(np.zeros((3, 2)), np.zeros((3, 1)), "zeros").arrays().inputs.shape
    (3, 2)
    """

    def __init__(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        name: str = "samples",
        validation: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self._arrays = Arrays(np.asarray(inputs), np.asarray(targets))
        self._validation = Arrays(*map(np.asarray, validation)) if validation else None
        if self._validation:
            _refuse_other_shapes(self._arrays, self._validation)
        self.name = name

    def arrays(self) -> Arrays:
        """Return the arrays as they were given."""
        return self._arrays

    def validation(self) -> Arrays | None:
        """Return the validation samples, as they were given; None if there are none."""
        return self._validation

    def __json__(self) -> dict[str, Any]:
        validation = {"validation": _described(self._validation)} if self._validation else {}
        return {"name": self.name, **_described(self._arrays), **validation}


def _refuse_other_shapes(learned: Arrays, validation: Arrays) -> None:
    """Raise an error where validation samples are not of the shapes of those learned from."""
    wanted, got = ((one.inputs.shape[1:], one.targets.shape[1:]) for one in (learned, validation))
    if wanted != got:
        allowed = f"samples of the shapes {wanted[0]} and {wanted[1]}, like those learned from"
        raise must_be("validation", allowed, f"{validation.inputs.shape} and {validation.targets.shape}")


def _described(arrays: Arrays) -> dict[str, Any]:
    """Return the shapes and the checksum of inputs and targets."""
    both = {"inputs": arrays.inputs, "targets": arrays.targets}
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in both.values())
    return {name: list(array.shape) for name, array in both.items()} | {"sha256": hashlib.sha256(content).hexdigest()}
