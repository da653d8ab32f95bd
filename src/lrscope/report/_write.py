"""A report as files: figures, tables, claims, and the page with everything in it.

Texts are escaped by the template, markup comes from `page/` alone.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import joblib
import xarray as xr
from markupsafe import Markup, escape

from lrscope.report._files import picture, plain, size, write_claims, write_file, write_table
from lrscope.report._film import write_film
from lrscope.report._numbers import cells, is_number, rates, words
from lrscope.report._parts import Animation, Figure, Report, Table

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""
PARALLEL = 24
"""So many figures or more are drawn by several processes: each needs a second or two to start."""
LONG_TABLE = 12
"""Tables of more rows have to be opened."""
MOST_ROWS = 2000
"""Tables of more rows are not on the page, which names their files: a browser takes seconds to lay them out."""
STATES = {True: ("holds", "✓"), False: ("does not hold", "✗"), None: ("not checked", "?")}
RATES = ("lr", "learning rate")
"""Columns of learning rates."""
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*)")
MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


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
    return write_file(folder / "report.html", _render(report, named, frames).encode())


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


def _render(report: Report, files: Mapping[str, Path], frames: "Mapping[str, pd.DataFrame]") -> str:
    """Return the page; figures that have no file are named as an appendix."""
    viewed = [(section, [_view(item, files, frames) for item in section.items]) for section in report.sections]
    shown = [(section, [view for view in views if view["kind"] != "missing"]) for section, views in viewed]
    return _template().render(
        report=report,
        sections=[(section, views) for section, views in shown if views or section.text],
        missing=[view for _, views in viewed for view in views if view["kind"] == "missing"],
        experiment=json.dumps(plain(report.experiment), indent=2, ensure_ascii=False),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lrscope.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "words": words,
        "with_options": _with_options,
        "state": lambda claim: STATES[claim.holds],
        "point": lambda point: json.dumps(asdict(point)),
        "paragraphs": lambda text: [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()],
    }
    environment.filters |= filters
    return environment.get_template("page.html.j2")


def _with_options(text: str) -> Markup:
    """Return a text for the page with its options as code, which no line break tears apart after a hyphen."""
    return Markup(_OPTION.sub(r'<code class="option">\1</code>', str(escape(text))))


def _view(item: Any, files: Mapping[str, Path], frames: "Mapping[str, pd.DataFrame]") -> dict[str, Any]:
    if isinstance(item, Table):
        return {"kind": "table", "item": item, **_table(frames[item.name])}
    file = files.get(item.name)
    if file is None:
        return {"kind": "missing", "item": item}
    if isinstance(item, Animation):
        return {"kind": "animation", "item": item, "address": f"{file.parent.name}/{file.name}"}
    image = file.read_bytes()
    address = f"data:{MEDIA_TYPES[file.suffix]};base64,{base64.b64encode(image).decode()}"
    return {"kind": "figure", "item": item, "address": address, "size": size(image)}


def _table(frame: "pd.DataFrame") -> dict[str, Any]:
    if len(frame) > MOST_ROWS:
        return {"columns": [], "rows": [], "long": False, "left_out": len(frame)}
    columns = [frame.iloc[:, place].tolist() for place in range(frame.shape[1])]
    numeric = [any(map(is_number, column)) or all(cell is None for cell in column) for column in columns]
    written = [(rates if name in RATES else cells)(column) for name, column in zip(frame, columns, strict=True)]
    rows = list(zip(*written, strict=True))
    return {
        "columns": list(zip(frame, numeric, strict=True)),
        "rows": rows,
        "long": len(rows) > LONG_TABLE,
        "left_out": 0,
    }
