"""Sums on disk: what is done of a replication survives whatever happens to the rest.

Each piece of replicates is a file of its own, ``<first>-<stop>.npz``, there as a whole or not at all. Neighbouring
files are joined from time to time, so that a long run does not leave thousands.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lrscope.errors import InputError
from lrscope.papers.linearity._replication import Replication
from lrscope.papers.linearity._sums import Sums, merged
from lrscope.store import load_arrays, save_piece
from lrscope.training import build

JOINED = 16
"""So many neighbours become one file."""
_EXPERIMENT = "experiment"
_NAME = re.compile(r"(\d+)-(\d+)\.npz")
_ADDRESS = re.compile(r"0x[0-9a-f]+")


class Pieces:
    """The folder with the sums of a replication.

    Parameters
    ----------
    folder : it need not exist yet
    replication : that the sums must be of: with the network that its model makes and the samples that its data set has
        today, whatever their names are

    Raises
    ------
    InputError : the folder holds pieces of another replication, or of other samples, or damaged ones; the model makes
        no network, the data cannot be loaded.
    """

    def __init__(self, folder: Path, replication: Replication) -> None:
        self._folder = folder
        self._replicates = replication.replicates
        form = replication.to_json()
        form |= {"network": _fingerprint_of_network(replication), "samples": _fingerprint_of_samples(replication)}
        self._form = json.loads(json.dumps(form))
        for piece in self._done():
            self._read(piece)

    @property
    def missing(self) -> list[range]:
        """The replicates that no file has, neighbours together."""
        done = self._done()
        starts, stops = [0, *(piece.stop for piece in done)], [*(piece.start for piece in done), self._replicates]
        return [range(*gap) for gap in zip(starts, stops, strict=True) if gap[0] < gap[1]]

    def sums(self) -> Sums:
        """Return the sums of everything that is done."""
        return merged(*map(self._read, self._done()))

    def keep(self, replicates: range, sums: Sums) -> None:
        """Write the sums of some replicates; they are on the disk when this returns.

        Raises
        ------
        StoreError : the disk is full, or the folder cannot be written.
        """
        self._write(replicates, sums)
        rows: list[list[range]] = []
        for piece in self._done():
            if rows and rows[-1][-1].stop == piece.start:
                rows[-1].append(piece)
            else:
                rows.append([piece])
        for row in rows:
            if len(row) >= JOINED:
                self._join(row)

    def _join(self, row: Sequence[range]) -> None:
        whole = range(row[0].start, row[-1].stop)
        self._write(whole, merged(*map(self._read, row)))
        for piece in self._files():  # those of a join that was interrupted included
            if piece != whole and whole.start <= piece.start and piece.stop <= whole.stop:
                self._file(piece).unlink()

    def _files(self) -> list[range]:
        """Return the replicates of each file, ascending, the larger first."""
        names = (_NAME.fullmatch(file.name) for file in self._folder.glob("*.npz"))
        pieces = (range(int(name[1]), int(name[2])) for name in names if name)
        return sorted(pieces, key=lambda piece: (piece.start, -piece.stop))

    def _done(self) -> list[range]:
        """Return what the files have, ascending; one whose replicates a joined file has as well is left out."""
        done: list[range] = []
        for piece in self._files():
            if not done or piece.start >= done[-1].stop:
                done.append(piece)
        return done

    def _file(self, piece: range) -> Path:
        return self._folder / f"{piece.start}-{piece.stop}.npz"

    def _write(self, piece: range, sums: Sums) -> None:
        save_piece(self._file(piece), {_EXPERIMENT: np.array(json.dumps(self._form)), **sums})

    def _read(self, piece: range) -> Sums:
        file = self._file(piece)
        sums: Sums | None = load_arrays(file)
        if sums is None or _EXPERIMENT not in sums:
            raise InputError(f"{file} must hold sums as lrscope writes them; it is damaged. Delete it.")
        form = json.loads(str(sums.pop(_EXPERIMENT)))
        if form != self._form and {**form, "samples": ""} == {**self._form, "samples": ""}:
            remedy = f"Put the files back that it was trained with, or delete {self._folder} to train all again."
            raise InputError(f"{file} must hold sums of the samples as they are now; the data have changed. {remedy}")
        if form != self._form or piece.stop > self._replicates:
            remedy = f"Delete {self._folder}, or give another folder."
            raise InputError(f"{file} must hold sums of this experiment; it holds those of another. {remedy}")
        return sums


def _fingerprint_of_samples(replication: Replication) -> str:
    """Return a number of the samples as they are loaded today: other files may have their names tomorrow."""
    digest = hashlib.blake2b(digest_size=16)
    data = replication.experiment.data
    for samples in (data.arrays(), data.validation()):
        for array in (samples.inputs, samples.targets):
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _fingerprint_of_network(replication: Replication) -> str:
    """Return a number of the network under seed 0: its name may be that of other code tomorrow."""
    module = build(replication.experiment.model, 0, getattr(torch, replication.experiment.dtype))
    digest = hashlib.blake2b(_ADDRESS.sub("", repr(module)).encode(), digest_size=16)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {tensor.requires_grad}".encode())
        digest.update(tensor.double().numpy(force=True).tobytes())
    return digest.hexdigest()
