"""Errors that lrscope raises on purpose: what is wrong, what is allowed, and what to do."""

import difflib
from collections.abc import Iterable

LONGEST = 1000
"""Letters of a value that an error shows, at most."""


class LrscopeError(Exception):
    """Base of every error that lrscope raises on purpose."""


class InputError(LrscopeError, ValueError):
    """A value is not allowed. Nothing has been written when this is raised."""


class UnknownNameError(InputError, KeyError):
    """A name does not exist; the message names the nearest one that does."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError shows the repr of its argument


class StoreError(LrscopeError, OSError):
    """A file could not be read or written."""


def must_be(name: str, allowed: str, got: object, remedy: str = "") -> InputError:
    """Return the error `<name> must be <allowed>; got <value>. <what to do>`.

    Examples
    --------
    >>> str(must_be("epochs", "a positive integer", 0))
    'epochs must be a positive integer; got 0.'
    """
    given = repr(got)
    given = given if len(given) <= LONGEST else f"{given[:LONGEST]}..."
    return InputError(f"{name} must be {allowed}; got {given}. {remedy}".strip())


def unknown(name: str, got: str, known: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that does not exist: what exists, and the nearest of it.

    Examples
    --------
    >>> str(unknown("shape", "cirle", ["circle", "spiral"]))
    "shape must be one of circle, spiral; got 'cirle'. Did you mean 'circle'?"
    """
    choices = list(known)
    near = difflib.get_close_matches(got.lower(), choices, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UnknownNameError(f"{name} must be one of {', '.join(choices)}; got {got!r}.{hint}")
