"""Words and choices that the chapters of a report of any file of records share."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from lrscope.records import Labelled
from lrscope.studies._recorded_view import LR, View
from lrscope.studies._words import rate

MOST = {LR: 8, "layer": 16}
"""Learning rates and layers that are shown one by one at most; of more some are chosen evenly."""
_NAMES = {LR: "learning rates", "layer": "layers"}


def drawing(draw: Callable[..., Drawing], *arguments: Any, **options: Any) -> Callable[[xr.DataTree], Drawing]:
    """Return what draws a figure of arguments that are known already; `arguments` of the function holds them."""

    def drawn(_results: xr.DataTree) -> Drawing:
        return draw(*arguments, **options)

    drawn.arguments = arguments  # type: ignore[attr-defined]
    return drawn


def few(array: Labelled) -> Labelled:
    """Return an array of at most so many learning rates and layers, evenly chosen."""
    return array.isel({dim: evenly(array.sizes[dim], most) for dim, most in MOST.items() if dim in array.dims})


def of_all(array: xr.DataArray | xr.Dataset) -> str:
    """Say how many learning rates and layers `few` shows of an array; nothing where it shows all."""
    parts = [
        f"{most} of {array.sizes[dim]} {_NAMES[dim]}" for dim, most in MOST.items() if array.sizes.get(dim, 0) > most
    ]
    return f" Shown are {' and '.join(parts)}." if parts else ""


def evenly(count: int, most: int) -> np.ndarray:
    """Return places of `most` of `count` things, evenly chosen, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def rate_text(lr: Any, among: Iterable[Any] = ()) -> str:
    """Return a learning rate, told from the others, or what stands in its place, as text."""
    return rate(lr, among) if isinstance(lr, float | int) else str(lr)


def with_unit(name: str, array: xr.DataArray) -> str:
    """Return the name of a quantity in words with its unit, where it has one.

    Examples
    --------
    >>> with_unit("gradient_angle", xr.DataArray(0, attrs={"units": "degrees"})), with_unit("loss", xr.DataArray(0))
    ('gradient angle [degrees]', 'loss')
    """
    units, words = str(array.attrs.get("units", "1")), name.replace("val_", "validation ").replace("_", " ")
    return words if units in ("1", "") else f"{words} [{units}]"


def band(view: View) -> str:
    """Say what the bands of curves are; nothing where each rate has one network."""
    repeated = view.networks > len(np.unique(view.records[LR].values))
    means = "95 % intervals by Student's t, of geometric means on logarithmic axes"
    return f"; lines: means over the networks of a rate, bands: {means}" if repeated else ""


def interval(view: View) -> str:
    """Say what the intervals of points are; nothing where each rate has one network."""
    return ", with 95 % intervals over the networks of a rate, by Student's t" if band(view) else ""


def read_of(every: int) -> str:
    """Say that records were too long to use every step; nothing where they were not."""
    return f"The records are long: every {ordinal(every)} recorded step was used." if every > 1 else ""


def ordinal(number: int) -> str:
    """Return `3rd` for 3.

    Examples
    --------
    >>> ordinal(2), ordinal(3), ordinal(11), ordinal(21)
    ('2nd', '3rd', '11th', '21st')
    """
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"
