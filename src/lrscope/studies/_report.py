"""From the records of a finished run to its tables, figures, claims and page. Needs no PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import xarray as xr
from matplotlib.figure import Figure

from lrscope import store
from lrscope.errors import InputError
from lrscope.figures import Film
from lrscope.report import (
    Interactive,
    Picture,
    Report,
    Section,
    Table,
    write_claims,
    write_film,
    write_html,
    write_picture,
    write_table,
)
from lrscope.studies._catalogue import study
from lrscope.studies._findings import Chapter, Findings, Listed, Moving, Still
from lrscope.studies._folder import Folder

MANY = 12
"""Figures from which on it pays to draw them in several processes."""


def write_report(folder: Folder) -> Path:
    """Analyse the records of a folder and write everything that was found into it; return the page.

    Raises
    ------
    InputError : the folder holds no run, or one that did not come to its end, or no records that can be read.
    StoreError : a file cannot be written.
    """
    description = folder.description()
    if not description["finished"]:
        remedy = f"Go on with: {description['command']} --resume"
        raise InputError(f"{folder.path} must hold a finished run; got one that was interrupted, or goes on. {remedy}")
    asked = study(description["study"])
    chosen = {name: value for name, value in description["options"].items() if name != "class"}
    records = {name: _opened(folder, name) for name in description["experiments"]}
    findings: Findings = asked.findings(records, asked.Options(**chosen))
    if findings.histograms:
        store.write_histograms(folder.path / "histograms.root", findings.histograms)
    write_claims(folder.path / "claims.json", findings.claims)
    sections = written(folder.path, findings)
    page = write_html(folder.report, _page(findings, sections, description))
    folder.tidy()
    return page


def written(path: Path, findings: Findings) -> list[Section]:
    """Write the figures, films and tables of everything that was found into a folder; return it as sections of a page.

    Raises
    ------
    StoreError : a file cannot be written.
    """
    items = [item for chapter in findings.chapters for item in chapter.items]
    pictures = _drawn(path / "figures", [item for item in items if isinstance(item, Still)], findings.films)
    return [_section(path, chapter, pictures) for chapter in findings.chapters]


def _opened(folder: Folder, experiment: str) -> xr.Dataset:
    files = folder.records(experiment)
    if not files:
        remedy = "Give a folder with everything that its run has written."
        raise InputError(f"{folder.path} must hold {folder.next_records(experiment).name}; it has none. {remedy}")
    return store.open_records(files)


def _drawn(path: Path, stills: Sequence[Still], films: Sequence[Moving]) -> dict[str, Picture]:
    """Draw and write stills and films, on all cores if there are many; return the stills as pictures of the page."""
    jobs = joblib.cpu_count() if len(stills) >= MANY else 1
    drawing = [joblib.delayed(_filmed)(path, film.name, film.draw) for film in films]
    drawing += [joblib.delayed(_draw)(path, still.name, still.draw) for still in stills]
    files = joblib.Parallel(n_jobs=jobs)(drawing)[len(films) :]
    return {
        still.name: Picture.from_files(still.title, still.caption, svg, png)
        for still, (png, svg) in zip(stills, files, strict=True)
    }


def _draw(path: Path, name: str, draw: Callable[[], Figure]) -> tuple[Path, Path]:
    return write_picture(path, name, draw())


def _filmed(path: Path, name: str, draw: Callable[[], Film]) -> Path:
    return write_film(path / name, draw())


def _section(path: Path, chapter: Chapter, pictures: Mapping[str, Picture]) -> Section:
    for item in chapter.items:
        if isinstance(item, Listed):
            write_table(path / "tables" / f"{item.name}.csv", item.table)
    shown = [pictures[item.name] if isinstance(item, Still) else _shown(item) for item in chapter.items]
    return Section(chapter.title, chapter.text, shown, chapter.collapsed)


def _shown(item: Listed | Interactive) -> Table | Interactive:
    return (item.shown or item.table) if isinstance(item, Listed) else item


def _page(findings: Findings, sections: list[Section], description: Mapping[str, Any]) -> Report:
    experiments = description["experiments"]
    return Report(
        title=findings.title,
        question=findings.question,
        summary=findings.summary,
        claims=findings.claims,
        sections=sections,
        experiment=next(iter(experiments.values())) if len(experiments) == 1 else experiments,
        command=description["command"],
        metadata={**description["versions"], **description["machine"]},
    )
