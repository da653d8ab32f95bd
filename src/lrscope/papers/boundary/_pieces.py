"""What is trained of a map, on disk: each piece is a file of its own, there as a whole or not at all."""

import json
from pathlib import Path

import numpy as np

from lrscope.errors import InputError
from lrscope.papers.boundary._map import Map
from lrscope.papers.boundary._score import Scores
from lrscope.store import load_arrays, save_piece

_MAP, _PIXELS = "map", "pixels"


class Pieces:
    """The folder with the pieces of a map; without one nothing is kept.

    Parameters
    ----------
    folder : it need not exist yet
    asked : the map that the pieces must be of
    """

    def __init__(self, folder: Path | None, asked: Map) -> None:
        self._folder = folder
        self._form = json.dumps(asked.to_json(), sort_keys=True)

    def read(self, number: tuple[int, int], pixels: np.ndarray) -> Scores | None:
        """Return the scores of a piece, None if it is not there.

        Parameters
        ----------
        number : of the round, and of the piece in it
        pixels : that it must have

        Raises
        ------
        InputError : the file is damaged, or holds other pixels, or those of another map.
        """
        file = self._file(number)
        if file is None or not file.exists():
            return None
        held = load_arrays(file)
        if held is None or not {_MAP, _PIXELS} <= set(held):
            raise InputError(f"{file} must hold a piece of a map as lrscope writes it; it is damaged. Delete it.")
        if str(held.pop(_MAP)) != self._form or not np.array_equal(held.pop(_PIXELS), pixels):
            remedy = f"Delete {file.parent}, or give another folder."
            raise InputError(f"{file} must hold pixels of this map; it holds others. {remedy}")
        return held

    def keep(self, number: tuple[int, int], pixels: np.ndarray, scores: Scores) -> None:
        """Write a piece; it is on the disk when this returns.

        Raises
        ------
        StoreError : the disk is full, or the folder cannot be written.
        """
        file = self._file(number)
        if file is not None:
            save_piece(file, {_MAP: np.array(self._form), _PIXELS: pixels, **scores})

    def _file(self, number: tuple[int, int]) -> Path | None:
        return self._folder / "{:03d}-{:06d}.npz".format(*number) if self._folder else None
