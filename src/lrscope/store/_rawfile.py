"""The file under uproot's writer: unbuffered, and born whole.

Every write reaches the operating system before the next begins, in uproot's order, which keeps each state of the
file readable: a process that is killed leaves a prefix of the writes. A full disk is reported by the write that
found it, and closing has nothing left to write.
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

    def settle(self) -> None:
        """Write what was written so far to a temporary file, and rename that to `path`."""
        assert isinstance(self._file, io.BytesIO)
        temporary = self.path.with_suffix(self.path.suffix + ".part")
        try:
            temporary.write_bytes(self._file.getvalue())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)
        self._file = io.FileIO(self.path, "r+b")

    def write(self, data: Any) -> int:
        """Write all of `data` (anything with a buffer), or raise an `OSError`."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += self._write_some(view[done : done + _AT_ONCE])
        return done

    def _write_some(self, view: memoryview) -> int:
        return self._file.write(view) or 0

    def sync(self) -> None:
        """Wait until the disk has everything."""
        os.fsync(self._file.fileno())

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        return self._file.read(size) or b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to `offset`."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def readable(self) -> bool:
        """Return true."""
        return True

    writable = seekable = readable
