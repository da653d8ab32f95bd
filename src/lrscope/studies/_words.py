"""Numbers and estimates in sentences, the same for claims, tables and the summary, and never `nan`."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite, isinf, isnan
from typing import Any

import xarray as xr

from lrscope.report._numbers import DASH as DASH

EXACT = 17
"""Significant digits that tell any two numbers apart."""


def short(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits.

    Examples
    --------
    >>> short(0.0001), short(1e6), short(0.12345), short(float("nan"))
    ('0.0001', '1e6', '0.123', '–')
    """
    if not isfinite(value):
        return DASH
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def rate(lr: float | str, among: Iterable[float] = ()) -> str:
    """Return a learning rate with three digits, or as many as distinguish it from all others of `among`; texts as is.

    Examples
    --------
    >>> rate(0.00031622776), rate(1e-5), rate(0.10001, [0.1, 0.10001, 0.2])
    ('0.000316', '1e-5', '0.10001')
    """
    if isinstance(lr, str):
        return lr
    others = {other for other in among if other != lr}
    texts = ((short(lr, digits), {short(other, digits) for other in others}) for digits in range(3, EXACT))
    return next((text for text, taken in texts if text not in taken), short(lr, EXACT))


def percent(share: float, digits: int = 0) -> str:
    """Return a share in percent, with so many decimals; up to two more where it would be all or nothing, and is not.

    Examples
    --------
    >>> percent(0.123), percent(0.995), percent(0.0004), percent(1.0), percent(-0.001, 1), percent(float("nan"))
    ('12%', '99.5%', '0.04%', '100%', '-0.1%', '–')
    """
    if not isfinite(share):
        return DASH
    texts = (f"{share:.{decimals}%}" for decimals in range(digits, digits + 3))
    exact = (text for text in texts if share in (0, 1) or float(text[:-1]) not in (0, 100))
    return next(exact, f"{share:.{digits}%}")


def counted(count: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "epoch"), counted(2, "learning rate"), counted(0, "case (shape, seed)")
    ('1 epoch', '2 learning rates', '0 cases (shape, seed)')
    """
    name, bracket, of = noun.partition(" (")
    return f"{count} {name}{'' if count == 1 else 's'}{bracket}{of}"


def listed(words: Sequence[str]) -> str:
    """Return one word or more in a row, the last after `and`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def at_rates(values: xr.DataArray, write: Callable[[float], str] = short, among: Iterable[float] | None = None) -> str:
    """Return the values (lr) with their rates, which have enough digits to differ from each other, or from `among`.

    Examples
    --------
    >>> at_rates(xr.DataArray([0.25, float("nan")], coords={"lr": [0.001, 1e6]}))
    '0.25 at 0.001, – at 1e6'
    """
    lrs = values["lr"].values.tolist()
    texts = [rate(lr, lrs if among is None else among) for lr in lrs]
    return ", ".join(f"{write(value)} at {text}" for value, text in zip(values.values.tolist(), texts, strict=True))


def ends(node: Any, name: str) -> tuple[float, float, float]:
    """Return an estimate in a node of the results, and both ends of its interval."""
    value, low, high = (float(node[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return value, low, high


def within(node: Any, name: str, least: float, most: float) -> bool | None:
    """Tell whether the interval of an estimate lies inside limits (True), outside (False), or overlaps one (None)."""
    _, low, high = ends(node, name)
    if low >= least and high <= most:
        return True
    return False if high < least or low > most else None


def estimate_text(node: Any, name: str, digits: int = 3) -> str:
    """Return an estimate with the ends of its interval.

    Examples
    --------
    >>> estimate_text({"r2": 0.12345, "r2_low": 0.1, "r2_high": float("inf")}, "r2")
    '0.123 (0.1 or more)'
    """
    return _text(ends(node, name), lambda value: short(value, digits))


def share_text(node: Any, name: str, digits: int = 1) -> str:
    """Return a share with the ends of its interval, in percent.

    Examples
    --------
    >>> share_text({"share": 0.02, "share_low": 0.01, "share_high": 0.033}, "share")
    '2.0% (1.0% to 3.3%)'
    """
    return _text(ends(node, name), lambda value: percent(value, digits))


def _text(values: tuple[float, float, float], write: Callable[[float], str]) -> str:
    value, low, high = values
    middle = write(value) if isfinite(value) else "not known"
    if isnan(low) or isnan(high):
        return middle
    if isinf(low) and isinf(high):
        return f"{middle} (no interval)"
    if isinf(high):
        return f"{middle} ({write(low)} or more)"
    return f"{middle} ({write(high)} or less)" if isinf(low) else f"{middle} ({write(low)} to {write(high)})"
