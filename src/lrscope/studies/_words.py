"""Numbers in sentences: the same for claims, tables and the summary, and never `nan`."""

from collections.abc import Callable
from math import isfinite

import xarray as xr

NOTHING = "\N{EN DASH}"
"""Stands where there is no number: a network diverged, or there were too few steps."""


def short(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits.

    Examples
    --------
    >>> short(0.0001), short(1e6), short(0.12345), short(float("nan"))
    ('0.0001', '1e6', '0.123', '–')
    """
    if not isfinite(value):
        return NOTHING
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def rate(lr: float) -> str:
    """Return a learning rate as it was given.

    Examples
    --------
    >>> rate(0.00123456), rate(1e-5)
    ('0.00123456', '1e-5')
    """
    return short(lr, 6)


def percent(share: float) -> str:
    """Return a share in percent.

    Examples
    --------
    >>> percent(0.666), percent(float("nan"))
    ('67%', '–')
    """
    return f"{share:.0%}" if isfinite(share) else NOTHING


def counted(count: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "epoch"), counted(2, "learning rate"), counted(0, "case (shape, seed)")
    ('1 epoch', '2 learning rates', '0 cases (shape, seed)')
    """
    name, bracket, of = noun.partition(" (")
    return f"{count} {name}{'' if count == 1 else 's'}{bracket}{of}"


def at_rates(values: xr.DataArray, write: Callable[[float], str] = short) -> str:
    """Return the values (lr) with their rates.

    Examples
    --------
    >>> at_rates(xr.DataArray([0.25, float("nan")], coords={"lr": [0.001, 1e6]}))
    '0.25 at 0.001, – at 1e6'
    """
    pairs = zip(values.values.tolist(), values["lr"].values.tolist(), strict=True)
    return ", ".join(f"{write(value)} at {rate(lr)}" for value, lr in pairs)
