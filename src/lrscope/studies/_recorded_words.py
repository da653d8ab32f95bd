"""Words and choices that the chapters of a report of any file of records share."""

from typing import Any

import numpy as np
import xarray as xr

from lrscope.studies._recorded_view import LR, View
from lrscope.studies._words import rate

RATES = 8
"""Learning rates with a panel or row of their own at most; more are chosen evenly."""
LAYERS = 16
"""Layers with a panel of their own at most."""


def chosen_rates(array: xr.DataArray | xr.Dataset) -> np.ndarray:
    """Return the places of the learning rates that are shown one by one."""
    return evenly(array.sizes[LR], RATES)


def evenly(count: int, most: int) -> np.ndarray:
    """Return places of `most` of `count` things, evenly chosen, first and last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def rate_text(lr: Any) -> str:
    """Return a learning rate, or what stands in its place, as text."""
    return rate(lr) if isinstance(lr, float | int) else str(lr)


def band(view: View) -> str:
    """Say what the bands of curves are; nothing where each rate has one network."""
    repeated = view.networks > len(np.unique(view.records[LR].values))
    return "; bands: 95 % intervals of the mean over the networks of a rate" if repeated else ""


def interval(view: View) -> str:
    """Say what the intervals of points are; nothing where each rate has one network."""
    return ", with 95 % intervals over the networks of a rate" if band(view) else ""


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
