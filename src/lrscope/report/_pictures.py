"""Figures as the bytes of one file each: the same figure always gives the same bytes."""

import io
import re
import struct
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PNG = b"\x89PNG\r\n\x1a\n"
DPI = 150
CSS_DPI = 96
"""CSS pixels an inch."""
DENSE = 3000
"""A figure with more points than these is a PNG: as SVG it would be large, and slow to show."""


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
    """Tell whether a figure has an image, or many points."""
    points = 0
    for ax in figure.axes:
        if ax.images or any(type(each).__name__ == "QuadMesh" for each in ax.collections):
            return True
        points += len(ax.patches) + sum(int(np.size(line.get_xdata())) for line in ax.lines)
        points += sum(int(np.size(each.get_offsets())) + sum(map(len, each.get_paths())) for each in ax.collections)
    return points > DENSE
