"""From a coarse grid to the edge at full resolution: which pixels to train next, and what the others are taken for.

A grid of stride s has the pixels 0, s, 2s, ... and the last one of each axis. A cell of it whose corners do not all
converge, or all diverge, is crossed by the edge. In such cells and in those around them every pixel of the next grid is
trained. The corners of other cells agree, and what lies inside is taken for the same.
"""

from collections.abc import Iterator

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import binary_dilation

COARSEST = 32
"""Pixels along an axis of the first grid, at least ..."""
LARGEST_CELL = 8
"""... and its stride, at most: smaller islands may be missed."""


def strides(resolution: int, refined: bool = True) -> list[int]:
    """Return the stride of each grid, the coarsest first.

    Examples
    --------
    >>> strides(256), strides(100), strides(256, refined=False)
    ([8, 4, 2, 1], [2, 1], [1])
    """
    listed = [1]
    while refined and listed[-1] < LARGEST_CELL and listed[-1] * 2 * COARSEST <= resolution:
        listed.append(listed[-1] * 2)
    return listed[::-1]


def grid(resolution: int, stride: int) -> np.ndarray:
    """Return the pixels of a grid along an axis, ascending."""
    return np.unique([*range(0, resolution, stride), resolution - 1])


def wanted(values: np.ndarray, refined: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels (y, x) to train next, and which are undecided, these among them; none of a map that is done.

    Both depend on the values alone, so that a run which is resumed asks for the same.

    Parameters
    ----------
    values : (y, x) signed scores, NaN where none is trained
    """
    missing = np.isnan(values)
    resolution = len(values)
    everywhere = np.arange(resolution)
    lines = grid(resolution, strides(resolution, refined)[0])
    first = _spread(np.ones((len(lines), len(lines)), dtype=bool), lines, resolution) & missing
    if first.any():
        return first, missing
    for stride, lines, filled in levels(values, refined, smooth=False):
        crossed = _crossed(filled)
        near = binary_dilation(crossed, np.ones((3, 3)))
        inside = _inside(near, lines, everywhere) & missing
        # Corners of crossed cells that lie in a cell of the grid before whose corners agreed: the edge goes on there.
        corners = _spread(_inside(crossed, lines, lines), lines, resolution) & missing
        if corners.any():
            return corners, inside
        finer = grid(resolution, max(1, stride // 2))
        asked = _spread(_inside(near, lines, finer), finer, resolution) & missing
        if asked.any():
            return asked, inside
    nothing = np.zeros_like(missing)
    return nothing, nothing


def levels(values: np.ndarray, refined: bool, smooth: bool) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield of each grid its stride, its pixels along an axis, and its values (y, x).

    What is not trained lies in a cell of the grid before whose corners have one sign. It gets a value of that sign:
    interpolated between the corners, or, if that is not to be `smooth`, that of one of them.
    """
    lines = filled = np.empty(0)
    for stride in strides(len(values), refined):
        finer = grid(len(values), stride)
        known = values[np.ix_(finer, finer)]
        if filled.size:
            if smooth:
                places = np.stack(np.meshgrid(finer, finer, indexing="ij"), axis=-1)
                between = RegularGridInterpolator((lines, lines), filled)(places)
            else:
                before = np.searchsorted(lines, finer, "right") - 1
                between = filled[np.ix_(before, before)]
            known = np.where(np.isnan(known), between, known)
        lines, filled = finer, known
        yield stride, lines, filled


def interpolated(values: np.ndarray, refined: bool = True) -> np.ndarray:
    """Return the values (y, x) of all pixels of a map that is done."""
    *_, (_, _, filled) = levels(values, refined, smooth=True)
    return filled


def _crossed(values: np.ndarray) -> np.ndarray:
    """Return which cells (y, x) have corners of both signs."""
    good = values < 0
    some = good[1:, 1:] | good[1:, :-1] | good[:-1, 1:] | good[:-1, :-1]
    return some & ~(good[1:, 1:] & good[1:, :-1] & good[:-1, 1:] & good[:-1, :-1])


def _inside(crossed: np.ndarray, lines: np.ndarray, finer: np.ndarray) -> np.ndarray:
    """Return which pixels of the finer grid lie in, or on the border of, a crossed cell."""
    last = len(lines) - 2
    sides = [np.searchsorted(lines, finer, side) - 1 for side in ("left", "right")]
    below, above = (side.clip(0, last) for side in sides)
    inside = np.zeros((len(finer), len(finer)), dtype=bool)
    for rows in (below, above):
        for columns in (below, above):
            inside |= crossed[np.ix_(rows, columns)]
    return inside


def _spread(asked: np.ndarray, lines: np.ndarray, resolution: int) -> np.ndarray:
    """Return the pixels (y, x) of a whole map that are asked for on a grid."""
    whole = np.zeros((resolution, resolution), dtype=bool)
    whole[np.ix_(lines, lines)] = asked
    return whole
