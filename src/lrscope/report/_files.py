"""Claims, tables and figures as files, each there as a whole or not at all; the same figure gives the same bytes."""

import io
import json
import os
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from lrscope.errors import StoreError
from lrscope.report._parts import ClaimResult

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PNG = b"\x89PNG\r\n\x1a\n"
DPI = 150
CSS_DPI = 120
"""CSS pixels an inch: a figure of 7 inches is as wide as the page, and its text not much smaller than that."""
DENSE = 3000
"""A figure with more points than these is a PNG: as SVG it would be large, and slow to show."""


def write_claims(path: str | Path, claims: Sequence[ClaimResult]) -> Path:
    """Write ``claims.json``: a list with one object a claim, its fields in the order of `ClaimResult`.

    A number that is not finite becomes null.
    """
    text = json.dumps([plain(asdict(claim)) for claim in claims], indent=2, ensure_ascii=False, allow_nan=False)
    return write_file(path, f"{text}\n".encode())


def write_table(path: str | Path, frame: "pd.DataFrame") -> Path:
    """Write the cells of a table as CSV (RFC 4180 with line feeds, UTF-8), numbers in full precision."""
    return write_file(path, frame.to_csv(index=False, lineterminator="\n").encode())


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a file as a whole or not at all; missing folders are created."""
    with whole_file(Path(path)) as partial:
        partial.write_bytes(content)
    return Path(path)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Provide the path of a file that takes the place of `path` when everything is written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"{path} could not be written: {reason}. Free space or choose another folder.") from error


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numpy's scalars and arrays as Python's, what is not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "values"):
        return plain(value.values)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def plain_number(value: Any) -> Any:
    """Return numpy's scalars as Python's, whose text is the shortest that reads back as the same number."""
    return value.item() if hasattr(value, "item") else value


def picture(figure: "Figure") -> tuple[str, bytes]:
    """Return ``png`` or ``svg``, and the bytes of such a file: SVG, or PNG for images and for many points."""
    kind = "png" if _is_dense(figure) else "svg"
    metadata: dict[str, None] = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "lrscope"}):  # reproducible ids
        figure.savefig(buffer, format=kind, dpi=DPI, facecolor="white", metadata=metadata)
    return kind, buffer.getvalue()


def size(image: bytes) -> tuple[int, int] | None:
    """Return width and height in CSS pixels, if the picture states them."""
    if image.startswith(PNG):
        width, height = struct.unpack(">II", image[16:24])
        return round(width * CSS_DPI / DPI), round(height * CSS_DPI / DPI)
    head = re.search(rb"<svg[^>]*>", image)
    stated = dict(re.findall(rb'\b(width|height)="([\d.]+)pt"', head.group())) if head else {}
    if len(stated) < 2:
        return None
    points = CSS_DPI / 72
    return round(float(stated[b"width"]) * points), round(float(stated[b"height"]) * points)


def _is_dense(figure: "Figure") -> bool:
    points = 0
    for ax in figure.axes:
        if ax.images or any(type(each).__name__ == "QuadMesh" for each in ax.collections):
            return True
        points += len(ax.patches) + sum(int(np.size(line.get_xdata())) for line in ax.lines)
        points += sum(int(np.size(each.get_offsets())) + sum(map(len, each.get_paths())) for each in ax.collections)
    return points > DENSE
