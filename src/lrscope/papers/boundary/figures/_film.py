"""A zoom into the boundary as a film."""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from matplotlib import colormaps

from lrscope.papers.boundary.analysis._colour import rank_scale
from lrscope.papers.boundary.figures._map import COLOURS, ends, pixel_places

FRAMES = 30
"""Frames of the film from one frame of the zoom to the next."""


def zoom_film(values: Sequence[xr.DataArray], side: int = 720) -> Iterator[np.ndarray]:
    """Yield the frames of a zoom as one continuous movement, in which the part shown shrinks by a constant factor.

    What is seen comes from the finest frame that has it. Its colours change gradually from the ranks in one frame to
    those in the next, for all pixels alike, so that there is no seam between the two.

    Parameters
    ----------
    values : (y, x) signed scores of each frame, from the widest to the narrowest
    side : of the pictures, in pixels
    """
    scales = [rank_scale(each) for each in values]
    last = len(values) - 1
    for picture in range(last * FRAMES + 1):
        here, step = divmod(picture, FRAMES)
        further, time = min(here + 1, last), step / FRAMES
        view = {dim: _shrunk(ends(values[here][dim]), ends(values[further][dim]), time) for dim in ("x", "y")}
        inside = _sampled(values[further], view, side)
        seen = np.where(np.isnan(inside), _sampled(values[here], view, side), inside)
        ranks = (1 - time) * np.interp(seen, *scales[here]) + time * np.interp(seen, *scales[further])
        colours = np.asarray(colormaps[COLOURS]((ranks + 1) / 2, bytes=True))
        yield np.ascontiguousarray(colours[::-1, :, :3])


def _shrunk(wide: tuple[float, float], narrow: tuple[float, float], time: float) -> tuple[float, float]:
    """Return an interval between two, whose length shrinks by the same factor in equal times."""
    whole, last = wide[1] - wide[0], narrow[1] - narrow[0]
    share = (1 - (last / whole) ** time) / (1 - last / whole) if last < whole else 0.0
    low, high = (first + (second - first) * share for first, second in zip(wide, narrow, strict=True))
    return low, high


def _sampled(values: xr.DataArray, view: dict[str, tuple[float, float]], side: int) -> np.ndarray:
    """Return the nearest pixels of a map in a view; NaN outside of the map."""
    middles = (np.arange(side) + 0.5) / side
    places = {dim: pixel_places(values[dim], low + (high - low) * middles) for dim, (low, high) in view.items()}
    seen = values.transpose("y", "x").values[np.ix_(places["y"], places["x"])]
    return np.where(np.outer(places["y"] >= 0, places["x"] >= 0), seen, np.nan)
