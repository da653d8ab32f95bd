"""What every command says and understands: sentences on stderr, --help, one path."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from lrscope.errors import InputError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

HELP = ("-h", "--help")


def say(sentence: str) -> None:
    """Print a sentence of ours on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False, emoji=False).print(f"lrscope: {sentence}", markup=False)


def explained(text: str) -> int:
    """Print the help of a command; return the exit code."""
    print(text, end="")
    return 0


def one_path(program: str, what: str, given: list[str]) -> Path:
    """Return the one path that a command was given."""
    if len(given) != 1:
        raise InputError(f"{program} takes one {what}; got {shlex.join(given) or 'none'}. See {program} --help.")
    return Path(given[0])


def listed(studies: Mapping[str, str]) -> str:
    """Return the studies and their questions, one a line."""
    width = max(map(len, studies))
    return "\n".join(f"  {name:{width}}  {question}" for name, question in studies.items())
