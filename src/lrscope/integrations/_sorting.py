"""Rows sorted into variables by a compiled loop, which turns the bytes into the order of the file on the way."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lrscope.integrations._kernel import Kernel, Parts, kernel_for
from lrscope.integrations._layout import Column

_TYPES = {"float32": torch.float32, "float64": torch.float64}


class Sorter:
    """Sorts the variables that stand in a row as they stand in the records.

    Parameters
    ----------
    kernel : of the rows' type
    columns : neither a single number nor turned
    """

    def __init__(self, kernel: Kernel, columns: Sequence[Column]) -> None:
        self._kernel = kernel
        self._names = [column.label.name for column in columns]
        self._starts = np.array([column.start for column in columns], np.int64)
        sizes = [column.stop - column.start for column in columns]
        self._sizes = np.array(sizes, np.int64)
        self._parts, self._to = Parts(sizes), Parts(sizes)
        self._places: dict[int, np.ndarray] = {}

    def sort(self, rows: Tensor, at: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write rows (row, element) from a step on into arrays (member, step, ...) of one member, big-endian.

        Parameters
        ----------
        arrays : contiguous, the same ones at each call with the same mapping

        Raises
        ------
        IndexError : the arrays have no room for so many.
        """
        whole = rows.contiguous()
        room = arrays[self._names[0]].shape[1]
        if at + len(whole) > room:
            raise IndexError(f"{at + len(whole)} rows must fit arrays of {room}")
        places = self._places.get(id(arrays))
        if places is None:
            places = np.array([arrays[name].ctypes.data for name in self._names], np.int64)
            self._places[id(arrays)] = places
        size = whole.element_size()
        self._parts.lie_at((whole.data_ptr() + size * self._starts).tolist())
        self._to.lie_at((places + size * at * self._sizes).tolist())
        self._kernel.sort(self._parts, len(whole), whole.shape[1], self._to)


def sorter_for(columns: Sequence[Column], dtype: np.dtype) -> Sorter | None:
    """Return what sorts the columns that a compiled loop can sort; None without such columns, or a compiler."""
    plain = [column for column in columns if not (column.scalar or column.turned)]
    kernel = kernel_for(_TYPES[dtype.name]) if plain else None
    return None if kernel is None else Sorter(kernel, plain)
