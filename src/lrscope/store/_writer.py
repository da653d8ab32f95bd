"""Blocks into a ROOT file, in the background.

A block is compressed and written by a thread of its own while the training computes the next. `Writer.extend` waits
for the block before it, so that one block is being written and one is being computed, never more.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import hist
import numpy as np
import xarray as xr

from lrscope.errors import InputError, StoreError, must_be
from lrscope.records import completed
from lrscope.store._files import save_state
from lrscope.store._labels import Label, TreeLabels, by_step_dimension, labels_of, tree_name
from lrscope.store._reader import open_records
from lrscope.store._rootfile import MAX_VARIABLES, RootFile, Rows, rows_of

BINS = 100
LARGEST = 1e150
"""Values beyond it have no square; ROOT keeps the sum of squares with each histogram."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_GO_ON = "Free some space and go on from there: a run of lrscope with --resume."
_NEW_FILE = "Free some space, and record what follows in a new file."
_AGAIN = "Free some space and try again."


class Writer:
    """Writes records block by block; a context manager.

    Parameters
    ----------
    path : a file that does not exist yet; its folder is made
    metadata : JSON-able (experiment, versions, command); read back as ``attrs["metadata"]``
    after : what `last_recorded` returned for the files before this one; entries at or before it are left out
    compression : ``lz4``, ``zstd`` or ``none``

    Raises
    ------
    InputError : the file exists, or a block does not fit the ones before it.
    StoreError : the disk is full or the folder cannot be written. Every block before stays readable. Of a full disk it
        says how to go on: with ``--resume`` where states are given with the blocks, otherwise with a new file.

    Notes
    -----
    What goes wrong in the background is raised by the next `extend` or by `close`. A block must not be changed after
    it was given away; a state is copied. If nothing was written when an error ends the ``with``, the file is removed.

    Attributes
    ----------
    seconds : of processor time that the blocks took so far in the background
    warnings : sentences about what the file lacks; written when it is closed
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        metadata: Mapping[str, object] | None = None,
        *,
        after: Mapping[str, Mapping[int, int]] | None = None,
        compression: str = "lz4",
    ) -> None:
        self.path = Path(path).absolute()  # the program may change its folder
        self.seconds = 0.0
        self.warnings: list[str] = []
        self._after = after or {}
        self._labels: dict[str, TreeLabels] = {}
        self._last_step: int | None = None
        self._pending: Future[None] | None = None
        self._failure: BaseException | None = None
        self._closed = self._resumable = False
        self._begun = False
        try:
            self._file = RootFile(self.path, metadata or {}, compression)
        except OSError as error:
            raise self._sentence(error) from error
        self._begun = True
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lrscope-store")

    def extend(
        self,
        block: xr.Dataset | Callable[[], xr.Dataset],
        state: Mapping[str, np.ndarray] | None = None,
        *,
        background: bool = True,
    ) -> None:
        """Append a block; once it is on the disk, replace the training's state beside the file.

        Parameters
        ----------
        block : (member, step, ...) as `lrscope.records` describes it, or what makes it in the background
        state : name -> array, what a resume needs to go on after this block
        background : False writes it in this thread: when Python ends, none can be given work
        """
        if self._closed:
            raise StoreError(f"{self.path} must be open to take a block; got a closed file. Make a new Writer.")
        self._resumable = self._resumable or state is not None
        copied = None if state is None else {name: np.array(array) for name, array in state.items()}
        for name, array in (copied or {}).items():
            if array.dtype.hasobject:
                raise must_be(f"state[{name!r}]", "an array of numbers or text", str(array.dtype))
        self.wait()
        if background:
            self._pending = self._thread.submit(self._append, [block], copied)
            return
        self._pending = Future()
        try:
            self._append([block], copied)
            self._pending.set_result(None)
        except Exception as error:
            self._pending.set_exception(error)
        self.wait()

    def close(self) -> None:
        """Write what is pending, the summaries, and the sign that the file is complete."""
        if not self._closed:
            self._end(complete=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._end(complete=False)

    def wait(self) -> None:
        """Return when no block is pending; raise what went wrong with it, and with any before."""
        if self._failure is None and self._pending is not None:
            problem = self._pending.exception()
            self._failure = self._sentence(problem) if isinstance(problem, OSError) else problem
            self._pending = None
        if self._failure is not None:
            raise self._failure

    def _append(
        self, blocks: list[xr.Dataset | Callable[[], xr.Dataset]], state: Mapping[str, np.ndarray] | None
    ) -> None:
        """Write the one block of the list, which is emptied so that the block can go while it is converted."""
        began = time.thread_time()
        try:
            trees = list(self._rows(blocks.pop()))
            written = []
            for rows in trees:
                if rows.keep.any():
                    self._file.extend(rows.labels, rows.branches())
                    self.path.stat()  # a file that was removed takes whatever is written to it
                    written.append(int(rows.steps.max()))
            self._last_step = max(written, default=self._last_step)
            if state is not None:
                self._file.sync()
                save_state(self.path, state)
        finally:
            self.seconds += time.thread_time() - began

    def _rows(self, block: xr.Dataset | Callable[[], xr.Dataset]) -> Iterator[Rows]:
        block = completed(block() if callable(block) else block)
        for step_dim, names in by_step_dimension(block).items():
            labels = self._fitting(labels_of(block, step_dim, names))
            yield rows_of(block, labels, self._after.get(tree_name(step_dim), {}))

    def _fitting(self, labels: TreeLabels) -> TreeLabels:
        """Return the labels of the tree, or raise an `InputError` that names what does not fit them."""
        known = self._labels.setdefault(labels.step, labels)
        for group in ("variables", "columns"):
            before, now = getattr(known, group), getattr(labels, group)
            for name in {**before, **now}:
                old, new = _described(before.get(name)), _described(now.get(name))
                if old != new:
                    raise InputError(f"{name} of a block must be {old}, as in the blocks before; got {new}.")
        return known

    def _end(self, *, complete: bool) -> None:
        try:
            if self._failure is None:
                self.wait()
                if complete:
                    self.path.stat()
                    histograms = _distributions(open_records(self.path)) if self._last_step is not None else {}
                    self._file.complete(histograms, self.warnings)
        except OSError as error:
            self._failure = error if isinstance(error, StoreError) else self._sentence(error)
            raise self._failure from error.__cause__ or error
        finally:
            self._closed = True
            self._thread.shutdown()
            self._file.close()
            if self._last_step is None and not (complete and self._failure is None):
                self.path.unlink(missing_ok=True)

    def _sentence(self, error: OSError) -> StoreError:
        if isinstance(error, FileNotFoundError) and self._begun and not self.path.exists():
            gone = "was removed while it was written, and what was recorded in it is lost"
            return StoreError(f"{self.path} {gone}. Record it again.")
        kept = "Nothing was recorded in it"
        if self._last_step is not None:
            kept = f"Every block before is kept, the last one up to step {self._last_step}"
        if error.errno in _FULL:
            remedy = _GO_ON if self._resumable else _AGAIN if self._last_step is None else _NEW_FILE
            failure = StoreError(f"No space left on the disk while writing {self.path}. {kept}. {remedy}")
        else:
            reason = error.strerror or error
            failure = StoreError(f"{self.path} cannot be written: {reason}. {kept}. Check the folder and try again.")
        failure.__cause__ = error
        return failure


def _described(label: Label | None) -> str:
    if label is None:
        return "absent"
    sizes = " x ".join(map(str, label.shape))
    return f"{label.dtype} ({', '.join(label.dims)}) {sizes}".strip()


def _distributions(records: xr.Dataset) -> dict[str, "hist.Hist[Any]"]:
    """Return the distribution of the finite values (below `LARGEST`) of variables at their last recorded step.

    One variable at a time is read. Those without such a value have no histogram, nor those beyond the first
    `MAX_VARIABLES` with the same steps: uproot takes a millisecond to write one.
    """
    histograms: dict[str, hist.Hist[Any]] = {}
    for step_dim, names in by_step_dimension(records).items():
        for name in names[:MAX_VARIABLES]:
            array = records.variables[name]  # `data_vars` would look through all coordinates for each of them
            last = np.asarray(array.isel({step_dim: -1}).values, float) if array.size else np.empty(0)
            finite = last[np.abs(last) < LARGEST]
            if finite.size:
                histograms[name] = _histogram(finite, array.attrs)
    return histograms


def _histogram(values: np.ndarray, attrs: Mapping[str, object]) -> "hist.Hist[Any]":
    """Return `BINS` bins from the smallest to the largest value, which lies in the last bin."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        margin = max(0.5, abs(low) * 1e-6)
        low, high = low - margin, high + margin
    label = f"{attrs.get('long_name', '')} [{attrs.get('units', '1')}]"
    axis = hist.axis.Regular(BINS, low, float(np.nextafter(high, np.inf)), name="value", label=label)
    return hist.Hist(axis, storage=hist.storage.Double()).fill(values)


def write(
    path: str | os.PathLike[str], blocks: Iterable[xr.Dataset], metadata: Mapping[str, object] | None = None
) -> None:
    """Write blocks, one at a time, into a new file at `path`.

    Raises
    ------
    InputError, StoreError : as `Writer`

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> block = xr.Dataset(
    ...     {"loss": (("member", "step"), np.ones((2, 3)))},
    ...     coords={"member": [0, 1], "lr": ("member", [0.1, 0.2]), "step": [0, 1, 2]},
    ...     attrs={"axes": ["lr"]},
    ... )
    >>> with TemporaryDirectory() as folder:
    ...     write(f"{folder}/records.root", [block], metadata={"command": "example"})
    ...     open_records(folder)["loss"].sel(step=2).values
    array([1., 1.])
    """
    with Writer(path, metadata) as writer:
        for block in blocks:
            writer.extend(block)
            del block
