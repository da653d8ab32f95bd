"""Metrics from what a training prints."""

import re
from collections.abc import Iterator
from typing import Any

from lrscope.errors import InputError
from lrscope.logs._rows import Curves, curves_of

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOT_FINITE = re.compile(r"([-+]?\b(?:nan|inf|infinity)\b)", re.IGNORECASE)
STAND_IN = "0.0"


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern that has a group for the value of the metric, or named groups for several of them.

    Raises
    ------
    InputError : it is no regular expression, or has no group.
    """
    example = r"Write for example 'stdout:val loss ([0-9.]+)'."
    try:
        result = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"read must be stdout: and a regular expression; got {pattern!r} ({error}). {example}"
        ) from None
    if not result.groups:
        raise InputError(f"read must have a group in round brackets for the value; got {pattern!r}. {example}")
    return result


def printed(text: str, pattern: re.Pattern[str], metric: str) -> Curves:
    r"""Return the curves of what a pattern finds in printed lines.

    A line that has ``nan`` or ``inf`` where the pattern would find a number has that value, so that a training which
    diverged is not taken for one that printed nothing more.

    Parameters
    ----------
    pattern : its named groups are metrics, ``step`` numbers the lines; a group without a name is `metric`

    Examples
    --------
    >>> pattern = compiled(r"epoch (?P<step>\d+): val loss ([0-9.]+)")
    >>> printed("epoch 1: val loss 0.75\nepoch 2: val loss nan", pattern, "val_loss")["val_loss"].to_dict()
    {1: 0.75, 2: nan}
    """
    names = {number: name for name, number in pattern.groupindex.items()}
    if len(names) < pattern.groups and metric not in pattern.groupindex:
        names[next(number for number in range(1, pattern.groups + 1) if number not in names)] = metric
    rows = (row for line in _COLOURS.sub("", text).splitlines() for row in _rows(line, pattern, names))
    return curves_of(rows)


def _rows(line: str, pattern: re.Pattern[str], names: dict[int, str]) -> Iterator[dict[str, Any]]:
    """Yield what each match in a line says; ``nan`` and ``inf`` are matched as if they were a number."""
    text, words = "", {}
    for piece in _NOT_FINITE.split(line):
        if _NOT_FINITE.fullmatch(piece):
            words[len(text)] = piece
        text += STAND_IN if _NOT_FINITE.fullmatch(piece) else piece
    for match in pattern.finditer(text):
        row = {}
        for number, name in names.items():
            low, high = match.span(number)
            row[name] = next((word for start, word in words.items() if low <= start < high), match[number])
        yield row
