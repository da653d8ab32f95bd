"""From any file of records to its page: what happened inside the network, as far as it was recorded.

The study's own report knows its question; this one takes what is there. What a chapter needs and was not recorded is
named in one sentence.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.errors import InputError
from lrscope.report import Progress, Report, Section, write
from lrscope.studies import _recorded_chapters as chapters
from lrscope.studies import _recorded_lives as lives
from lrscope.studies import _recorded_movement as movement
from lrscope.studies._recorded_summary import summary
from lrscope.studies._recorded_view import View, opened

QUESTION = "What happened inside the network while it learned?"
AGAIN = "This command reads the records again and writes this report."
SECTIONS: Mapping[str, Callable[[View], Section | str]] = {
    "Training": chapters.training,
    "Gradients by layer": chapters.gradients,
    "Fluctuations": movement.fluctuations,
    "Taking part": movement.taking_part,
    "Life of the neurons": lives.life,
    "What was recorded": chapters.recorded,
}
"""Title -> what makes the section, or says in a sentence why there is none."""
_DESCRIBED = ("experiment", "recorder")
"""Entries of the metadata that say what was trained, or what was asked of a recorder."""
_RESULTS = ("figures/*.png", "figures/*.svg", "tables/*.csv")


def write_records_report(files: Sequence[str | PathLike[str]], progress: Progress | None = None) -> Path:
    """Write the report of a file of records, or of several that continue each other; return the page.

    It goes to ``<first file without .root>-report/report.html``, with ``figures/`` and ``tables/`` beside it; those of
    an earlier report are replaced. A file that was not closed is reported as far as it goes, and the page says so.

    Parameters
    ----------
    files : written by a study, by `lrscope.store.write`, or by a recorder in a loop of one's own

    Raises
    ------
    InputError : no file, or one that is missing, empty, not ROOT, not of lrscope, cut off, or without any records.
    StoreError : a file cannot be read or written.
    """
    paths = [Path(file) for file in files]
    if not paths:
        raise InputError("files must be one file of records or more; got none.")
    if progress is not None:
        progress("Analysing", 0, 0)
    view = opened(paths)
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        report = records_report(view)
    folder = paths[0].with_name(f"{paths[0].stem}-report")
    if (folder / "report.html").exists():
        for pattern in _RESULTS:
            for old in folder.glob(pattern):
                old.unlink(missing_ok=True)
    return write(replace(report, command=shlex.join(["lrscope", "report", *map(str, paths)])), folder, progress)


def records_report(view: View) -> Report:
    """Return everything that the records say: a section for each thing, and one for what is missing."""
    attempts = [_attempted(title, make, view) for title, make in SECTIONS.items()]
    sections = [section for section in attempts if isinstance(section, Section)]
    missing = [sentence for sentence in attempts if isinstance(sentence, str)]
    if missing:
        sections.append(Section("What is left out", "\n\n".join(missing)))
    metadata = view.metadata
    return Report(
        title=f"Records of {_names(view)}",
        question=QUESTION,
        summary=summary(view),
        claims=(),
        sections=sections,
        experiment=next((entry for entry in map(metadata.get, _DESCRIBED) if isinstance(entry, Mapping)), {}),
        metadata={**_texts(metadata.get("versions")), **_texts(metadata.get("machine"))},
        again=AGAIN,
    )


def _names(view: View) -> str:
    names = [file.path.name for file in view.files]
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} and {len(names) - 1} other files"


def _attempted(title: str, make: Callable[[View], Section | str], view: View) -> Section | str:
    """Return a section, or in a sentence why there is none."""
    try:
        return make(view)
    except InputError as error:  # recorded in a way that the analysis cannot use: layers at different steps, say
        return f"{title} is left out: {error}"


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, Mapping) else {}
