"""From the records of a finished run to its report. Needs no PyTorch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lrscope import store
from lrscope.errors import InputError, unknown
from lrscope.report import Animation, Figure, Progress, Report, Table, draw, write
from lrscope.studies._catalogue import study
from lrscope.studies._folder import Folder
from lrscope.studies._recorded import write_records_report
from lrscope.studies._study import Study


def write_report(
    source: Folder | str | PathLike[str] | Sequence[str | PathLike[str]], progress: Progress | None = None
) -> Path:
    """Analyse the records of a run, or of any files, and write tables, figures, claims and page; return the page.

    Parameters
    ----------
    source : the folder of a run, which the report is written into; or one file of records or several, such as a
        Recorder's (see `write_records_report`)

    Raises
    ------
    InputError : the folder holds no run, or one that did not come to its end, or no records that can be read.
    StoreError : a file cannot be written.
    """
    if isinstance(source, Folder):
        folder = source
    elif isinstance(source, str | PathLike) and Path(source).suffix != ".root" and not Path(source).is_file():
        folder = Folder(Path(source))
    else:
        return write_records_report([source] if isinstance(source, str | PathLike) else source, progress)
    report = report_of(folder, progress)
    page = write(report, folder.path, progress)
    histograms = study(folder.description()["study"]).histograms
    if histograms is not None:
        store.write_histograms(folder.path / "histograms.root", histograms(report.results))
    folder.tidy()
    return page


def draw_figures(folder: Folder, names: Sequence[str] = (), progress: Progress | None = None) -> list[Path]:
    """Draw figures and animations of a run, those of the appendix among them, into ``figures/``; return their files.

    Parameters
    ----------
    names : of figures; by default all that the page does not show

    Raises
    ------
    InputError : see `write_report`; or there is no such figure.
    """
    report = report_of(folder, progress)
    return draw(figures_of(report, names), report.results, folder.path / "figures", progress)


def figures_of(report: Report, names: Sequence[str]) -> list[Figure | Animation]:
    """Return the figures and animations of a report that have these names; without names those of the appendix."""
    known = {item.name: item for item in report.items if not isinstance(item, Table)}
    for name in names:
        if name not in known:
            raise unknown("figure", name, known)
    return [known[name] for name in names] if names else [item for item in known.values() if item.appendix]


def report_of(folder: Folder, progress: Progress | None = None) -> Report:
    """Return the report of a finished run, nothing of it drawn yet."""
    description = folder.description()
    if not description["finished"]:
        remedy = f"Go on with: {description['command']} --resume"
        raise InputError(f"{folder.path} must hold a finished run; got one that was interrupted, or goes on. {remedy}")
    if progress is not None:
        progress("Analysing", 0, 0)
    asked = study(description["study"])
    options = asked.options(**{name: value for name, value in description["options"].items() if name != "class"})
    experiments = description["experiments"]
    records = {name: _opened(folder, name) for name in experiments}
    return replace(
        report_from(asked, records, options),
        experiment=next(iter(experiments.values())) if len(experiments) == 1 else experiments,
        command=description["command"],
        metadata={**description["versions"], **description["machine"]},
        draw=f"lrscope figures {folder.path}",
    )


def report_from(asked: Study, records: Mapping[str, xr.Dataset], options: Any) -> Report:
    """Return the report of a study on some records, without the run that made them."""
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        results = asked.results(records, options)
        summary, claims = asked.summary(results, options), asked.judged(results)
        return Report(asked.title, asked.question, summary, claims, asked.sections(results, options), results)


def _opened(folder: Folder, experiment: str) -> xr.Dataset:
    files = folder.records(experiment)
    if not files:
        remedy = "Give a folder with everything that its run has written."
        raise InputError(f"{folder.path} must hold {folder.next_records(experiment).name}; it has none. {remedy}")
    return store.open_records(files)
