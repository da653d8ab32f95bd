"""Values with their intervals, in words."""

import math
from collections.abc import Sequence

from lrscope.studies._words import percent, short


def sure(values: Sequence[float], digits: int = 3) -> str:
    """Return a value with the ends of its interval.

    Examples
    --------
    >>> sure((0.12345, 0.1, 0.15)), sure((2.0, 1.5, float("inf"))), sure((2.0, float("-inf"), float("inf")))
    ('0.123 (0.1 to 0.15)', '2 (1.5 or more)', '2 (nothing is known of it)')
    """
    return _with_ends(*(_told(value, short(value, digits)) for value in values))


def shares(values: Sequence[float], digits: int = 1) -> str:
    """Return a share with the ends of its interval, in percent.

    Examples
    --------
    >>> shares((0.02, 0.01, 0.033)), shares((0.02, float("nan"), float("nan")))
    ('2.0% (1.0% to 3.3%)', '2.0%')
    """
    return _with_ends(*(_told(value, percent(value, digits)) for value in values))


def _told(value: float, text: str) -> str | None:
    """Return nothing for what is not known, and infinity for a bound that there is none of."""
    return "" if math.isnan(value) else None if math.isinf(value) else text


def _with_ends(value: str | None, low: str | None, high: str | None) -> str:
    middle = value or "not known"
    if low == "" or high == "":
        return middle
    if low is None or high is None:
        known = f"{low} or more" if low else f"{high} or less" if high else "nothing is known of it"
        return f"{middle} ({known})"
    return f"{middle} ({low} to {high})"
