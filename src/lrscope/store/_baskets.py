"""Reading single entries of a branch: the baskets that hold them, and nothing else.

A basket is one branch of one block: a key, then the entries, compressed. Files are opened for each read and closed
again, so that a Dataset can be kept, copied and pickled without holding a file.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from uproot.compression import decompress
from uproot.source.chunk import Chunk
from uproot.source.cursor import Cursor

from lrscope.store._files import damaged, opened
from lrscope.store._labels import stored

Index = int | slice | np.ndarray

_KEY = struct.Struct(">ihiIh")
"""fNbytes, fVersion, fObjlen, fDatime, fKeylen: how each key begins."""
_LAST = struct.Struct(">ib")
"""fLast and a flag: how the key of a basket ends. The offsets of entries of variable size come after fLast."""
_LONG_TEXT = 255


@dataclass(frozen=True)
class Baskets:
    """Where the baskets of one branch are."""

    path: Path
    name: str
    positions: np.ndarray  # first byte of each basket in the file
    sizes: np.ndarray  # bytes of each basket
    bounds: np.ndarray  # first entry of each basket, and at the end the number of entries
    checksums: np.ndarray | None = None  # CRC-32 of the entries of each basket, uncompressed

    def end(self, blocks: int) -> int:
        """Return the last byte of the first `blocks` baskets."""
        return int((self.positions[:blocks] + self.sizes[:blocks]).max(initial=0))


def read_into(
    out: np.ndarray,
    targets: np.ndarray,
    baskets: Baskets,
    kind: np.dtype,
    entries: np.ndarray,
    inner: tuple[Index, ...],
) -> None:
    """Put some entries of a branch of fixed-size arrays into `out` at `targets`, in the machine's byte order.

    `kind` is type and shape of one entry, `inner` has an index for each of its dimensions.
    """
    for piece, local, own, _ in _pieces(baskets, entries):
        content = piece.view(stored(kind.base).newbyteorder(">")).reshape(-1, *kind.shape)
        out[_span(targets[own])] = outer(content[_span(local)], inner)


def read_texts(baskets: Baskets, entries: np.ndarray) -> np.ndarray:
    """Return some entries of a branch of texts (one byte of length, or 255 and four more, then UTF-8)."""
    out = [""] * len(entries)
    for piece, local, own, border in _pieces(baskets, entries):
        # the offsets count from the key's begin, with one number before them that says how many there are
        offsets = piece[border + 4 :].view(">i4").astype(np.int64)
        starts = offsets - offsets[0]
        stops = np.append(starts[1:-1], border)
        raw = piece.tobytes()
        for entry, position in zip(local.tolist(), own.tolist(), strict=True):
            head = 5 if raw[starts[entry]] == _LONG_TEXT else 1
            out[position] = raw[starts[entry] + head : stops[entry]].decode()
    return np.array(out, dtype=str)


def verify(baskets: Baskets, blocks: int) -> None:
    """Compare the first `blocks` baskets of a branch with their checksums."""
    with opened(baskets.path) as file:
        for number in range(blocks):
            _content(file, baskets, number)


def outer(array: np.ndarray, inner: tuple[Index, ...]) -> np.ndarray:
    """Return `array` indexed in each dimension after the first, independently of the others."""
    for number in reversed(range(len(inner))):
        array = array[(slice(None),) * (number + 1) + (inner[number],)]
    return array


def _pieces(baskets: Baskets, entries: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, int]]:
    """Yield each basket that holds some of `entries`, one in memory at a time.

    With its bytes come the numbers of the entries in it, their places in `entries`, and the number of bytes before the
    offsets.
    """
    if not len(entries):
        return
    order = np.argsort(entries, kind="stable")
    sorted_entries = entries[order]
    bounds = np.searchsorted(sorted_entries, baskets.bounds)
    with opened(baskets.path) as file:
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            own = order[bounds[number] : bounds[number + 1]]
            content, border = _content(file, baskets, number)
            yield content, entries[own] - baskets.bounds[number], own, border


def _content(file: BinaryIO, baskets: Baskets, number: int) -> tuple[np.ndarray, int]:
    """Return the uncompressed bytes of a basket without its key, and where among them the entries end."""
    file.seek(int(baskets.positions[number]))
    raw = file.read(int(baskets.sizes[number]))
    try:
        _, _, size, _, key = _KEY.unpack_from(raw)
        last, _ = _LAST.unpack_from(raw, key - _LAST.size)
        packed = np.frombuffer(raw, np.uint8, offset=key)
        if len(packed) != size:
            chunk = Chunk.wrap(None, packed)
            packed = decompress(chunk, Cursor(0), {}, len(packed), size).raw_data
    except Exception as error:  # what damaged bytes do to the decompressors is not listed anywhere
        raise damaged(baskets.path) from error
    border = last - key
    if baskets.checksums is not None and zlib.crc32(packed[:border].data) != baskets.checksums[number]:
        raise damaged(baskets.path)
    return packed, border


def _span(index: np.ndarray) -> np.ndarray | slice:
    """Return consecutive numbers as a slice, which needs no copy."""
    first, count = int(index[0]), len(index)
    if count == int(index[-1]) - first + 1 and bool((np.diff(index) == 1).all()):
        return slice(first, first + count)
    return index
