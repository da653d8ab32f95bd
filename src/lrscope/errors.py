"""What lrscope says when it cannot go on: one sentence, what was received, what is allowed, what to do."""

import difflib
from collections.abc import Iterable


class LrscopeError(Exception):
    """Base of every error that lrscope raises on purpose; the command line prints it and exits with `exit_code`."""

    exit_code = 1


class InputError(LrscopeError):
    """Something the user gave is not allowed (exit code 2). Nothing has been written when this is raised."""

    exit_code = 2


class StoreError(LrscopeError, OSError):
    """A file could not be read or written (exit code 1)."""


def must_be(name: str, allowed: str, got: object, remedy: str = "") -> InputError:
    """Return the error `<name> must be <allowed>; got <value>. <what to do>`.

    Examples
    --------
    >>> str(must_be("epochs", "a positive integer", 0))
    'epochs must be a positive integer; got 0.'
    """
    return InputError(f"{name} must be {allowed}; got {got!r}. {remedy}".strip())


def unknown(name: str, got: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist: what exists, and the nearest of it.

    Examples
    --------
    >>> str(unknown("shape", "cirle", ["circle", "spiral"]))
    "shape must be one of circle, spiral; got 'cirle'. Did you mean 'circle'?"
    """
    choices = list(known)
    near = difflib.get_close_matches(got.lower(), choices, n=1, cutoff=0.4)
    remedy = f"Did you mean {near[0]!r}?" if near else ""
    return must_be(name, f"one of {', '.join(choices)}", got, remedy)
