"""The page: one file with everything in it. Texts are escaped by the template, markup comes from `page/` alone."""

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from lrscope.report._files import plain, size
from lrscope.report._numbers import cells, is_number, rates, words
from lrscope.report._parts import Animation, Report, Table, verdict

if TYPE_CHECKING:
    import pandas as pd

LONG_TABLE = 12
"""Tables of more rows have to be opened."""
STATES = {True: ("holds", "✓"), False: ("does not hold", "✗"), None: ("not checked", "?")}
RATES = ("lr", "learning rate")
"""Columns of learning rates."""
MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


def render(report: Report, files: Mapping[str, Path], frames: "Mapping[str, pd.DataFrame]") -> str:
    """Return the report as the text of an HTML page. The same report gives the same text.

    Parameters
    ----------
    files : name of a figure or animation -> its file; those that are missing are named as an appendix
    frames : name of a table -> its cells

    Examples
    --------
    >>> page = render(Report("Fluctuation", "Which neurons take part?", ["Nearly <all>."], [], []), {}, {})
    >>> "Nearly &lt;all&gt;." in page
    True
    """
    viewed = [(section, [_view(item, files, frames) for item in section.items]) for section in report.sections]
    shown = [(section, [view for view in views if view["kind"] != "missing"]) for section, views in viewed]
    return _template().render(
        report=report,
        verdict=verdict(report.claims),
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
    environment.filters |= {
        "words": words,
        "state": lambda claim: STATES[claim.holds],
        "paragraphs": lambda text: [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()],
    }
    return environment.get_template("page.html.j2")


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
    columns = [frame.iloc[:, place].tolist() for place in range(frame.shape[1])]
    numeric = [any(map(is_number, column)) for column in columns]
    written = [(rates if name in RATES else cells)(column) for name, column in zip(frame, columns, strict=True)]
    rows = list(zip(*written, strict=True))
    return {"columns": list(zip(frame, numeric, strict=True)), "rows": rows, "long": len(rows) > LONG_TABLE}
