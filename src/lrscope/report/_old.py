"""Parts of studies that are not declarations yet; goes when the last of them is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lrscope.errors import must_be
from lrscope.report._parts import ClaimResult as Claim

__all__ = ["Claim", "Interactive", "Table"]

Cell = str | int | float | bool | None


class Drawable(Protocol):
    """Whatever writes itself as plotly's JSON: a `plotly.graph_objects.Figure`."""

    def to_json(self) -> str:
        """Return the figure as plotly's JSON."""


@dataclass(frozen=True)
class Table:
    """Rows of cells under their columns; the first column names the rows.

    Raises
    ------
    InputError : a row has more or fewer cells than there are columns
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise must_be(f"a row of the table {self.title!r}", f"{len(self.columns)} cells long", tuple(row))


@dataclass(frozen=True)
class Interactive:
    """A plotly figure: one can hover, zoom and choose. It is drawn when the reader comes to it."""

    title: str
    caption: str
    figure: Drawable = field(repr=False)
