"""Numbers in sentences: the same for claims, tables and the summary, and never `nan`."""

from collections.abc import Callable, Iterable, Sequence
from math import isfinite

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
    """Return a share in percent, with so many decimals."""
    return f"{share:.{digits}%}" if isfinite(share) else DASH


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
