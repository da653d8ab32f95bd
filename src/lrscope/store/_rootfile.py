"""A ROOT file that is being written: header, trees, histograms; and a block as rows of a tree, one array a branch.

Entries run over members, and for each member over its steps, so that a block's arrays need no other order. They are
big-endian because uproot would convert (and keep) them all at once; here one variable at a time is converted.

uproot accepts any object that reads, writes and seeks. In a file of Python's, writes would wait in a buffer and reach
the disk in another order than uproot made them. In a `RawFile` every write reaches the operating system before the next
begins. uproot's order keeps each state of the file readable: a process that is killed leaves a prefix of the writes. A
full disk is reported by the write that met it, and closing has nothing left to write.
"""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot
import xarray as xr

from lrscope.errors import InputError, StoreError, must_be, unknown
from lrscope.records import MEMBER, STEP
from lrscope.store._digests import checksum, sealed
from lrscope.store._labels import (
    COMPLETE,
    DIGESTS,
    FORMAT,
    HEADER,
    LABELS,
    PART,
    SUMMARIES,
    TREE_LABELS,
    WARNINGS,
    TreeLabels,
    has_branch,
    object_name,
    stored,
    to_json,
    tree_name,
)

COMPRESSIONS: dict[str, Any] = {"lz4": uproot.LZ4(1), "zstd": uproot.ZSTD(1), "none": None}
MAX_BASKET_BYTES = 2**31 - 2**16
"""ROOT keeps the size of a basket in a signed 32-bit integer."""
_BASKETS = 64
"""Room for so many blocks in the head of a tree; it is moved to a larger place when they are used up, ..."""
_GROWTH = 4.0
"""... with so many times the room."""
MAX_VARIABLES = 200
"""Of one tree: the time that uproot takes to make a tree grows with the square of its branches."""
_AT_ONCE = 2**20
"""Bytes of one call of the system. Linux looks for memory in one piece for each call: for some 10 MB that takes ten
times as long as for ten times 1 MB."""


class RawFile:
    """A file that lives in memory until `settle`, which makes it appear under its name in one step."""

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


class RootFile:
    """A new ROOT file with the header of lrscope."""

    def __init__(self, path: Path, metadata: Mapping[str, object], compression: str) -> None:
        header = to_json("metadata", {"format": FORMAT, "metadata": metadata})
        if compression not in COMPRESSIONS:
            raise unknown("compression", compression, COMPRESSIONS)
        if path.exists():
            remedy = "Choose another name, or remove the file."
            raise must_be("path", "a file that does not exist yet", os.fspath(path), remedy)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._raw = RawFile(path)
        self._root = uproot.recreate(self._raw, compression=COMPRESSIONS[compression])
        self._root[HEADER] = sealed(header)
        self._raw.settle()
        self._trees: dict[str, list[tuple[Any, list[str]]]] = {}  # each with its branches; the digests come first

    def extend(self, labels: TreeLabels, branches: Mapping[str, np.ndarray]) -> None:
        """Append entries to the trees of `labels`, which are made if they are not there yet."""
        name = tree_name(labels.step)
        large = [branch for branch, entries in branches.items() if entries.nbytes > MAX_BASKET_BYTES]
        if large:
            raise InputError(f"a block must hold less than 2 GiB of {large[0]}; got more. Record fewer steps a block.")
        if name not in self._trees:
            self._trees[name] = self._new_trees(name, labels)
            # Last: of a writer that was killed before, there is nothing that anybody would look for.
            self._root[LABELS + name] = sealed(to_json(name, TREE_LABELS.dump_python(labels)))
        (digests, _), *parts = self._trees[name]
        sums = [checksum(branches[branch]) for _, own in parts for branch in own]
        # First: then each block that is there has its digests.
        digests.extend({"entries": np.array([len(branches[MEMBER])]), "crc32": np.array([sums], np.uint32)})
        for tree, own in parts:
            tree.extend({branch: branches[branch] for branch in own})

    def _new_trees(self, name: str, labels: TreeLabels) -> list[tuple[Any, list[str]]]:
        columns, variables = _branch_types(labels)
        names = list(variables)
        parts = [names[start : start + MAX_VARIABLES] for start in range(0, max(len(names), 1), MAX_VARIABLES)]
        digests = {
            "entries": np.dtype("int64"),
            "crc32": np.dtype(("uint32", (len(names) + len(parts) * len(columns),))),
        }
        types = {DIGESTS + name: digests}
        for number, own in enumerate(parts, 1):
            types[name + (f"{PART}{number}" if number > 1 else "")] = columns | {one: variables[one] for one in own}
        return [
            (self._root.mktree(tree, some, initial_basket_capacity=_BASKETS, resize_factor=_GROWTH), list(some))
            for tree, some in types.items()
        ]

    def sync(self) -> None:
        self._raw.sync()

    def complete(self, histograms: Mapping[str, "hist.Hist[Any]"], warnings: list[str]) -> None:
        """Add the summaries, what was warned of, and the sign that nothing is missing."""
        for name, histogram in histograms.items():
            self._root[f"{SUMMARIES}/{object_name(name)}"] = histogram
        if warnings:
            self._root[WARNINGS] = sealed(to_json(WARNINGS, {"warnings": warnings}))
        entries = {name: int(trees[1][0].num_entries) for name, trees in self._trees.items()}
        self._root[COMPLETE] = sealed(to_json(COMPLETE, {"entries": entries}))

    def close(self) -> None:
        self._raw.close()


@dataclass
class Rows:
    """The rows that a block adds to one tree; `arrays` is emptied while they are converted."""

    labels: TreeLabels
    members: np.ndarray
    steps: np.ndarray
    keep: np.ndarray  # for each of the (member, step), in that order, whether it is written
    arrays: dict[str, np.ndarray]  # variable -> (member, step, ...)
    columns: dict[str, np.ndarray]  # coordinate -> along `member` or along the step dimension

    def branches(self) -> dict[str, np.ndarray]:
        """Return branch -> entries; each variable is released as soon as it is converted."""
        steps, members = len(self.steps), len(self.members)
        columns = {MEMBER: np.repeat(self.members, steps), STEP: np.tile(self.steps, members)}
        for name, values in self.columns.items():
            along_members = self.labels.columns[name].dims == [MEMBER]
            columns[name] = np.repeat(values, steps) if along_members else np.tile(values, members)
        whole = bool(self.keep.all())
        entries = {name: _big_endian(column if whole else column[self.keep]) for name, column in columns.items()}
        for name in list(self.arrays):
            flat = self.arrays[name].reshape(members * steps, *self.labels.variables[name].shape)
            del self.arrays[name]
            entries[name] = _big_endian(flat if whole else flat[self.keep])
        return entries


def _big_endian(array: np.ndarray) -> np.ndarray:
    return array if array.dtype.kind == "U" else array.astype(stored(array.dtype).newbyteorder(">"), copy=False)


def rows_of(block: xr.Dataset, labels: TreeLabels, after: Mapping[int, int]) -> Rows:
    """Return what of a block belongs into the tree of `labels` and comes after `after` (member -> last step)."""
    step_dim = labels.step
    members = block[MEMBER].values.astype(np.int64)
    steps = block[step_dim].values.astype(np.int64)
    last = np.array([after.get(member, np.iinfo(np.int64).min) for member in members.tolist()], np.int64)
    for dim, numbers in ((MEMBER, members), (step_dim, steps)):
        if len(np.unique(numbers)) < len(numbers):
            raise must_be(f"{dim} of a block", "a different number each", numbers.tolist())
    coordinates = set(labels.columns) - {MEMBER, step_dim}
    return Rows(
        labels=labels,
        members=members,
        steps=steps,
        keep=(steps > last[:, np.newaxis]).ravel(),
        arrays={
            name: block.variables[name].transpose(MEMBER, step_dim, ...).values
            for name, label in labels.variables.items()
            if has_branch(label)
        },
        columns={name: block.variables[name].values for name in sorted(coordinates)},
    )


def _branch_types(labels: TreeLabels) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return branch -> what `mktree` calls its type: of the columns, and of the variables."""
    columns: dict[str, Any] = {MEMBER: np.dtype("int64"), STEP: np.dtype("int64")}
    coordinates = {name: label for name, label in labels.columns.items() if name not in (MEMBER, labels.step)}
    columns |= {
        name: "string" if label.dtype == "str" else stored(np.dtype(label.dtype)) for name, label in coordinates.items()
    }
    variables: dict[str, Any] = {}
    for name, label in labels.variables.items():
        if name in columns:
            raise InputError(f"{name!r} must name a variable or a coordinate of the records; got both.")
        if has_branch(label):
            variables[name] = np.dtype((stored(np.dtype(label.dtype)), tuple(label.shape)))
    return columns, variables


def write_histograms(path: str | os.PathLike[str], histograms: Mapping[str, "hist.Hist[Any]"]) -> None:
    """Write histograms of one dimension as TH1D into a ROOT file of their own, as a whole or not at all.

    An earlier file is replaced. Files of records are never changed once they are complete: what is computed about
    them later stands beside them.

    Parameters
    ----------
    histograms : name, with ``/`` for folders -> histogram

    Raises
    ------
    StoreError : the file cannot be written.
    """
    raw = RawFile(Path(path))
    try:
        file = uproot.recreate(raw)
        for name, histogram in histograms.items():
            file[name] = histogram
        raw.settle()
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"{path} cannot be written: {reason}. Check the disk and try again.") from error
    finally:
        raw.close()
