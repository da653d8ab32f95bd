"""The page: one file with everything in it. Texts are escaped by the template, markup comes from `page/` alone."""

import base64
import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from lrscope.report._files import plain, write
from lrscope.report._numbers import cells, is_number, rates, words
from lrscope.report._parts import Interactive, Report, Table, verdict
from lrscope.report._pictures import kind, size

LONG = 12
"""Rows above which a table has to be opened."""
STATES = {True: ("holds", "✓"), False: ("does not hold", "✗"), None: ("not checked", "?")}
RATES = ("lr", "learning rate")
"""Columns of learning rates."""
HEIGHT = 460
"""CSS pixels of an interactive figure that states no height."""


@dataclass(frozen=True)
class _TableView:
    title: str
    note: str
    columns: list[tuple[str, bool]]
    rows: list[list[str]]
    long: bool


def write_html(path: str | Path, report: Report) -> Path:
    """Write the report as one HTML file that needs nothing else, and return its path.

    Raises
    ------
    StoreError : the file cannot be written
    """
    return write(path, render(report).encode())


def render(report: Report) -> str:
    """Return the report as the text of an HTML page. The same report gives the same text.

    Examples
    --------
    >>> page = render(Report("Fluctuation", "Which neurons take part?", ["Nearly <all>."], [], [], {}, "lrscope run x"))
    >>> "Nearly &lt;all&gt;." in page
    True
    """
    items = [item for section in report.sections for item in section.items]
    return _template().render(
        report=report,
        verdict=verdict(report.claims),
        anchors=anchors([section.title for section in report.sections]),
        experiment=json.dumps(plain(report.experiment), indent=2, ensure_ascii=False),
        plotly=_plotly() if any(isinstance(item, Interactive) for item in items) else None,
    )


def anchors(titles: Sequence[str]) -> list[str]:
    """Return for each title what its address on the page ends with, no two alike.

    Examples
    --------
    >>> anchors(["What the learning rate does", "Loss", "Loss", "損失"])
    ['1-what-the-learning-rate-does', '2-loss', '3-loss', '4']
    """
    words_of = (re.findall(r"[a-z0-9]+", title.lower()) for title in titles)
    return ["-".join([str(number), *parts]) for number, parts in enumerate(words_of, start=1)]


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lrscope.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "words": words,
        "state": lambda claim: STATES[claim.holds],
        "kind": lambda item: type(item).__name__,
        "table": _table,
        "address": lambda picture: f"data:{kind(picture.image)};base64,{base64.b64encode(picture.image).decode()}",
        "size": lambda picture: size(picture.image),
        "json": _json,
        "height": _height,
        "paragraphs": lambda text: [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()],
    }
    return environment.get_template("page.html.j2")


def _table(table: Table) -> _TableView:
    columns = [[row[place] for row in table.rows] for place in range(len(table.columns))]
    numeric = [any(map(is_number, column)) for column in columns]
    written = [(rates if name in RATES else cells)(column) for name, column in zip(table.columns, columns, strict=True)]
    rows = [list(row) for row in zip(*written, strict=True)]
    return _TableView(
        table.title, table.note, list(zip(table.columns, numeric, strict=True)), rows, len(table.rows) > LONG
    )


def _json(interactive: Interactive) -> Markup:
    """Return a figure's JSON so that nothing in it can end the script element it stands in."""
    figure = json.loads(interactive.figure.to_json())
    figure["layout"].pop("width", None)
    text = json.dumps(figure, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _height(interactive: Interactive) -> int:
    return int(json.loads(interactive.figure.to_json())["layout"].get("height", HEIGHT))


@cache
def _plotly() -> str:
    """Return plotly.js, compressed to two fifths of its size; the page unpacks it when a figure comes into view."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), compresslevel=9, mtime=0)).decode()
