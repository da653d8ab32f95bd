"""The file ``run-*.wandb`` that wandb keeps of each run, read as what it is: protocol buffers in a LevelDB log.

wandb has no public reader of it that works without a server. Only the fields of a run's name, configuration and history
are known here, by their numbers, which protocol buffers keep when they change.

References
----------
LevelDB: doc/log_format.md. Protocol Buffers: Encoding. wandb: wandb/proto/wandb_internal.proto.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lrscope.errors import InputError
from lrscope.logs._rows import Run, curves_of, flattened

PATTERN = "*.wandb"
_START, _BLOCK = 7, 2**15
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_HISTORY, _CONFIG, _RUN = 2, 5, 17
"""Fields of a record ..."""
_RUN_ID, _RUN_CONFIG, _RUN_NAME = 1, 4, 8
"""... of a run ..."""
_ITEM, _STEP = 1, 2
"""... of a history and, the first of them, a configuration ..."""
_KEY, _NESTED_KEY, _BOOLEAN, _INTEGER, _NUMBER, _JSON, _VALUE_JSON = 1, 2, 4, 5, 6, 8, 16
"""... of an item; of other fields there is no number to read."""


def wandb_runs(source: Path) -> Iterator[Run]:
    """Yield each run of a file or folder; one that was resumed has several files.

    Raises
    ------
    InputError : a file is damaged. Of one that is cut off, as that of a run that was killed, what is whole counts.
    """
    names: dict[str, str] = {}
    configs: dict[str, dict[str, Any]] = {}
    rows: dict[str, list[dict[str, Any]]] = {}
    files = [source] if source.is_file() else source.rglob(PATTERN)
    for file in sorted({file.resolve() for file in files}):  # `latest-run` is a link
        run = file.stem
        for record in _records(file):
            try:
                for number, value in _fields(record):
                    if number == _RUN:
                        run = _described(value, names, configs)
                    elif number == _CONFIG:
                        configs.setdefault(run, {}).update(_items(value))
                    elif number == _HISTORY:
                        rows.setdefault(run, []).append(_items(value))
            except (ValueError, LookupError, TypeError, struct.error, RecursionError) as error:
                raise InputError(f"{file} must be whole; a record of it cannot be read.") from error
    for run, own in rows.items():
        config = {name: value for name, value in configs.get(run, {}).items() if not name.startswith("_")}
        yield Run(names.get(run) or run, config, curves_of(own))


def _described(message: bytes, names: dict[str, str], configs: dict[str, dict[str, Any]]) -> str:
    """Take name and configuration of a run, and return its id."""
    known = dict(_fields(message))
    run = str(known[_RUN_ID], "utf-8")
    names[run] = str(known.get(_RUN_NAME, b""), "utf-8")
    configs.setdefault(run, {}).update(_items(known.get(_RUN_CONFIG, b"")))
    return run


def _records(file: Path) -> Iterator[bytes]:
    """Yield the records of a log: blocks of 32 KiB, in which a record is one piece or several."""
    data = file.read_bytes()
    if not data.startswith(b":W&B"):
        raise InputError(f"{file} must be a file of wandb; it begins as another one.")
    written = len(data.rstrip(b"\0"))  # where a machine went down, the end may be filled with zeros
    parts: bytes | None = None
    place = _START
    while place + _START <= len(data):
        left = _BLOCK - place % _BLOCK
        if left < _START:  # too little for the head of a piece: filled with zeros
            place += left
            continue
        checksum, size, kind = struct.unpack_from("<IHB", data, place)
        piece = data[place + _START : place + _START + size]
        fits = kind in (_FULL, _FIRST) or (kind in (_MIDDLE, _LAST) and parts is not None)
        if not fits or len(piece) < size or checksum != zlib.crc32(piece, zlib.crc32(bytes([kind]))):
            if size <= left - _START and place + _START + size > written:
                return
            raise InputError(f"{file} must be whole; it is damaged at byte {place}.")
        place += _START + size
        parts = piece if kind in (_FULL, _FIRST) else (parts or b"") + piece
        if kind in (_FULL, _LAST):
            yield parts
            parts = None


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a message: an integer, or bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == 0:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        size, place = _varint(message, place) if kind == 2 else ({1: 8, 5: 4}[kind], place)
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """Return an integer of seven bits a byte, and the place after it."""
    byte = message[place]
    value, shift = byte & 127, 7
    while byte > 127:
        place += 1
        byte = message[place]
        value |= (byte & 127) << shift
        shift += 7
    return value, place + 1


def _items(message: bytes) -> dict[str, Any]:
    """Return the items of a history or a configuration, and the step of a history."""
    row: dict[str, Any] = {}
    for number, value in _fields(message):
        if number == _ITEM:
            key, item = _item(value)
            if not key.startswith(("_runtime", "_timestamp", "_wandb")) and not _is_media(item):
                row |= flattened({key: item})
        elif number == _STEP:
            row["_step"] = dict(_fields(value)).get(1, 0)
    return row


def _item(message: bytes) -> tuple[str, Any]:
    key: list[str] = []
    item: Any = None
    for number, value in _fields(message):
        if number in (_KEY, _NESTED_KEY):
            key.append(str(value, "utf-8"))
        elif number in (_JSON, _VALUE_JSON):
            item = json.loads(value)
        elif number == _NUMBER:
            (item,) = struct.unpack("<d", value)
        elif number == _INTEGER:
            item = value - 2**64 if value >= 2**63 else value
        elif number == _BOOLEAN:
            item = bool(value)
    return ".".join(key), item


def _is_media(item: Any) -> bool:
    """Tell whether an item is an image, a table, ... and no metric."""
    return isinstance(item, dict) and "_type" in item
