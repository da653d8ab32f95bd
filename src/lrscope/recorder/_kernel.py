"""A few loops over numbers in C, compiled where there is a compiler: what is read once need not be read five times.

Mean, deviation, extremes and share above zero of a layer's outputs are five operations of PyTorch, each of which reads
all of them; here they are one loop. The same goes for parameters that lie here and there and are wanted as one vector
with its length, or each in an array of its own. Compiling takes a third of a second, once in a process. Without a
compiler PyTorch does the same, in several passes.

Compilers may add in any order, and leave out what is not finite; the sums say whether something was not. Flags that
change how the processor rounds for everybody (``-ffast-math`` does, when the library is loaded) are not among them.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrscope.recorder._kernel_source import source_for

_FLAGS = ("-O3", "-std=gnu11", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros")
_LOOSE = ("-fassociative-math", "-ffinite-math-only")
_SECONDS = 60
_TYPES = {torch.float32: "float", torch.float64: "double"}


class Kernel:
    """The compiled loops, for tensors on the CPU of one type.

    Parameters
    ----------
    library : compiled of `source_for` that type
    dtype : float32 or float64
    """

    def __init__(self, library: ctypes.CDLL, dtype: torch.dtype) -> None:
        name, number, address = _TYPES[dtype], ctypes.c_int64, ctypes.c_void_p
        self._columns = _function(library, f"columns_{name}", [address, number, number, address])
        self._positions = _function(library, f"positions_{name}", [address, number, number, number, address])
        self._gather = _function(library, f"gather_{name}", [address, address, number, address], ctypes.c_double)
        self._squares = _function(library, f"squares_{name}", [address, address, number], ctypes.c_double)
        vectors = [address, address, number]
        self._product = _function(library, f"product_{name}", vectors, ctypes.c_double)
        self._combined = _function(library, f"combined_{name}", [*vectors, ctypes.c_double], ctypes.c_double)
        self._moved = _function(library, f"moved_{name}", [address, address, number, address], ctypes.c_double)
        self._place = _function(library, f"place_{name}", [address, address, number, address, number], None)

    def columns(self, outputs: Tensor, out: int) -> bool:
        """Write mean, deviation, least, most and share above zero of the columns (neuron) of a contiguous matrix.

        Parameters
        ----------
        out : address of five vectors (neuron), one behind the other

        Returns
        -------
        bool : whether all is finite; otherwise what was written is not to be used
        """
        samples, neurons = outputs.shape
        return bool(self._columns(outputs.data_ptr(), samples, neurons, out))

    def positions(self, outputs: Tensor, out: int) -> bool:
        """Write the same of a contiguous (sample, neuron, position), over samples and positions."""
        return bool(self._positions(outputs.data_ptr(), *outputs.shape, out))

    def gather(self, parts: "Parts", out: int) -> float:
        """Write contiguous tensors one behind the other, and return the sum of the squares."""
        return float(self._gather(parts.addresses, parts.sizes, parts.count, out))

    def squares(self, parts: "Parts") -> float:
        """Return the sum of the squares of contiguous tensors."""
        return float(self._squares(parts.addresses, parts.sizes, parts.count))

    def product(self, one: Tensor, other: Tensor) -> float:
        """Return the inner product of contiguous vectors of one size."""
        return float(self._product(one.data_ptr(), other.data_ptr(), len(one)))

    def combined(self, one: Tensor, other: Tensor, factor: float) -> float:
        """Return the sum of the squares of one + factor · other."""
        return float(self._combined(one.data_ptr(), other.data_ptr(), len(one), factor))

    def moved(self, parts: "Parts", before: Tensor) -> float:
        """Return the sum of the squares of how far contiguous tensors are from those in a vector."""
        return float(self._moved(parts.addresses, parts.sizes, parts.count, before.data_ptr()))

    def place(self, parts: "Parts", arrays: "Parts", row: int) -> None:
        """Write contiguous tensors, each to a row of an array of its own, big-endian and past the caches."""
        self._place(parts.addresses, parts.sizes, parts.count, arrays.addresses, row)


class Parts:
    """Tensors that lie here and there.

    Parameters
    ----------
    sizes : elements of each
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.count = len(sizes)
        self.sizes = (ctypes.c_int64 * self.count)(*sizes)
        self.addresses = (ctypes.c_void_p * self.count)()

    def lie_at(self, addresses: Sequence[int]) -> None:
        """Say where they are now."""
        self.addresses[:] = [*addresses]


@cache
def kernel_for(dtype: torch.dtype) -> Kernel | None:
    """Return the loops for tensors of a type on the CPU; None where they cannot be had."""
    library = _library(_TYPES[dtype]) if dtype in _TYPES else None
    return None if library is None else Kernel(library, dtype)


def _library(real: str) -> ctypes.CDLL | None:
    """Return the compiled loops for ``float`` or ``double``; None without a compiler."""
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None or os.name != "posix":
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "kernel.c", Path(folder) / "kernel.so"
        source.write_text(source_for(real))
        for native in (["-march=native"], []):
            command = [*compiler.split(), *_FLAGS, *_LOOSE, *native, "-o", str(target), str(source)]
            if _succeeds(command):
                return ctypes.CDLL(str(target))
    return None


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _function(library: ctypes.CDLL, name: str, arguments: list[Any], result: Any = ctypes.c_int) -> Any:
    function = library[name]
    function.argtypes, function.restype = arguments, result
    return function
