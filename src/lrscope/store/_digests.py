"""Checksums: CRC-32 of each branch of each block, and of the JSON that describes them.

CRC-32 (of zlib, PNG, Ethernet) is in the standard library of every language, and takes less time than decompressing.
It notices damage, not malice.
"""

import json
import re
import zlib
from typing import Any

import numpy as np

_SEAL = re.compile(r', "crc32": (\d+)\}\Z')


def checksum(entries: np.ndarray) -> int:
    """Return the CRC-32 of the bytes that a basket has of `entries`, big-endian numbers or texts."""
    if entries.dtype.kind != "U":
        return zlib.crc32(np.ascontiguousarray(entries).data)
    encoded = [text.encode() for text in entries.tolist()]
    return zlib.crc32(b"".join(_length(len(text)) + text for text in encoded))


def _length(size: int) -> bytes:
    """Return how ROOT writes the length of a text."""
    return bytes([size]) if size < 255 else b"\xff" + size.to_bytes(4, "big")


def sealed(text: str) -> str:
    """Return a JSON object with ``crc32`` as its last field: the CRC-32 of the text without that field."""
    return f'{text[:-1]}, "crc32": {zlib.crc32(text.encode())}}}'


def unsealed(text: str) -> Any:
    """Return the JSON object that was `sealed`, without ``crc32``.

    Raises
    ------
    ValueError : it has another checksum, or none.
    """
    seal = _SEAL.search(text)
    if seal is None or zlib.crc32((text[: seal.start()] + "}").encode()) != int(seal[1]):
        raise ValueError("the checksum differs")
    return json.loads(text[: seal.start()] + "}")
