"""From the records of a finished run to its tables, figures, claims and page. Needs no PyTorch."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope import store
from lrscope.report import (
    Interactive,
    Picture,
    Report,
    Section,
    Table,
    write_claims,
    write_html,
    write_picture,
    write_table,
)
from lrscope.studies._findings import Chapter, Findings, Listed, Still
from lrscope.studies._folder import Folder


def write_report(folder: Folder) -> Path:
    """Analyse the records of a folder and write everything that was found into it; return the page.

    Raises
    ------
    InputError : the folder holds no run, or no records that can be read.
    StoreError : a file cannot be written.
    """
    description = folder.description()
    study = importlib.import_module(f"lrscope.studies.{description['study']}")
    chosen = {name: value for name, value in description["options"].items() if name != "class"}
    records = store.open_records(folder.path)
    findings: Findings = study.findings(records, study.Options(**chosen))
    if findings.histograms:
        store.add_histograms(store.record_files(folder.path)[-1], findings.histograms)
    write_claims(folder.path / "claims.json", findings.claims)
    sections = [_written(folder.path, chapter) for chapter in findings.chapters]
    return write_html(folder.report, _page(findings, sections, description, records.attrs["complete"]))


def _written(path: Path, chapter: Chapter) -> Section:
    items = [_item(path, item) for item in chapter.items]
    return Section(chapter.title, chapter.text, items, chapter.collapsed)


def _item(path: Path, item: Still | Listed | Interactive) -> Picture | Table | Interactive:
    if isinstance(item, Listed):
        write_table(path / "tables" / f"{item.name}.csv", item.table)
        return item.table
    if isinstance(item, Still):
        png, svg = write_picture(path / "figures", item.name, item.figure)
        return Picture.from_files(item.title, item.caption, svg, png)
    return item


def _page(findings: Findings, sections: list[Section], description: Mapping[str, Any], complete: bool) -> Report:
    unfinished = [] if complete else ["The training was interrupted: what follows is about the steps recorded so far."]
    return Report(
        title=findings.title,
        question=findings.question,
        summary=[*unfinished, *findings.summary],
        claims=findings.claims,
        sections=sections,
        experiment=description["experiment"],
        command=description["command"],
        metadata={**description["versions"], **description["machine"]},
    )
