"""From the words of a command line to a checked specification; each option exists once, in the specification."""

import contextlib
import dataclasses
import io
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from lrscope.errors import InputError, must_be, unknown


def parsed(specifications: Mapping[str, type], given: list[str], program: str) -> tuple[Any, ...]:
    """Return the specifications that a command line makes, in their order; it may set the fields of all of them.

    Raises
    ------
    InputError : an option that does not exist, has no value, or a value that is not allowed.
    """
    together = dataclasses.make_dataclass("Together", list(specifications.items()))
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    said = io.StringIO()
    made: Any
    try:
        with contextlib.redirect_stderr(said):
            made, left_over = tyro.cli(
                together,
                args=given,
                prog=program,
                description="",
                config=config,
                registry=_NUMBERS,
                return_unknown_args=True,
            )
    except SystemExit as end:
        if end.code:
            raise _ours(end) or InputError(f"{_first_sentences(said.getvalue())} See {program} --help.") from None
        raise
    if left_over:
        raise _no_option(left_over[0], [field for one in specifications.values() for field in dataclasses.fields(one)])
    return tuple(getattr(made, name) for name in specifications)


def _ours(error: BaseException | None) -> InputError | None:
    """Return the error of a specification that made tyro exit, which it takes for any other ValueError."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__ or error.__context__
    return error


def _no_option(word: str, fields: "Sequence[dataclasses.Field[Any]]") -> InputError:
    options = [f"--{field.name.replace('_', '-')}" for field in fields]
    if word.startswith("-"):
        return unknown("an option", word, options)
    return must_be("an option", f"one of {', '.join(options)}", word)


def _first_sentences(box: str) -> str:
    """Return what stands in a box of tyro's between its title and the next rule, without lines and colours."""
    _title, *rows = (row.strip() for row in _DECORATION.sub("", box).splitlines())
    blocks = itertools.groupby(rows, key=lambda row: not row.strip("─-"))
    return next((" ".join(block) for is_rule, block in blocks if not is_rule), "the options cannot be read.")


_DECORATION = re.compile(r"\x1b\[[\d;]*m|[│╭╮╰╯|]")

_NUMBERS = ConstructorRegistry()
"""Leaves numbers as the text they were given as: the specification says what is wrong with one, in our words."""


@_NUMBERS.primitive_rule
def _as_text(wanted: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    if wanted.type not in (int, float):
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=wanted.type.__name__.upper(),
        instance_from_str=lambda texts: texts[0],
        is_instance=lambda value: isinstance(value, wanted.type),
        str_from_instance=lambda value: [str(value)],
    )
