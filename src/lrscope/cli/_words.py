"""What every command says and understands: sentences on stderr, --help, one path."""

import shlex
from itertools import takewhile
from pathlib import Path

from rich.console import Console

from lrscope.errors import InputError

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
    paths = list(takewhile(lambda word: not word.startswith("-"), given))
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
