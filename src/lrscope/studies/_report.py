"""From the records of a finished run to its report. Needs no PyTorch."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from lrscope import store
from lrscope.errors import InputError, unknown
from lrscope.report import Progress, Report, Table, draw, write
from lrscope.studies import recorded
from lrscope.studies._folder import Folder, resuming
from lrscope.studies._study import Study, study


def write_report(
    source: Folder | str | PathLike[str] | Sequence[str | PathLike[str]], progress: Progress | None = None
) -> Path:
    """Analyse the records of a run, or of any files, and write tables, figures, claims and page; return the page.

    The report of a run goes into its folder, that of files to ``<first file without .root>-report/``, where it replaces
    an earlier one. A file that was not closed is reported as far as it goes, and the page says so.

    Parameters
    ----------
    source : the folder of a run; or one file of records or several that continue each other, such as a Recorder's

    Raises
    ------
    InputError : the folder holds no run, or one that did not come to its end; no file, or one that is missing, not of
        lrscope, cut off, or without records.
    StoreError : a file cannot be read or written.
    """
    if isinstance(source, str | PathLike):
        path = Path(source)
        source = [path] if path.suffix == ".root" or path.is_file() else Folder(path)
    if not isinstance(source, Folder):
        return _write_report_of_files([Path(file) for file in source], progress)
    report = report_of(source, progress)
    page = write(report, source.path, progress)
    histograms = study(source.description()["study"]).histograms
    if histograms is not None:
        store.write_histograms(source.path / "histograms.root", histograms(report.results))
    source.tidy()
    return page


def _write_report_of_files(paths: Sequence[Path], progress: Progress | None) -> Path:
    if not paths:
        raise InputError("files must be one file of records or more; got none.")
    if progress is not None:
        progress("Analysing", 0, 0)
    report = report_of_files(paths)
    folder = paths[0].with_name(f"{paths[0].stem}-report")
    if (folder / "report.html").exists():
        for pattern in ("figures/*.png", "figures/*.svg", "tables/*.csv"):
            for old in folder.glob(pattern):
                old.unlink(missing_ok=True)
    return write(report, folder, progress)


def report_of_files(paths: Sequence[Path]) -> Report:
    """Return the report of files of records, nothing of it drawn yet."""
    files = tuple(map(str, paths))
    report = report_from(recorded.STUDY, {"records": store.open_records(paths)}, recorded.Files(files))
    names = ", ".join(path.name for path in paths)
    metadata = report.results.attrs["files"][0].metadata
    about = [metadata[part] for part in ("versions", "machine") if isinstance(metadata.get(part), dict)]
    return replace(
        report,
        title="Records of " + (names if len(paths) <= 3 else f"{paths[0].name} and {len(paths) - 1} other files"),
        experiment=metadata.get("experiment") or metadata.get("recorder") or {},
        command=shlex.join(["lrscope", "report", *files]),
        metadata={name: value for part in about for name, value in part.items()},
        again="This command reads the records again and writes this report.",
    )


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
    known = {item.name: item for item in report.items if not isinstance(item, Table)}
    for name in names:
        if name not in known:
            raise unknown("figure", name, known)
    chosen = [known[name] for name in names] if names else [item for item in known.values() if item.appendix]
    return draw(chosen, report.results, folder.path / "figures", progress)


def report_of(folder: Folder, progress: Progress | None = None) -> Report:
    """Return the report of a finished run, nothing of it drawn yet."""
    description = folder.description()
    if not description["finished"]:
        remedy = f"Go on with: {resuming(description['command'])}"
        raise InputError(f"{folder.path} must hold a finished run; got one that was interrupted, or goes on. {remedy}")
    if progress is not None:
        progress("Analysing", 0, 0)
    asked = study(description["study"]).of(description["options"])
    options = asked.options(**{name: value for name, value in description["options"].items() if name != "class"})
    experiments = description["experiments"]
    records = {name: _opened(folder, name) for name in experiments}
    for name, one in records.items():
        _check_described(folder, description, name, one.attrs["metadata"], asked.resumable)
    return replace(
        report_from(asked, records, options),
        experiment=next(iter(experiments.values())) if len(experiments) == 1 else experiments,
        command=description["command"],
        again=asked.again,
        metadata={**description["versions"], **description["machine"]},
        draw=f"lrscope figures {folder.path}",
    )


def report_from(asked: Study, records: Mapping[str, xr.Dataset], options: Any) -> Report:
    """Return the report of a study on some records, without the run that made them."""
    with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges passes through infinity
        results = asked.results(records, options)
        summary, claims = asked.summary(results, options), asked.judged(results)
        sections = asked.sections(results, options)
        return Report(asked.title, asked.question, summary, claims, sections, results, source=asked.source)


def _check_described(
    folder: Folder, description: Mapping[str, Any], name: str, written: Mapping[str, Any], resumable: Collection[str]
) -> None:
    """Make sure that the description is that of the records: both say study, options and experiment."""
    kept = written["options"] if isinstance(written.get("options"), dict) else {}
    free = {option: value for option, value in description["options"].items() if option in resumable}
    same = {
        "study": written.get("study") == description["study"],
        "options": {**kept, **free} == description["options"],
        "experiment": written.get("experiment") == description["experiments"][name],
    }
    for field in (field for field in same if not same[field]):
        file, remedy = folder.path / "experiment.json", "Give the folder as its run has written it."
        raise InputError(f"{file} must describe the run that wrote the records; its {field} is another. {remedy}")


def _opened(folder: Folder, experiment: str) -> xr.Dataset:
    files = folder.records(experiment)
    if not files:
        remedy = "Give a folder with everything that its run has written."
        raise InputError(f"{folder.path} must hold {folder.next_records(experiment).name}; it has none. {remedy}")
    return store.open_records(files)
