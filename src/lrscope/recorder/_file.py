"""The file of a Recorder: blocks for the thread that writes, and the bytes that they take."""

import os
from collections.abc import Mapping

import numpy as np
import xarray as xr

from lrscope.recorder import _clock
from lrscope.recorder._attaching import number_of
from lrscope.recorder._blocks import BLOCK_SECONDS
from lrscope.recorder._sheet import Sheet
from lrscope.records import MEMBER
from lrscope.store import Writer
from lrscope.sweep import Sweep

FIRST_BLOCK, BLOCK, CLOSING = 3200, 200, 2200
"""Bytes besides the values that each variable takes: in the first block, which makes its branch; in each block; and
when the file is closed, for its distribution at the last step."""


class RecordsFile:
    """Takes blocks of a sheet, in a new file.

    Parameters
    ----------
    path, metadata, compression : as for `lrscope.store.Writer`
    sweep : the grid of one member

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
    ) -> None:
        self._writer = Writer(path, metadata, compression=compression)
        self.path = self._writer.path
        self._sweep, self._members = sweep, sweep.members() | {MEMBER: np.array([number_of(sweep)])}
        self._bytes = self._coming = self.path.stat().st_size
        self._began = _clock.now()
        self._block: xr.Dataset | None = None
        self.flushed = self._closed = False

    @property
    def seconds(self) -> float:
        """Processor time of the thread that writes: what goes on behind the loop's back is a cost as well."""
        return self._writer.seconds

    def wait(self) -> None:
        """Return when all blocks are written."""
        self._writer.wait()

    def used(self, sheet: Sheet | None) -> int:
        """Return the bytes of the file, of what is about to be written, and of what closing the file adds."""
        if self._closed or sheet is None:
            return self._bytes
        reserved = CLOSING + BLOCK + (0 if self.flushed else FIRST_BLOCK)
        return self._bytes + sheet.pending_bytes + reserved * sheet.variables

    def least(self, sheet: Sheet) -> int:
        """Return the bytes of a file of two records."""
        return self._bytes + 2 * sheet.bytes_of(sheet.gathered) + sheet.variables * (FIRST_BLOCK + BLOCK + CLOSING)

    def due(self, sheet: Sheet, now: float) -> bool:
        """Tell whether it is time for a block."""
        return sheet.full or now - self._began > BLOCK_SECONDS

    def write(self, sheet: Sheet, *, final: bool) -> None:
        """Hand what was gathered to the thread that writes, once it has written the block before.

        Who interrupts that loses nothing: the sheet still has everything, or the block is handed over the next time.
        """
        self._hand_over()
        if sheet.pending_bytes:
            self._writer.wait()
            coming = sheet.pending_bytes + sheet.variables * (BLOCK if self.flushed else FIRST_BLOCK)
            self._bytes = max(self._coming, self.path.stat().st_size) + coming
            self._block = sheet.block(self._members, self._sweep, final=final)
            self._hand_over()
        self._began = _clock.now()

    def _hand_over(self) -> None:
        if self._block is not None:
            self._writer.extend(self._block)  # behind this the thread that writes has the file, and the interpreter
            self._block, self._coming, self.flushed = None, self._bytes, True

    def give_up(self, error: BaseException) -> None:
        """Close the file behind an error: what was written stays; without a block it is removed."""
        self._closed = True
        self._writer.__exit__(type(error), error, None)

    def complete(self) -> None:
        """Close the file."""
        self._writer.close()
        self._bytes, self._closed = self.path.stat().st_size, True
