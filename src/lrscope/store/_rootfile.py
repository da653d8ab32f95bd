"""A ROOT file that is being written: header, trees, histograms. Everything that calls uproot's writer stands here."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hist
import numpy as np
import uproot

from lrscope.errors import InputError, must_be, unknown
from lrscope.store._labels import (
    COMPLETE,
    FORMAT,
    HEADER,
    LABELS,
    TreeLabels,
    labels_to_json,
    to_json,
    tree_name,
)
from lrscope.store._rawfile import RawFile
from lrscope.store._rows import MAX_BASKET_BYTES, branch_types

COMPRESSIONS: dict[str, Any] = {"lz4": uproot.LZ4(1), "zstd": uproot.ZSTD(1), "none": None}
SUMMARIES = "summaries"
_BASKETS = 64
"""Room for so many blocks in the head of a tree; it is moved to a larger place when they are used up, ..."""
_GROWTH = 4.0
"""... with so many times the room."""


class RootFile:
    """A new ROOT file with the header of lrscope.

    Parameters
    ----------
    path : a file that does not exist
    metadata : JSON-able
    compression : key of `COMPRESSIONS`
    """

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
        self._root[HEADER] = header
        self._raw.settle()
        self._trees: dict[str, Any] = {}

    def extend(self, labels: TreeLabels, branches: Mapping[str, np.ndarray]) -> None:
        """Append entries to the tree of `labels`, which is made if it is not there yet."""
        name = tree_name(labels.step)
        large = [branch for branch, entries in branches.items() if entries.nbytes > MAX_BASKET_BYTES]
        if large:
            raise InputError(f"a block must hold less than 2 GiB of {large[0]}; got more. Record fewer steps a block.")
        if name not in self._trees:
            self._root[LABELS + name] = labels_to_json(labels)
            self._trees[name] = self._root.mktree(
                name, branch_types(labels), initial_basket_capacity=_BASKETS, resize_factor=_GROWTH
            )
        self._trees[name].extend(dict(branches))

    def sync(self) -> None:
        """Wait until the disk has everything."""
        self._raw.sync()

    def complete(self, histograms: Mapping[str, "hist.Hist[Any]"]) -> None:
        """Add the summaries, and the sign that nothing is missing."""
        for name, histogram in histograms.items():
            self._root[f"{SUMMARIES}/{name}"] = histogram
        entries = {name: int(tree.num_entries) for name, tree in self._trees.items()}
        self._root[COMPLETE] = to_json(COMPLETE, {"entries": entries})

    def close(self) -> None:
        """Close the file; nothing is written any more."""
        self._raw.close()
