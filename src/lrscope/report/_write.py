"""A report as files: figures, tables, claims and page."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import joblib
import xarray as xr

from lrscope.report._files import picture, write_claims, write_file, write_table
from lrscope.report._film import write_film
from lrscope.report._html import render
from lrscope.report._parts import Animation, Figure, Report, Table

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""
PARALLEL = 24
"""So many figures or more are drawn by several processes: each needs a second or two to start."""


def write(report: Report, folder: str | Path, progress: Progress | None = None) -> Path:
    """Write a report into a folder, and return its page.

    The page ``report.html`` needs no other file and no network. Beside it lie ``figures/``, ``tables/`` and, if there
    are claims, ``claims.json``.

    Raises
    ------
    StoreError : a file cannot be written.
    """
    folder = Path(folder)
    frames = {item.name: item.frame(report.results) for item in report.items if isinstance(item, Table)}
    for name, frame in frames.items():
        write_table(folder / "tables" / f"{name}.csv", frame)
    if report.claims:
        write_claims(folder / "claims.json", report.claims)
    chosen = [item for item in report.items if not isinstance(item, Table) and not item.appendix]
    files = draw(chosen, report.results, folder / "figures", progress)
    named = {item.name: file for item, file in zip(chosen, files, strict=True)}
    return write_file(folder / "report.html", render(report, named, frames).encode())


def draw(
    items: Sequence[Figure | Animation], results: xr.DataTree, folder: Path, progress: Progress | None = None
) -> list[Path]:
    """Draw figures and animations of some results into a folder, each once; return their files.

    Raises
    ------
    StoreError : a file cannot be written.
    """
    files = []
    for number, file in enumerate(_drawn(items, results, folder), start=1):
        files.append(file)
        if progress is not None:
            progress("Drawing", number, len(items))
    return files


def _drawn(items: Sequence[Figure | Animation], results: xr.DataTree, folder: Path) -> Iterator[Path]:
    if len(items) < PARALLEL or joblib.cpu_count() == 1:
        return (_draw(item, results, folder) for item in items)
    # loky sends closures with cloudpickle, so that `draw` may be any callable
    parallel = joblib.Parallel(n_jobs=min(joblib.cpu_count(), len(items)), return_as="generator")
    tasks: Iterator[Path] = parallel(joblib.delayed(_draw)(item, results, folder) for item in items)
    return tasks


def _draw(item: Figure | Animation, results: xr.DataTree, folder: Path) -> Path:
    if isinstance(item, Animation):
        return write_film(folder / item.name, item.draw(results))
    kind, image = picture(item.draw(results))
    return write_file(folder / f"{item.name}.{kind}", image)
