"""IDX files, in which MNIST comes: a magic number, the sizes, and one byte a value.

The magic number is two zero bytes, 8 for unsigned bytes, and the number of dimensions; sizes are big-endian and have
four bytes each.
"""

import math
import struct
from pathlib import Path

import numpy as np

from lrscope.data._files import AGAIN, content
from lrscope.errors import must_be

_UNSIGNED_BYTES = 8


def read_idx(path: Path, dims: int) -> np.ndarray:
    """Return the values of an IDX file, gzipped or not, uint8 with `dims` dimensions.

    Raises
    ------
    InputError : another magic number, other sizes than the header says, nothing in it, or a damaged gzip file.
    """
    raw = content(path)
    wanted = bytes([0, 0, _UNSIGNED_BYTES, dims]).hex()
    if raw[:4].hex() != wanted:
        allowed = f"an IDX file of unsigned bytes in {dims} dimensions, magic number {wanted}"
        raise must_be(str(path), allowed, raw[:4].hex(), AGAIN)
    start = 4 + 4 * dims
    if len(raw) < start:
        raise must_be(str(path), f"an IDX file with a header of {start} bytes", f"{len(raw)} bytes", AGAIN)
    shape = struct.unpack(f">{dims}I", raw[4:start])
    size = start + math.prod(shape)
    if len(raw) != size or size == start:
        allowed = f"a file of {size} bytes with at least one value, as its header says ({' x '.join(map(str, shape))})"
        raise must_be(str(path), allowed, f"{len(raw)} bytes", AGAIN)
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
