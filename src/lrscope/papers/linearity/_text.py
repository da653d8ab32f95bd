"""Values with their intervals, in words."""

import math
from collections.abc import Callable, Sequence

from lrscope.studies._words import percent, short


def with_interval(values: Sequence[float], digits: int = 3) -> str:
    """Return an estimate with the ends of its interval.

    Examples
    --------
    >>> with_interval((0.12345, 0.1, 0.15)), with_interval((2.0, 1.5, math.inf))
    ('0.123 (0.1 to 0.15)', '2 (1.5 or more)')
    """
    return _text(values, lambda value: short(value, digits))


def shares(values: Sequence[float], digits: int = 1) -> str:
    """Return a share with the ends of its interval, in percent.

    Examples
    --------
    >>> shares((0.02, 0.01, 0.033)), shares((0.02, math.nan, math.nan))
    ('2.0% (1.0% to 3.3%)', '2.0%')
    """
    return _text(values, lambda value: percent(value, digits))


def _text(values: Sequence[float], write: Callable[[float], str]) -> str:
    value, low, high = values
    middle = write(value) if math.isfinite(value) else "not known"
    if math.isnan(low) or math.isnan(high):
        return middle
    if math.isinf(low) and math.isinf(high):
        return f"{middle} (no interval)"
    if math.isinf(high):
        return f"{middle} ({write(low)} or more)"
    return f"{middle} ({write(high)} or less)" if math.isinf(low) else f"{middle} ({write(low)} to {write(high)})"
