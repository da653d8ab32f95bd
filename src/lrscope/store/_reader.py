"""ROOT files as one lazily loaded Dataset.

Only the heads of the trees and the small columns are read when files are opened. Each access to a variable reads the
baskets it needs and keeps nothing, so that loading one variable costs the memory of that variable.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from lrscope.errors import InputError
from lrscope.records import MEMBER, completed, missing
from lrscope.store._baskets import Index, outer, read_into
from lrscope.store._files import Paths, record_files
from lrscope.store._index import FileIndex, TreeIndex, summary
from lrscope.store._labels import TreeLabels, has_branch


def open_records(paths: Paths) -> xr.Dataset:
    """Return records, lazily: a variable is read when it is used, and only the members and steps that are asked for.

    Parameters
    ----------
    paths : a file, several files that continue each other, or a folder (its ``records*.root`` in natural order)

    Returns
    -------
    Dataset (member, step, ...) with the coordinates and attributes of the blocks that were written, members sorted by
    number, and ``attrs["metadata"]`` of the first file, ``attrs["warnings"]``: what the Recorders of all files warned
    of, ``attrs["complete"]``: whether the last file was closed rather than killed. A member with fewer steps than
    others is filled up with NaN (integers with -1, unsigned ones with their largest value, bool with False). Of an
    entry that two files hold the last one counts.

    Raises
    ------
    InputError : a file is missing, not ROOT, not of lrscope, cut off, or holds other variables than the first, or the
        files are of several experiments.
    """
    files = [summary(path) for path in record_files(paths)]
    _check_one_experiment(files)
    _check_one_run(files)
    joined = [_join(trees) for trees in _by_name(files).values()]
    if not any(len(tree.members) for tree in joined):
        raise InputError(f"{files[-1].path} must hold at least one block; got none. Run again from the beginning.")
    members = np.unique(np.concatenate([tree.members for tree in joined]))
    records = xr.Dataset(coords=_along_members(joined, members))
    for tree in joined:
        variables, coords = _along_steps(tree, members)
        records = records.assign(variables).assign_coords(coords)
    warnings = list(dict.fromkeys(text for file in files for text in file.warnings))
    attrs = {"metadata": files[0].metadata, "warnings": warnings, "complete": files[-1].complete}
    return completed(records.assign_attrs({**joined[0].labels.attrs, **attrs}))


def _check_one_experiment(files: list[FileIndex]) -> None:
    """Refuse files of different experiments: those that a study writes say in their metadata of which they are."""
    named = [file for file in files if "experiment" in file.metadata]
    for file in named[1:]:
        if file.metadata["experiment"] != named[0].metadata["experiment"]:
            remedy = "Open them one by one."
            raise InputError(f"{file.path} must continue {named[0].path}; got another experiment. {remedy}")


def _check_one_run(files: list[FileIndex]) -> None:
    """Refuse files that have the same member, by its labels, and are of different trainings."""
    first: dict[int, tuple[FileIndex, str]] = {}
    for file in files:
        run = str(file.metadata.get("run_id", ""))
        for tree in file.trees.values():
            members, entries = np.unique(tree.members, return_index=True)
            for member, entry in zip(members.tolist(), entries, strict=True):
                other, of_run = first.setdefault(member, (file, run))
                if of_run != run:
                    labels = ", ".join(f"{axis}={tree.column(axis, np.array([entry]))[0]}" for axis in tree.axes)
                    raise InputError(
                        f"{other.path} and {file.path} have the same labels ({labels}) and are different trainings. "
                        'Open them one by one, or record them again with a label that differs: labels={"seed": ...}. '
                        "If one goes on from the other, give its Recorder the run_id of the first."
                    )


def last_recorded(paths: Paths) -> dict[str, dict[int, int]]:
    """Return tree name -> member -> its last recorded step: where `Writer` goes on.

    Raises
    ------
    InputError : as `open_records`
    """
    files = [summary(path) for path in record_files(paths)]
    joined = {name: _join(trees) for name, trees in _by_name(files).items()}
    return {name: pd.Series(tree.steps).groupby(tree.members).max().to_dict() for name, tree in joined.items()}


def _by_name(files: list[FileIndex]) -> dict[str, list[TreeIndex]]:
    trees: dict[str, list[TreeIndex]] = {}
    for file in files:
        for name, tree in file.trees.items():
            trees.setdefault(name, []).append(tree)
    return trees


@dataclass(frozen=True)
class Joined:
    """The trees of one name in several files, as one: entries of the second count on where the first ends."""

    trees: list[TreeIndex]
    starts: np.ndarray  # first entry of each tree, and at the end the number of all entries
    members: np.ndarray  # of each entry
    steps: np.ndarray

    @property
    def labels(self) -> TreeLabels:
        return self.trees[0].labels

    def table(self, members: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Return (member, step) the entry, or -1; both arguments are sorted."""
        table = np.full((len(members), len(steps)), -1, np.int64)
        rows = np.searchsorted(members, self.members), np.searchsorted(steps, self.steps)
        table[rows] = np.arange(len(self.members))
        return table

    def read(self, name: str, entries: np.ndarray, inner: tuple[Index, ...]) -> np.ndarray:
        """Return a variable at some entries, (entry, ...); where the entry is -1, what stands for a missing value."""
        label = self.labels.variables[name]
        kind = np.dtype((label.dtype, tuple(label.shape)))
        selected = outer(np.broadcast_to(np.zeros((), kind.base), (0, *kind.shape)), inner)
        out = np.empty((len(entries), *selected.shape[1:]), kind.base)
        out[entries < 0] = missing(kind.base)
        if has_branch(label):
            for tree, targets, own in self._own(entries):
                read_into(out, targets, tree.branches[name], kind, own, inner)
        return out

    def column(self, name: str, entries: np.ndarray) -> np.ndarray:
        pieces = [(targets, tree.column(name, own)) for tree, targets, own in self._own(entries)]
        if not pieces:
            return np.empty(0, self.labels.columns[name].dtype)
        order = np.concatenate([targets for targets, _ in pieces])
        return np.concatenate([values for _, values in pieces])[np.argsort(order)]

    def _own(self, entries: np.ndarray) -> Iterator[tuple[TreeIndex, np.ndarray, np.ndarray]]:
        """Yield each tree that holds some of `entries`, where they stand in `entries`, and their own numbers."""
        for tree, start, stop in zip(self.trees, self.starts[:-1], self.starts[1:], strict=True):
            targets = np.flatnonzero((entries >= start) & (entries < stop))
            if len(targets):
                yield tree, targets, entries[targets] - start


def _join(trees: list[TreeIndex]) -> Joined:
    first = trees[0]
    for tree in trees[1:]:
        if _kinds(tree.labels) != _kinds(first.labels):
            raise InputError(f"{tree.path} must hold the variables of {first.path}; got others. Open them one by one.")
    return Joined(
        trees=trees,
        starts=np.cumsum([0, *(tree.entries for tree in trees)]),
        members=np.concatenate([tree.members for tree in trees]),
        steps=np.concatenate([tree.steps for tree in trees]),
    )


def _kinds(labels: TreeLabels) -> dict[str, tuple[object, ...]]:
    every = {**labels.variables, **labels.columns}
    return {name: (label.dims, label.dtype, label.shape) for name, label in every.items()}


def _along_members(joined: list[Joined], members: np.ndarray) -> dict[str, xr.Variable]:
    """Return the coordinates along ``member``, each member's from a tree that has it."""
    coords: dict[str, xr.Variable] = {}
    for tree in joined:
        own, firsts = np.unique(tree.members, return_index=True)
        targets = np.searchsorted(members, own)
        for name, label in tree.labels.columns.items():
            if label.dims == [MEMBER] and len(own):
                values = own if name == MEMBER else tree.column(name, firsts)
                before = coords[name].values if name in coords else np.zeros(len(members), values.dtype)
                both = before.astype(np.promote_types(before.dtype, values.dtype))
                both[targets] = values
                coords[name] = xr.Variable(MEMBER, both, label.attrs)
    return coords


def _along_steps(tree: Joined, members: np.ndarray) -> tuple[dict[str, xr.Variable], dict[str, xr.Variable]]:
    """Return the variables of a tree, and its coordinates except those along ``member``."""
    labels = tree.labels
    steps, firsts = np.unique(tree.steps, return_index=True)
    table = tree.table(members, steps)
    variables = {
        name: xr.Variable(label.dims, indexing.LazilyIndexedArray(StoredArray(tree, name, table)), label.attrs)
        for name, label in labels.variables.items()
    }
    coords = {
        name: xr.Variable(label.dims, steps if name == labels.step else tree.column(name, firsts), label.attrs)
        for name, label in labels.columns.items()
        if label.dims == [labels.step]
    }
    for name, label in labels.constants.items():
        values = np.array(label.values, label.dtype).reshape(label.shape)
        coords[name] = xr.Variable(label.dims, values, label.attrs)
    return variables, coords


class StoredArray(BackendArray):
    """A variable (member, step, ...) of files; indexing it reads."""

    def __init__(self, tree: Joined, name: str, table: np.ndarray) -> None:
        label = tree.labels.variables[name]
        self._tree, self._name, self._table = tree, name, table
        self.dtype = np.dtype(label.dtype)
        self.shape = (*table.shape, *label.shape)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        parts = zip(key.tuple, self.shape, strict=True)
        plain = type(key)(tuple(slice(0) if _is_empty(part, size) else part for part, size in parts))
        read: np.ndarray = indexing.explicit_indexing_adapter(
            plain, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return read

    def _read(self, key: tuple[Index, ...]) -> np.ndarray:
        member, step, *inner = key
        entries = np.asarray(self._table[member][..., step])
        values = self._tree.read(self._name, entries.ravel(), tuple(inner))
        return values.reshape((*entries.shape, *values.shape[1:]))


def _is_empty(part: object, size: int) -> bool:
    """Return whether an index is a slice of nothing: one that runs backwards is too much for xarray's adapter."""
    return isinstance(part, slice) and not len(range(*part.indices(size)))
