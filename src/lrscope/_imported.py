"""What is imported when it is used: something of a user's, named ``package.module:name``, and parts of lrscope."""

import importlib
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from lrscope.errors import InputError, must_be

ANYTHING = (Exception, SystemExit)
"""What a user's code may raise; a module that is a script calls ``sys.exit``."""


def checked_path(field: str, path: str, allowed: str) -> str:
    """Return a text if it has the form ``package.module:name``; nothing is imported.

    Parameters
    ----------
    field : what the text was given as, for the error
    allowed : what may be given, for the error: ``package.module:function``, say

    Raises
    ------
    InputError : it has another form.
    """
    module, _, name = path.partition(":")
    if not (name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise must_be(field, allowed, path)
    return path


def imported(field: str, path: str, what: str) -> Any:
    """Return the object that ``package.module:name`` names.

    Parameters
    ----------
    field : what the text was given as, for the error
    what : what it should be, for the error: ``a function``, say

    Raises
    ------
    InputError : it cannot be imported; whatever the module raised is said.
    """
    module, _, name = path.partition(":")
    try:
        holder = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{field} must name {what} that can be imported; got {path!r}: {_ended(error)}.") from error
    except ANYTHING as error:
        raise InputError(f"{field} must name {what}; got {path!r}, whose import raised {error_text(error)}.") from error
    try:
        return getattr(holder, name)
    except AttributeError as error:
        raise InputError(f"{field} must name {what} that can be imported; got {path!r}: {_ended(error)}.") from error


def late(path: str) -> Callable[..., Any]:
    """Return a function that imports the one that ``package.module:name`` names when it is called."""
    module, _, name = path.partition(":")
    return lambda *arguments, **options: getattr(importlib.import_module(module), name)(*arguments, **options)


def lazy(
    package: str, files: Mapping[str, Collection[str]], extras: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package, which imports a name from its file when it is first used.

    Parameters
    ----------
    files : file of the package -> the names that it has
    extras : file -> the library that it imports and lrscope does without, and the extra that brings it; a name of it is
        an `InputError` where the library is not installed
    """
    places = {name: file for file, names in files.items() for name in names}

    def attribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            return getattr(importlib.import_module(f"{package}.{places[name]}"), name)
        except ModuleNotFoundError as error:
            library, extra = extras.get(places[name], (None, ""))
            if (error.name or "").partition(".")[0] != library:
                raise
            remedy = f'Install it: pip install "lrscope[{extra}]"'
            raise InputError(f"{name} needs the library {library}. {remedy}") from None

    return attribute


def called(field: str, allowed: str, path: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a user's function returns.

    Parameters
    ----------
    field, allowed, path : what it was given as, what it should be, and its name, for the error

    Raises
    ------
    InputError : whatever the function raised is said.
    """
    try:
        return function(*arguments)
    except ANYTHING as error:
        raise must_be(field, allowed, f"{path}, which raised {error_text(error)}") from error


def error_text(error: BaseException) -> str:
    """Return the kind of an error and its message on one line, without the full stop of a sentence."""
    message = _ended(error)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _ended(error: BaseException) -> str:
    return " ".join(str(error).split()).removesuffix(".")
