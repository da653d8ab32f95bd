"""Sums on disk: each piece of replicates is a file of its own, ``<first>-<stop>.npz``.

Neighbouring files are joined from time to time, so that a long run does not leave thousands.
"""

from collections.abc import Sequence
from pathlib import Path

from lrscope.papers.linearity._replication import Replication
from lrscope.papers.linearity._sums import Sums, merged
from lrscope.studies._pieces import Pieces

JOINED = 16
"""So many neighbours become one file."""


class SumPieces(Pieces):
    """The folder with the sums of a replication, see `Pieces`."""

    def __init__(self, folder: Path | None, replication: Replication) -> None:
        super().__init__(folder, replication.to_json(), replication.experiment)
        self._replicates = replication.replicates

    @property
    def missing(self) -> list[range]:
        """The replicates that no file has, neighbours together."""
        done = self._done()
        starts, stops = [0, *(piece.stop for piece in done)], [*(piece.start for piece in done), self._replicates]
        return [range(*gap) for gap in zip(starts, stops, strict=True) if gap[0] < gap[1]]

    def sums(self) -> Sums:
        """Return the sums of everything that is done."""
        return self._merged(self._done())

    def keep(self, replicates: range, sums: Sums) -> None:
        """Write the sums of some replicates, and join neighbours."""
        self.write(_name(replicates), sums)
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
        self.write(_name(whole), self._merged(row))
        for piece in self._files():  # those of a join that was interrupted included
            if piece != whole and whole.start <= piece.start and piece.stop <= whole.stop:
                self.delete(_name(piece))

    def _merged(self, pieces: Sequence[range]) -> Sums:
        return merged(*(self.read(_name(piece)) or {} for piece in pieces))

    def _files(self) -> list[range]:
        """Return the replicates of each file, ascending, the larger first."""
        pieces = (range(*map(int, name.split("-"))) for name in self.names())
        return sorted(pieces, key=lambda piece: (piece.start, -piece.stop))

    def _done(self) -> list[range]:
        """Return what the files have, ascending; one whose replicates a joined file has as well is left out."""
        done: list[range] = []
        for piece in self._files():
            if not done or piece.start >= done[-1].stop:
                done.append(piece)
        return done


def _name(piece: range) -> str:
    return f"{piece.start}-{piece.stop}"
