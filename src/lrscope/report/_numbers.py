"""Values as text for people: as many digits as say something, the same in all of a column if it can be."""

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

from lrscope.report._files import plain_number

DASH = "\N{EN DASH}"
"""Stands where a value is missing or not a number."""
DIGITS = 4
"""Significant digits."""
LOST = 0.05
"""Share of a number that may be lost so that a column has the same decimals; otherwise each has its own digits."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def words(value: Any) -> str:
    """Return one value as text."""
    value = plain_number(value) if not hasattr(value, "shape") or not value.shape else value.tolist()
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {words(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(words(item) for item in value)
    return str(value) if isinstance(value, str) else cells([value])[0]


def cells(column: Sequence[Any]) -> list[str]:
    """Return a column of a table as text; its numbers share one format, so that they can stand in line.

    Where a small number would lose more than 5% of itself, each has digits of its own: none becomes zero.

    Examples
    --------
    >>> cells([0.5, 0.0625, 12.0371])
    ['0.50', '0.06', '12.04']
    >>> cells([0.0001, 0.001, 0.01])
    ['0.0001', '0.001', '0.01']
    >>> cells([0.00000123, 0.5, 312.6])
    ['1.23 × 10⁻⁶', '0.5', '313']
    >>> cells([1500, None, float("nan"), "none"])
    ['1500', '–', '–', 'none']
    """
    values = [plain_number(value) for value in column]
    style = _style([value for value in values if is_number(value) and isfinite(value)])
    return [_cell(value, style) for value in values]


def rates(column: Sequence[Any]) -> list[str]:
    """Return learning rates as sentences and figures write them: each with its own three significant digits.

    Examples
    --------
    >>> rates([0.00025873, 0.0115949, 0.03])
    ['0.000259', '0.0116', '0.03']
    """
    return [cells([float(f"{value:.3g}") if is_number(value) else value])[0] for value in column]


def is_number(value: Any) -> bool:
    """Tell a number from a text, a truth value and nothing."""
    return isinstance(plain_number(value), int | float) and not isinstance(value, bool)


def _cell(value: Any, style: str) -> str:
    if value is None or value != value:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not is_number(value):
        return str(value)
    if not isfinite(value):
        return "∞" if value > 0 else "−∞"
    return _typeset(format(value, style if isinstance(value, float) else "d"))


def _style(numbers: Sequence[float]) -> str:
    """Return the format in which all numbers show three or four significant digits, and no zeros that say nothing."""
    sizes = [floor(log10(abs(number))) for number in numbers if number] or [0]
    least, most = min(sizes), max(sizes)
    if all(float(f"{number:.2e}") == number for number in numbers) and (most - least > 1 or not -5 < least <= most < 7):
        return f".{most + 1 if DIGITS <= most < 7 else DIGITS}g"
    if not -5 < most < 7:
        return f".{DIGITS - 2}e"
    enough = max(0, DIGITS - 1 - most)
    if any(abs(round(number, enough) - number) > LOST * abs(number) for number in numbers):
        return f".{max(DIGITS - 1, most + 1)}g"
    exact = (digits for digits in range(enough) if all(round(number, digits) == number for number in numbers))
    return f".{next(exact, enough)}f"


def _typeset(number: str) -> str:
    mantissa, _, exponent = number.partition("e")
    power = f" × 10{str(int(exponent)).translate(SUPERSCRIPTS)}" if exponent else ""
    return mantissa.replace("-", "−") + power
