"""What the axes of maps are of, from where to where, and on which scale. Needs no PyTorch."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from lrscope.errors import unknown
from lrscope.sweep import GROUP, INIT_SCALE

BATCH_SIZE = "batch_size"


def place_of(values: Any, scale: str) -> Any:
    """Return where values lie on a scale, ``log`` or ``linear``."""
    return np.log10(values) if scale == "log" else np.asarray(values)


def value_at(places: Any, scale: str) -> Any:
    """Return the values at places of a scale."""
    return 10.0**places if scale == "log" else places


def position(axis: xr.DataArray, values: Any) -> Any:
    """Return where values lie along an axis of a map, whose pixels have one width."""
    return place_of(values, "log" if is_log(axis) else "linear")


def is_log(axis: xr.DataArray) -> bool:
    """Tell whether an axis of a map is logarithmic."""
    return str(axis.attrs.get("scale", "linear")) == "log"


@dataclass(frozen=True)
class Axis:
    """An axis of a map; its pixels lie at equal distances on its scale, both ends included.

    Attributes
    ----------
    name, long_name : of its values
    low, high : its ends
    scale : ``log`` or ``linear``
    bounded : whether values beyond the ends may be impossible
    """

    name: str
    long_name: str
    low: float
    high: float
    scale: str = "log"
    bounded: bool = False

    @property
    def places(self) -> tuple[float, float]:
        """Where the ends lie on the scale."""
        return float(place_of(self.low, self.scale)), float(place_of(self.high, self.scale))

    def values(self, resolution: int) -> np.ndarray:
        """Return the value of each pixel (pixel)."""
        return np.asarray(value_at(np.linspace(*self.places, resolution), self.scale))

    def narrowed(self, centre: float) -> "Axis":
        """Return the axis with half the span, around a value; if it is bounded, within its ends."""
        low, high = self.places
        quarter = (high - low) / 4
        middle = float(place_of(centre, self.scale))
        if self.bounded:
            middle = min(max(middle, low + quarter), high - quarter)
        low, high = (float(value_at(middle + side * quarter, self.scale)) for side in (-1, 1))
        return replace(self, low=low, high=high)

    def attrs(self) -> dict[str, str]:
        """Return the attributes of a coordinate along the axis."""
        return {"long_name": self.long_name, "units": "1", "scale": self.scale}


VARIED = (
    Axis("lr", "learning rate", 1e-4, 10.0),
    Axis("momentum", "momentum", 0.0, 0.99, "linear", bounded=True),
    Axis("weight_decay", "weight decay", 1e-5, 10.0),
    Axis(INIT_SCALE, "scale of the initial weights", 0.1, 10.0),
    Axis(BATCH_SIZE, "batch size", 1.0, 100.0, bounded=True),
)
"""Of a network of your own, as they are by default; ``lr_<module>`` is the learning rate of a module."""


def varied(name: str) -> Axis:
    """Return the axis of a hyperparameter of a network of your own.

    Raises
    ------
    InputError : nothing that an axis can be of; the nearest is named.
    """
    if name.startswith(GROUP) and name != GROUP:
        return replace(VARIED[0], name=name, long_name=f"learning rate of {name.removeprefix(GROUP)}")
    known = {axis.name: axis for axis in VARIED}
    if name not in known:
        raise unknown("axes", name, [*known, f"{GROUP}<module>"])
    return known[name]
