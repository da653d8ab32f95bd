"""The form in which every data set hands over its samples, and a data set made of arrays that already exist."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lrscope._imported import error_text
from lrscope.errors import InputError, must_be


@dataclass(frozen=True)
class Arrays:
    """Samples as training takes them. Tensors, frames and lists become arrays; arrays stay as they are.

    Attributes
    ----------
    inputs : (sample, ...) floating numbers, or integers (words, say)
    targets : (sample, ...) floating numbers, or (sample) integer classes

    Raises
    ------
    InputError : no arrays of numbers, masked values, or not as many targets as inputs.
    """

    inputs: np.ndarray
    targets: np.ndarray

    def __post_init__(self) -> None:
        for name in ("inputs", "targets"):
            object.__setattr__(self, name, _array(name, getattr(self, name)))
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


def _array(name: str, values: Any) -> np.ndarray:
    """Return values as an array in the byte order of this machine; refuse those that are masked, or no values."""
    parts = values if isinstance(values, list | tuple) else [values]
    hidden = sum(int(np.ma.getmaskarray(part).sum()) for part in parts if isinstance(part, np.ma.MaskedArray))
    if hidden:
        got = f"a masked array that hides {hidden} of them"
        raise InputError(f"{name} must have all their values; got {got}. Leave these samples out, or fill them in.")
    if not (hasattr(values, "__array__") or isinstance(values, Sequence)):  # a Dataset or a DataLoader, say
        remedy = "Give the arrays or tensors that it reads from."
        raise must_be(name, "an array, a tensor or lists (sample, ...)", type(values).__name__, remedy)
    try:
        array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} must make an array (sample, ...) of numbers: {error_text(error)}.") from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


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
    InputError : see `Arrays`; or validation samples of other shapes.

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
        self._arrays = Arrays(inputs, targets)
        if validation is not None and not (isinstance(validation, tuple | list) and len(validation) == 2):
            raise must_be("validation", "a pair (inputs, targets)", type(validation).__name__)
        self._validation = Arrays(*validation) if validation else None
        if self._validation:
            _refuse_other_shapes(self._arrays, self._validation)
        self.name = name

    def arrays(self) -> Arrays:
        """Return the samples to learn from."""
        return self._arrays

    def validation(self) -> Arrays | None:
        """Return the validation samples; None if there are none."""
        return self._validation

    def __json__(self) -> dict[str, Any]:
        validation = {"validation": described(self._validation)} if self._validation else {}
        return {"name": self.name, **described(self._arrays), **validation}


def _refuse_other_shapes(learned: Arrays, validation: Arrays) -> None:
    """Raise an error where validation samples are not of the shapes of those learned from."""
    wanted, got = ((one.inputs.shape[1:], one.targets.shape[1:]) for one in (learned, validation))
    if wanted != got:
        allowed = f"samples of the shapes {wanted[0]} and {wanted[1]}, like those learned from"
        raise must_be("validation", allowed, f"{validation.inputs.shape} and {validation.targets.shape}")


def described(arrays: Arrays) -> dict[str, Any]:
    """Return the shapes and the checksum of inputs and targets."""
    both = {"inputs": arrays.inputs, "targets": arrays.targets}
    digest = hashlib.sha256()
    for array in both.values():
        digest.update(np.ascontiguousarray(array).data)
    return {name: list(array.shape) for name, array in both.items()} | {"sha256": digest.hexdigest()}
