"""Baskets from the memory of the records straight to the file.

uproot copies the entries of a branch twice before it writes them, each time into new memory, which takes longer than
the writing. Where nothing is compressed the entries lie in memory as they stand in the file: only the key has to be
made. And uproot writes the end of the file anew behind each basket; once behind all baskets of a block is enough, since
nothing points to them before the head of the tree does, which is written last.
"""

import datetime
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

_KEY = struct.Struct(">ihiIhhqq")
"""fNbytes, fVersion, fObjlen, fDatime, fKeylen, fCycle, fSeekKey, fSeekPdir."""
_BASKET = struct.Struct(">HiiiiB")
"""fVersion, fBufferSize, fNevBufSize, fNevBuf, fLast, and a flag: how the key of a basket ends."""
_VERSION, _BASKET_VERSION, _BUFFER_SIZE = 1004, 3, 32000
_SMALL = 2**16
"""Entries of up to so many bytes are written in one piece with their key."""
_CLASS = b"\x07TBasket"


def write_without_copies(tree: Any) -> None:
    """Let a new tree of uproot's writer write its baskets of numbers by `write_basket`."""
    cascade = tree._cascading
    cascade.write_np_basket = partial(write_basket, cascade)
    cascade.write_updates = partial(_write_end_and_head, cascade, cascade.write_updates)


def write_basket(cascade: Any, sink: Any, branch: str, _compression: object, array: np.ndarray) -> tuple[int, int, int]:
    """Write entries behind their key.

    Parameters
    ----------
    cascade, sink : tree and file, as uproot's writer has them
    array : (entry, ...), big-endian

    Returns
    -------
    total, zipped, location : bytes with the key, not compressed and compressed, and where they are
    """
    entries = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    names = _CLASS + _text(branch) + _text(cascade._name)
    key_size = _KEY.size + len(names) + _BASKET.size
    size = key_size + entries.size
    location = cascade._freesegments.allocate(size, dry_run=False)
    parent = cascade._directory.key.location
    head = _KEY.pack(size, _VERSION, entries.size, _now(), key_size, 0, location, parent)
    itemsize = array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))
    tail = _BASKET.pack(_BASKET_VERSION, _BUFFER_SIZE, itemsize, len(array), size, 0)
    key = head + names + tail
    if entries.size <= _SMALL:
        sink.write(location, key + entries.tobytes())
    else:
        sink.write(location, key)
        sink.write(location + key_size, entries)
    return size, size, location


def _write_end_and_head(cascade: Any, write_head: Callable[[Any], None], sink: Any) -> None:
    """Write the end of the file, and then the head of the tree."""
    cascade._freesegments.write(sink)
    sink.set_file_length(cascade._freesegments.fileheader.end)
    write_head(sink)


def _text(text: str) -> bytes:
    """Return a text as ROOT has it: one byte of length, or 255 and four more, then UTF-8."""
    raw = text.encode(errors="surrogateescape")
    return (bytes([len(raw)]) if len(raw) < 255 else b"\xff" + struct.pack(">I", len(raw))) + raw


def _now() -> int:
    """Return the time as a TDatime."""
    now = datetime.datetime.now()
    date = (now.year - 1995) << 26 | now.month << 22 | now.day << 17
    return date | now.hour << 12 | now.minute << 6 | now.second
