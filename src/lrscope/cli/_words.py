"""What every command says and understands: sentences on stderr, --help, paths, options."""

import contextlib
import dataclasses
import io
import itertools
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import tyro
from rich.console import Console
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from lrscope.errors import InputError, must_be, unknown

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

HELP = frozenset({"-h", "--help"})


def say(sentence: str) -> None:
    """Print a sentence of ours on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False, emoji=False).print(f"lrscope: {sentence}", markup=False)


def one_path(program: str, what: str, given: list[str]) -> Path:
    """Return the one path that a command was given."""
    if len(given) != 1:
        raise InputError(f"{program} takes one {what}; got {shlex.join(given) or 'none'}. See {program} --help.")
    return Path(given[0])


def leading_paths(program: str, given: list[str]) -> tuple[list[str], list[str]]:
    """Return the paths that a command line begins with, and the options after them."""
    paths = list(itertools.takewhile(lambda word: not word.startswith("-"), given))
    if not paths:
        raise InputError(f"DIR must be a folder of a run or files of records; got none. See {program} --help.")
    return paths, given[len(paths) :]


def listed() -> str:
    """Return the studies and their questions, one a line; of one that cannot be imported, the reason."""
    from lrscope.studies import study, study_names

    names = study_names()
    width = max(map(len, names), default=0)
    lines = []
    for name in names:
        try:
            line = study(name).question
        except InputError as error:
            line = str(error)
        lines.append(f"  {name:{width}}  {line}")
    return "\n".join(lines)


def parsed(specifications: Mapping[str, type], given: list[str], program: str) -> tuple[Any, ...]:
    """Return the specifications that a command line makes, in their order; it may set the fields of all of them."""
    together = dataclasses.make_dataclass("Together", list(specifications.items()))
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    options: Any
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # what is wrong is said by us
            options, left_over = tyro.cli(
                together,
                args=given,
                prog=program,
                description="",
                config=config,
                registry=_AS_TEXT,
                return_unknown_args=True,
            )
    except SystemExit as end:
        error: BaseException | None = end
        while error is not None and not isinstance(error, InputError):
            error = error.__cause__ or error.__context__
        if error is not None:  # a value that a specification refuses: tyro catches every ValueError, and exits
            raise error from None
        if end.code:
            raise InputError(f"{_without_value(given)} See {program} --help.") from None
        raise
    if left_over:
        raise _no_option(left_over[0], [field for one in specifications.values() for field in dataclasses.fields(one)])
    return tuple(getattr(options, name) for name in specifications)


def _no_option(word: str, fields: "Sequence[dataclasses.Field[Any]]") -> InputError:
    marks = {field.name: getattr(field.type, "__metadata__", ()) for field in fields}
    hidden = {tyro.conf.Suppress, tyro.conf.Positional}
    known = [field for field in fields if hidden.isdisjoint(marks[field.name])]
    options = [f"--{field.name.replace('_', '-')}" for field in known]
    if word.startswith("-"):
        return unknown("an option", word, options)
    if path := next((name.upper() for name, own in marks.items() if tyro.conf.Positional in own), None):
        return InputError(f"{path} must be given once; got {word!r} besides.")
    return must_be("an option", f"one of {', '.join(options)}", word)


def _without_value(given: list[str]) -> str:
    """Return the sentence on the first option that has no value: numbers and texts are checked by the specification."""
    pairs = itertools.pairwise([*given, "--"])
    name = next((word for word, after in pairs if word.startswith("--") and after.startswith("--")), None)
    return f"{name} must have a value." if name else "The options cannot be read."


_AS_TEXT = ConstructorRegistry()
"""Leaves numbers and choices as the text they were given as: the specification says what is wrong with one."""


@_AS_TEXT.primitive_rule
def _text(wanted: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    choice = get_origin(wanted.type) is Literal
    if wanted.type not in (int, float) and not choice:
        return None
    metavar = "{" + ",".join(map(str, get_args(wanted.type))) + "}" if choice else wanted.type.__name__.upper()
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda texts: texts[0],
        is_instance=lambda value: value in get_args(wanted.type) if choice else isinstance(value, wanted.type),
        str_from_instance=lambda value: [str(value)],
    )
