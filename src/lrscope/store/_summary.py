"""What a file holds, without reading it: for ``lrscope inspect``."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lrscope.records import MEMBER
from lrscope.store._index import TreeIndex, scan


@dataclass(frozen=True)
class VariableSummary:
    """One recorded variable.

    Attributes
    ----------
    dims, shape : after (member, step)
    packed_bytes : in the file, compressed
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    units: str
    long_name: str
    packed_bytes: int


@dataclass(frozen=True)
class TreeSummary:
    """One tree.

    Attributes
    ----------
    entries : number of (member, step)
    first_step, last_step : None if there is no entry
    """

    name: str
    entries: int
    members: int
    first_step: int | None
    last_step: int | None
    variables: tuple[VariableSummary, ...]


@dataclass(frozen=True)
class FileSummary:
    """One file of records.

    Attributes
    ----------
    trees : in the order of the file
    axes : axis of the sweep -> its values in this file: numbers ascending, names in the order of the sweep
    complete : closed by its writer; false if the run was interrupted or is still going on
    size_bytes : of the file
    """

    path: Path
    trees: tuple[TreeSummary, ...]
    axes: dict[str, tuple[object, ...]]
    metadata: dict[str, object]
    complete: bool
    size_bytes: int

    @property
    def entries(self) -> int:
        """Entries of all trees."""
        return sum(tree.entries for tree in self.trees)


def summary(path: str | os.PathLike[str]) -> FileSummary:
    """Return what a file of records holds; only heads and the small columns are read.

    Raises
    ------
    InputError : no file of records.
    """
    file = scan(Path(path))
    axes: dict[str, tuple[object, ...]] = {}
    for tree in file.trees.values():
        axes = _axes(tree) | axes
    return FileSummary(
        path=file.path,
        trees=tuple(_tree(name, tree) for name, tree in file.trees.items()),
        axes=axes,
        metadata=file.metadata,
        complete=file.complete,
        size_bytes=file.path.stat().st_size,
    )


def _tree(name: str, tree: TreeIndex) -> TreeSummary:
    variables = [
        VariableSummary(
            name=variable,
            dims=tuple(label.dims[2:]),
            shape=tuple(label.shape),
            dtype=label.dtype,
            units=str(label.attrs.get("units", "")),
            long_name=str(label.attrs.get("long_name", "")),
            packed_bytes=int(tree.branches[variable].sizes.sum()) if variable in tree.branches else 0,
        )
        for variable, label in tree.labels.variables.items()
    ]
    return TreeSummary(
        name=name,
        entries=tree.entries,
        members=len(np.unique(tree.members)),
        first_step=int(tree.steps.min()) if tree.entries else None,
        last_step=int(tree.steps.max()) if tree.entries else None,
        variables=tuple(variables),
    )


def _axes(tree: TreeIndex) -> dict[str, tuple[object, ...]]:
    _, firsts = np.unique(tree.members, return_index=True)
    axes = tree.labels.attrs.get("axes", [])
    names = [axis for axis in axes if axis in tree.labels.columns] if isinstance(axes, list) else []
    return {axis: _distinct(tree.column(axis, firsts)) for axis in names if axis != MEMBER}


def _distinct(values: np.ndarray) -> tuple[object, ...]:
    """Return each value once: numbers ascending, names as they come."""
    return tuple(dict.fromkeys(np.sort(values).tolist() if values.dtype.kind in "biuf" else values.tolist()))
