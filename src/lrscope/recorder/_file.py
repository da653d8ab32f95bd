"""The file of a Recorder: blocks for the thread that writes, and the bytes that they take."""

import os
import time
from collections.abc import Mapping

import numpy as np

from lrscope.recorder._attaching import number_of
from lrscope.recorder._buffer import BLOCK_SECONDS, BlockBuffer
from lrscope.records import MEMBER
from lrscope.store import Writer
from lrscope.sweep import Sweep

FIRST_BLOCK, BLOCK, CLOSING = 3200, 200, 2200
"""Bytes besides the values that each variable takes: in the first block, which makes its branch; in each block; and
when the file is closed, for its distribution at the last step."""


class RecordsFile:
    """Writes the blocks of a buffer into a new file.

    Parameters
    ----------
    path, metadata, compression : as for `lrscope.store.Writer`
    sweep : the grid of one member
    buffer : whose blocks are written

    Attributes
    ----------
    flushed : whether a block was handed over
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        metadata: Mapping[str, object],
        compression: str,
        sweep: Sweep,
        buffer: BlockBuffer,
    ) -> None:
        self._writer = Writer(path, metadata, compression=compression)
        self.path = self._writer.path
        self._buffer, self._sweep = buffer, sweep
        self._members = sweep.members() | {MEMBER: np.array([number_of(sweep)])}
        self._bytes = self.path.stat().st_size
        self._began = time.perf_counter()
        self.flushed = self._closed = False

    @property
    def seconds(self) -> float:
        """Processor time of the thread that writes, which is a cost as well."""
        return self._writer.seconds

    def wait(self) -> None:
        self._writer.wait()

    @property
    def used(self) -> int:
        """Bytes of the file, of what is about to be written, and of what closing the file adds."""
        if self._closed or not self._buffer.columns:
            return self._bytes
        reserved = CLOSING + BLOCK + (0 if self.flushed else FIRST_BLOCK)
        return self._bytes + self._buffer.nbytes + reserved * self._variables

    @property
    def least(self) -> int:
        return self._bytes + 2 * self._buffer.bytes_of() + self._variables * (FIRST_BLOCK + BLOCK + CLOSING)

    @property
    def _variables(self) -> int:
        return len(self._buffer.columns) + 1

    def due(self, now: float) -> bool:
        return self._buffer.full or now - self._began > BLOCK_SECONDS

    def write(self, *, final: bool) -> None:
        """Hand what was measured to the thread that writes, once it has written the block before.

        If that is interrupted nothing is lost: the buffer still has everything.
        """
        if self._buffer.nbytes:
            self._writer.wait()
            coming = self._buffer.nbytes + self._variables * (BLOCK if self.flushed else FIRST_BLOCK)
            self._bytes = self.path.stat().st_size + coming
            block = self._buffer.block(self._members, self._sweep, final=final)
            self._writer.extend(block)
            self.flushed = True
            self._buffer.drop()
        self._began = time.perf_counter()

    def give_up(self, error: BaseException) -> None:
        """Close the file after an error: what was written stays; without a block it is removed."""
        self._closed = True
        self._writer.__exit__(type(error), error, None)

    def complete(self) -> None:
        self._writer.close()
        self._bytes, self._closed = self.path.stat().st_size, True
