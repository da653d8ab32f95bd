"""Sets whose dimension is known, and maps whose boundary is."""

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
    attrs = {"x_name": "lr_input", "y_name": "lr_output", "condition": "tanh", "frame": 0} | attrs
    return xr.Dataset({name: (("seed", "y", "x"), values) for name, values in variables.items()}, coords, attrs)


@pytest.fixture(scope="session")
def make_map() -> Callable[..., xr.Dataset]:
    return map_of


def koch(turn: float, resolution: int) -> np.ndarray:
    """Return the pixels of a Koch curve, turned by an angle."""
    points = np.array([-0.4 + 0j, 0.4 + 0j])
    while np.abs(np.diff(points)).max() > 0.3 / resolution:
        step = np.diff(points) / 3
        peak = points[:-1] + step + step * np.exp(1j * np.pi / 3)
        points = np.append(np.stack([points[:-1], points[:-1] + step, peak, points[1:] - step], 1), points[-1])
    points = points * np.exp(1j * turn)
    image = np.zeros((resolution, resolution), dtype=bool)
    image[tuple(((part + 0.5) * resolution).astype(int) for part in (points.imag, points.real))] = True
    return image


@pytest.fixture(scope="session")
def koch_curve() -> Callable[[float, int], np.ndarray]:
    return koch
