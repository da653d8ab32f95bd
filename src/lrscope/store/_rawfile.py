"""The file under uproot's writer: unbuffered, and born whole.

uproot accepts any object that reads, writes and seeks. With a file of Python's, writes would wait in a buffer, and
reach the disk in another order than uproot made them; safety after a crash depends on that order.

Every write reaches the operating system before the next begins, in uproot's order, which keeps each state of the
file readable: a process that is killed leaves a prefix of the writes. A full disk is reported by the write that
met it, and closing has nothing left to write.
"""

import io
import os
from pathlib import Path
from typing import Any

_AT_ONCE = 2**20
"""Bytes of one call of the system. Linux looks for memory in one piece for each call: for some 10 MB that takes ten
times as long as for ten times 1 MB."""


class RawFile:
    """A file that lives in memory until `settle`, which makes it appear under its name in one step.

    Parameters
    ----------
    path : does not exist yet
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: io.RawIOBase | io.BytesIO = io.BytesIO()
        self._position = self._place = self._end = 0  # asked for, of the system's file, and after the last byte

    def settle(self) -> None:
        """Write what was written so far to a temporary file, and rename that to `path`."""
        assert isinstance(self._file, io.BytesIO)
        temporary = self.path.with_suffix(self.path.suffix + ".part")
        try:
            temporary.write_bytes(self._file.getvalue())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self._file, self._place = io.FileIO(self.path, "r+b"), 0

    def write(self, data: Any) -> int:
        """Write all of `data` (anything with a buffer), or raise an `OSError`."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += self._write_some(view[done : done + _AT_ONCE])
        return done

    def _write_some(self, view: memoryview) -> int:
        if self._place != self._position:
            self._place = self._file.seek(self._position)
        done = self._file.write(view) or 0
        self._position = self._place = self._place + done
        self._end = max(self._end, self._place)
        return done

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def read(self, size: int = -1) -> bytes:
        self._file.seek(self._position)
        data = self._file.read(size) or b""
        self._position = self._place = self._file.tell()
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset`; the system moves when something is written, since most moves are followed by another."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        self._file.close()

    def readable(self) -> bool:
        return True

    writable = seekable = readable
