"""Cells of tables: empty where there is no number."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr


def number(value: Any) -> float | None:
    """Return one number, of an array without dimensions or as it is; None where there is none: a network diverged.

    Examples
    --------
    >>> number(xr.DataArray(0.5)), number(float("nan"))
    (0.5, None)
    """
    return float(value) if np.isfinite(value) else None


def step_number(value: Any) -> int | None:
    """Return the number of a step; None where it is -1: what it counts never happened.

    Examples
    --------
    >>> step_number(xr.DataArray(7)), step_number(-1)
    (7, None)
    """
    return int(value) if value >= 0 else None


def places(array: xr.DataArray, dims: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield every combination of labels of some dimensions.

    Examples
    --------
    >>> list(places(xr.DataArray([[1, 2]], coords={"lr": [0.1], "seed": [3, 4]}), ("lr", "seed")))
    [{'lr': 0.1, 'seed': 3}, {'lr': 0.1, 'seed': 4}]
    """
    for labels in itertools.product(*(array[dim].values.tolist() for dim in dims)):
        yield dict(zip(dims, labels, strict=True))
