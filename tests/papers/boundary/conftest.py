"""Maps whose boundary is known."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

MAP_STEPS = 100


def axis(name: str, low: float, high: float, resolution: int) -> xr.DataArray:
    values = np.logspace(low, high, resolution)
    return xr.DataArray(values, dims=name, attrs={"long_name": f"rate {name}", "units": "1", "scale": "log"})


def map_of(converged: np.ndarray, low: float = -3.0, high: float = 6.0, **attrs) -> xr.Dataset:
    """Return a map (seed, y, x) whose values have the signs that they should, and vary smoothly."""
    good = np.asarray(converged, dtype=bool)
    seeds, height, width = good.shape
    slow = np.add.outer(np.linspace(0, 1, height), np.linspace(0, 1, width)) / 2
    value = np.where(good, -1 - (MAP_STEPS - 1) * slow, MAP_STEPS * (1 - slow))
    coords = {"seed": np.arange(seeds), "x": axis("x", low, high, width), "y": axis("y", low, high, height)}
    variables = {
        "value": value,
        "converged": good,
        "trained": np.ones_like(good),
        "steps_used": np.where(good, MAP_STEPS, 7),
    }
    attrs = {
        "x_name": "lr_input",
        "y_name": "lr_output",
        "condition": "tanh",
        "frame": 0,
        "noise": False,
        "offset": "each-step",
    } | attrs
    return xr.Dataset({name: (("seed", "y", "x"), values) for name, values in variables.items()}, coords, attrs)


@pytest.fixture(scope="session")
def make_map() -> Callable[..., xr.Dataset]:
    return map_of
