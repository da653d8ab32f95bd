"""Run benchmarks and write docs/benchmarks.md: all, or those that are named; the sections of others are kept."""

import importlib
import re
import sys
from pathlib import Path

from benchmarks.rounds import machine

PARTS = (
    "whole",
    "steps",
    "fluctuation",
    "stability",
    "sweep",
    "recorder",
    "recommendation",
    "optimum",
    "linearity",
    "boundary",
)
"""Modules of this folder with a function `page`, in the order of their sections."""
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`. Only ratios within one run count: the machine is {machine}.

Nothing has been measured on a GPU yet. `python -m benchmarks.gpu` does that in at most six minutes on a machine with
CUDA and prints the table that belongs here.
"""
MARK = "<!-- {name} -->"
MARKED = re.compile(f"^{MARK.format(name='([a-z]+)')}$", flags=re.MULTILINE)


def main(asked: list[str]) -> None:
    unknown = set(asked) - set(PARTS)
    if unknown:
        sys.exit(f"benchmarks must be among {', '.join(PARTS)}; got {', '.join(sorted(unknown))}.")
    for name in asked or PARTS:
        section = importlib.import_module(f"benchmarks.{name}").page().strip()
        sections = {**_sections(PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""), name: section}
        told = [f"{MARK.format(name=known)}\n{sections[known]}" for known in PARTS if known in sections]
        PAGE.write_text("\n\n".join([HEAD.format(machine=machine()).strip(), *told]) + "\n", encoding="utf-8")
        print(sections[name], flush=True)


def _sections(text: str) -> dict[str, str]:
    """Return the sections of the page by the names in their marks."""
    pieces = MARKED.split(text)[1:]
    return {name: section.strip() for name, section in zip(pieces[::2], pieces[1::2], strict=True)}


if __name__ == "__main__":
    main(sys.argv[1:])
