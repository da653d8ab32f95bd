"""What a file of records holds, and where: read from the heads of its trees, with none of the large data.

A file whose writing was killed has branches that were extended and others that were not. An entry counts if all
branches of its tree have it; so the last block is there as a whole or not at all.
"""

import json
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import uproot

from lrscope.errors import InputError, LrscopeError
from lrscope.records import MEMBER, STEP
from lrscope.store._baskets import Baskets, read_into, read_texts, verify
from lrscope.store._digests import unsealed
from lrscope.store._files import damaged, files_in, opened
from lrscope.store._labels import (
    COMPLETE,
    DIGESTS,
    FORMAT,
    HEADER,
    LABELS,
    PART,
    RECORDS,
    SUMMARIES,
    TREE_LABELS,
    WARNINGS,
    TreeLabels,
    has_branch,
    tree_name,
)


@dataclass(frozen=True)
class TreeIndex:
    """One tree, which has an entry for each (member, step).

    Attributes
    ----------
    labels : ``variables``, with shape after (member, step), type and attributes, and coordinates
    bounds : first entry of each block, and at the end the number of entries
    branches : where the data lie
    """

    path: Path
    labels: TreeLabels
    bounds: np.ndarray = field(repr=False)
    branches: dict[str, Baskets] = field(repr=False)

    @property
    def entries(self) -> int:
        """The number of entries."""
        return int(self.bounds[-1])

    @cached_property
    def members(self) -> np.ndarray:
        """The member of each entry."""
        return self._numbers(MEMBER, "int64", np.arange(self.entries))

    @cached_property
    def steps(self) -> np.ndarray:
        """The step of each entry."""
        return self._numbers(STEP, "int64", np.arange(self.entries))

    @property
    def axes(self) -> list[str]:
        """The axes of the sweep that are columns."""
        axes = self.labels.attrs.get("axes")
        return [axis for axis in axes if axis in self.labels.columns] if isinstance(axes, list) else []

    def packed_bytes(self, variable: str) -> int:
        """Return the compressed bytes of a variable in the file."""
        return int(self.branches[variable].sizes.sum()) if variable in self.branches else 0

    def column(self, name: str, entries: np.ndarray) -> np.ndarray:
        """Return the values of a coordinate at some entries."""
        dtype = self.labels.columns[name].dtype
        return read_texts(self.branches[name], entries) if dtype == "str" else self._numbers(name, dtype, entries)

    def _numbers(self, name: str, dtype: str, entries: np.ndarray) -> np.ndarray:
        out = np.empty(len(entries), dtype)
        read_into(out, np.arange(len(entries)), self.branches[name], out.dtype, entries, ())
        return out


@dataclass(frozen=True)
class FileIndex:
    """One file of records.

    Attributes
    ----------
    trees : by name, in the order of the file
    warnings : what its writer warned of, such as what the file lacks
    complete : closed by its writer; false if the run was interrupted or is still going on
    """

    path: Path
    trees: dict[str, TreeIndex]
    metadata: dict[str, object]
    warnings: list[str]
    complete: bool

    @property
    def size_bytes(self) -> int:
        """The size of the file."""
        return self.path.stat().st_size

    @property
    def axes(self) -> dict[str, list[object]]:
        """Axis of the sweep -> its values in this file: numbers ascending, names in the order of the sweep."""
        axes: dict[str, list[object]] = {}
        for tree in self.trees.values():
            _, firsts = np.unique(tree.members, return_index=True)
            for axis in (axis for axis in tree.axes if axis not in (MEMBER, *axes)):
                values = tree.column(axis, firsts)
                axes[axis] = list(dict.fromkeys((np.sort(values) if values.dtype.kind in "biuf" else values).tolist()))
        return axes


def summary(path: str | os.PathLike[str]) -> FileIndex:
    """Return what a file of records holds; only heads are read, and small columns where they are asked for.

    Raises
    ------
    InputError : no file of records, or one that is cut off or damaged.
    """
    path = Path(path)
    if not path.is_file():
        names = ", ".join(file.name for file in files_in(path)) if path.is_dir() else ""
        got, remedy = ("a folder", f"one of {names} in it") if names else ("none", "a records*.root of a run")
        raise InputError(f"{path} must be a file of records; got {got}. Give {remedy}.")
    try:
        # uproot takes a "::" in a path for the beginning of an object's name, so it gets an open file.
        with opened(path) as raw:
            head = raw.read(4)
            if not head:
                raise InputError(f"{path} must be a file of records; got an empty file. Remove it.")
            if head != b"root":
                raise InputError(f"{path} must be a ROOT file; got something else. Give a records*.root of a run.")
            raw.seek(0)
            with uproot.open(raw) as file:
                return _scan(path, file)
    except LrscopeError:
        raise
    except Exception as error:  # uproot's parsers fail on damaged bytes in any way there is
        raise damaged(path) from error


def _scan(path: Path, file: Any) -> FileIndex:
    # a writer that was killed may leave the name of its next object empty or half written
    keys = [key for key in file.keys(recursive=False, cycle=False) if key and "\0" not in key]
    if HEADER not in keys:
        raise InputError(f"{path} must be written by lrscope; got another ROOT file. Give a records*.root of a run.")
    text = str(file[HEADER])
    written = json.loads(text)["format"]
    if written != FORMAT:
        raise InputError(f"{path} must be of format {FORMAT}; got {written}. Read it with the lrscope that wrote it.")
    entries = unsealed(str(file[COMPLETE]))["entries"] if COMPLETE in keys else None
    labels = {key: TREE_LABELS.validate_python(unsealed(str(file[key]))) for key in keys if key.startswith(LABELS)}
    trees = {tree_name(some.step): some for some in labels.values()}
    single, beginnings = (HEADER, COMPLETE, SUMMARIES, WARNINGS), (LABELS, RECORDS, DIGESTS)
    known = all(key in single or key.startswith(beginnings) for key in keys)
    if not known or list(labels) != [LABELS + name for name in trees]:
        raise damaged(path)
    indices = {name: _scan_tree(path, file, keys, name, some) for name, some in trees.items()}
    if entries not in (None, {name: tree.entries for name, tree in indices.items()}):
        raise damaged(path)
    warnings = list(map(str, unsealed(str(file[WARNINGS]))["warnings"])) if WARNINGS in keys else []
    return FileIndex(path, indices, unsealed(text)["metadata"], warnings, complete=entries is not None)


def _scan_tree(path: Path, file: Any, keys: list[str], name: str, labels: TreeLabels) -> TreeIndex:
    """Return the index of a tree and its further parts; an entry counts if all branches of all parts have it."""
    parts = [name, *(key for key in keys if key.startswith(name + PART))]
    stored = [_baskets(path, branch) for part in parts for branch in file[part].branches]
    bounds, sums = _digests(path, file[DIGESTS + name])
    blocks = min(len(sums), *(len(baskets.positions) for baskets in stored))
    if any(baskets.bounds[blocks] != bounds[blocks] for baskets in stored):
        blocks -= 1  # the writer was killed while it wrote the heads
    branches = {
        baskets.name: replace(baskets, checksums=sums[:blocks, number])
        for number, baskets in reversed(list(enumerate(stored)))  # of the axes, which each part has, the first counts
    }
    needed = {MEMBER, STEP, *labels.columns, *(one for one, label in labels.variables.items() if has_branch(label))}
    if (
        not needed - {labels.step} <= set(branches)
        or len(sums) > blocks + 1
        or sums.shape[1] != len(stored)
        or any(not np.array_equal(baskets.bounds[: blocks + 1], bounds[: blocks + 1]) for baskets in stored)
        or max(baskets.end(blocks) for baskets in stored) > path.stat().st_size
    ):
        raise damaged(path)
    return TreeIndex(path, labels, bounds[: blocks + 1], branches)


def _digests(path: Path, tree: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the blocks, from 0 on, and (block, branch) the checksums."""
    entries, sums = (_baskets(path, tree[name]) for name in ("entries", "crc32"))
    blocks = min(len(entries.positions), len(sums.positions))
    if not np.array_equal(entries.bounds[: blocks + 1], np.arange(blocks + 1)):
        raise damaged(path)
    numbers = np.arange(blocks)
    shape = (int(tree["crc32"].member("fLeaves")[0].member("fLen")),)
    counts, read = np.empty(blocks, np.int64), np.empty((blocks, *shape), np.uint32)
    read_into(counts, numbers, entries, counts.dtype, numbers, ())
    read_into(read, numbers, sums, np.dtype((read.dtype, shape)), numbers, (slice(None),))
    return np.concatenate([[0], np.cumsum(counts)]), read


def _baskets(path: Path, branch: Any) -> Baskets:
    written = int(branch.member("fWriteBasket"))
    positions = np.asarray(branch.member("fBasketSeek")[:written], np.int64)
    whole = int(np.argmin(positions > 0)) if not (positions > 0).all() else len(positions)
    return Baskets(
        path=path,
        name=str(branch.name),
        positions=positions[:whole],
        sizes=np.asarray(branch.member("fBasketBytes")[:whole], np.int64),
        bounds=np.asarray(branch.member("fBasketEntry")[: whole + 1], np.int64),
    )


def check(path: str | os.PathLike[str]) -> int:
    """Read everything in a file of records, compare it with its checksums, and return the number of blocks.

    Raises
    ------
    InputError : no file of records, or a damaged one.
    """
    trees = summary(path).trees.values()
    for tree in trees:
        for baskets in tree.branches.values():
            verify(baskets, len(tree.bounds) - 1)
    return sum(len(tree.bounds) - 1 for tree in trees)
