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

    It may also have a method ``held_out()`` that returns `Arrays` of other samples, which are never trained on, or
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
    held_out : inputs and targets of other samples, of the same shapes, which are never trained on

    Raises
    ------
    InputError : no arrays of numbers, not as many targets as inputs, or samples of other shapes held out.

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
        held_out: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        self._arrays = Arrays(np.asarray(inputs), np.asarray(targets))
        self._held_out = Arrays(*map(np.asarray, held_out)) if held_out else None
        if self._held_out:
            _refuse_other_shapes(self._arrays, self._held_out)
        self.name = name

    def arrays(self) -> Arrays:
        """Return the arrays as they were given."""
        return self._arrays

    def held_out(self) -> Arrays | None:
        """Return the samples held out, as they were given; None if there are none."""
        return self._held_out

    def __json__(self) -> dict[str, Any]:
        held_out = {"held_out": _described(self._held_out)} if self._held_out else {}
        return {"name": self.name, **_described(self._arrays), **held_out}


def _refuse_other_shapes(learned: Arrays, held_out: Arrays) -> None:
    """Raise an error where samples held out are not of the shapes of those learned from."""
    wanted, got = ((one.inputs.shape[1:], one.targets.shape[1:]) for one in (learned, held_out))
    if wanted != got:
        allowed = f"samples of the shapes {wanted[0]} and {wanted[1]}, like those learned from"
        raise must_be("held_out", allowed, f"{held_out.inputs.shape} and {held_out.targets.shape}")


def _described(arrays: Arrays) -> dict[str, Any]:
    """Return the shapes and the checksum of inputs and targets."""
    both = {"inputs": arrays.inputs, "targets": arrays.targets}
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in both.values())
    return {name: list(array.shape) for name, array in both.items()} | {"sha256": hashlib.sha256(content).hexdigest()}
