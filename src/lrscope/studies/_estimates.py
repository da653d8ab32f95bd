"""Estimates with their intervals: as text, and between limits."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from lrscope.studies._words import percent, short


def ends(node: Mapping[str, Any] | Any, name: str) -> tuple[float, float, float]:
    """Return an estimate in a node of the results, and both ends of its interval."""
    value, low, high = (float(node[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return value, low, high


def within(low: float, high: float, least: float, most: float) -> bool | None:
    """Tell whether an interval lies inside limits (True), outside (False), or overlaps one of them (None)."""
    if low >= least and high <= most:
        return True
    return False if high < least or low > most else None


def estimate_text(node: Mapping[str, Any] | Any, name: str, digits: int = 3) -> str:
    """Return an estimate with the ends of its interval.

    Examples
    --------
    >>> estimate_text({"r2": 0.12345, "r2_low": 0.1, "r2_high": math.inf}, "r2")
    '0.123 (0.1 or more)'
    """
    return _text(ends(node, name), lambda value: short(value, digits))


def share_text(node: Mapping[str, Any] | Any, name: str, digits: int = 1) -> str:
    """Return a share with the ends of its interval, in percent.

    Examples
    --------
    >>> share_text({"share": 0.02, "share_low": 0.01, "share_high": 0.033}, "share")
    '2.0% (1.0% to 3.3%)'
    """
    return _text(ends(node, name), lambda value: percent(value, digits))


def _text(values: tuple[float, float, float], write: Callable[[float], str]) -> str:
    value, low, high = values
    middle = write(value) if math.isfinite(value) else "not known"
    if math.isnan(low) or math.isnan(high):
        return middle
    if math.isinf(low) and math.isinf(high):
        return f"{middle} (no interval)"
    if math.isinf(high):
        return f"{middle} ({write(low)} or more)"
    return f"{middle} ({write(high)} or less)" if math.isinf(low) else f"{middle} ({write(low)} to {write(high)})"
