"""A report as one HTML file that opens offline, and as files that other programs read.

A `Report` is frozen data: a question, its answer in plain words, `ClaimResult` by `ClaimResult` what the source states
and what was measured, and `Section` by `Section` its tables, figures and animations. `write` makes the files. The page
asks the network for nothing, and the same report always gives the same bytes.
"""

from typing import TYPE_CHECKING

from lrscope._imported import lazy
from lrscope.report._parts import (
    Animation,
    ClaimResult,
    Figure,
    PointCommand,
    Report,
    Section,
    Table,
    array_of,
    dataset_of,
)

if TYPE_CHECKING:
    from lrscope.report._film import write_film
    from lrscope.report._write import Progress, draw, write

__all__ = [
    "Animation",
    "ClaimResult",
    "Figure",
    "PointCommand",
    "Progress",
    "Report",
    "Section",
    "Table",
    "array_of",
    "dataset_of",
    "draw",
    "write",
    "write_film",
]

__getattr__ = lazy(__name__, {"_film": ["write_film"], "_write": ["Progress", "draw", "write"]})  # needs matplotlib
