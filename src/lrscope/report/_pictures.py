"""Still figures as bytes: the same figure always gives the same bytes."""

import io
import re
import struct
from typing import TYPE_CHECKING

import matplotlib as mpl

from lrscope.errors import must_be

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

PNG = b"\x89PNG\r\n\x1a\n"
DPI = 200
PIXELS_AN_INCH = 96
"""CSS pixels."""
PADDING = 0.1
"""Inches of white around a picture."""
LARGE = 100_000
"""Bytes above which a picture of the page is a PNG instead of an SVG, if that is smaller."""


def png(figure: "Figure") -> bytes:
    """Return a matplotlib figure as the bytes of a PNG file, 200 dots an inch."""
    return _saved(figure, "png", {"Software": None})


def svg(figure: "Figure") -> bytes:
    """Return a matplotlib figure as the bytes of an SVG file, without date and with reproducible ids."""
    with mpl.rc_context({"svg.hashsalt": "lrscope"}):
        return _saved(figure, "svg", {"Date": None, "Creator": None})


def compact(figure: "Figure") -> bytes:
    """Return the SVG of a figure, or its PNG where the SVG is large and the PNG is not."""
    drawn = svg(figure)
    return drawn if len(drawn) <= LARGE else smaller(drawn, png(figure))


def smaller(svg: bytes, png: bytes) -> bytes:
    """Return the SVG of a figure, or its PNG where the SVG is large and the PNG is smaller."""
    return svg if len(svg) <= LARGE else min(svg, png, key=len)


def kind(image: bytes) -> str:
    """Return the media type of a picture: ``image/png`` or ``image/svg+xml``."""
    if image.startswith(PNG):
        return "image/png"
    if b"<svg" in image[:2000]:
        return "image/svg+xml"
    raise must_be("image", "the bytes of a PNG or SVG file", image[:12])


def size(image: bytes) -> tuple[int, int] | None:
    """Return width and height in CSS pixels, if the picture states them."""
    if image.startswith(PNG):
        width, height = struct.unpack(">II", image[16:24])
        return round(width * PIXELS_AN_INCH / DPI), round(height * PIXELS_AN_INCH / DPI)
    head = re.search(rb"<svg[^>]*>", image)
    stated = dict(re.findall(rb'\b(width|height)="([\d.]+)pt"', head.group())) if head else {}
    if len(stated) < 2:
        return None
    points = PIXELS_AN_INCH / 72
    return round(float(stated[b"width"]) * points), round(float(stated[b"height"]) * points)


def _saved(figure: "Figure", form: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    box = _settled(figure)
    figure.savefig(buffer, format=form, dpi=DPI, bbox_inches=box, facecolor="white", metadata=metadata)
    return buffer.getvalue()


def _settled(figure: "Figure") -> "Bbox":
    """Return the inches that the figure fills, its layout worked out once: that takes longer than to draw it."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure.get_tightbbox().padded(PADDING)
