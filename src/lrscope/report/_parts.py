"""What a report is made of. Frozen data without any markup: every text is plain text and is escaped on the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lrscope.errors import must_be
from lrscope.report._pictures import compact, kind, smaller

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

Cell = str | int | float | bool | None


class Drawable(Protocol):
    """Whatever writes itself as plotly's JSON: a `plotly.graph_objects.Figure`."""

    def to_json(self) -> str:
        """Return the figure as plotly's JSON."""


@dataclass(frozen=True)
class Claim:
    """One statement of the source that can be checked, and what the check gave.

    Attributes
    ----------
    id : short, unique in its report: ``counts-encoder``
    source : where it is stated: ``section 4.1, table 2``
    statement : in words, as the source means it
    published, measured : the two numbers, or texts, or lists of them
    tolerance : how far apart they may be, a number or in words
    holds : whether it holds here; None if it could not be checked
    note : what a reader must know beside it, such as why it could not be checked
    agree : how many repetitions agree: ``3 of 4 seeds``
    """

    id: str
    source: str
    statement: str
    published: Any
    measured: Any
    tolerance: Any
    holds: bool | None
    note: str = ""
    agree: str = ""

    def __post_init__(self) -> None:
        if self.holds is not None:  # comparisons of arrays give numpy's bool, which `is True` does not know
            object.__setattr__(self, "holds", bool(self.holds))


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
class Picture:
    """A still figure.

    Attributes
    ----------
    title, caption : what is shown; what to see in it
    image : the bytes of a PNG or SVG file
    alt : for those who cannot see it; the title if empty

    Raises
    ------
    InputError : the bytes are neither PNG nor SVG
    """

    title: str
    caption: str
    image: bytes = field(repr=False)
    alt: str = ""

    def __post_init__(self) -> None:
        kind(self.image)

    @classmethod
    def from_files(cls, title: str, caption: str, svg: "Path", png: "Path") -> "Picture":
        """Return a figure that was written as both as a picture: sharp as SVG, or as PNG where the SVG is large."""
        return cls(title, caption, smaller(svg.read_bytes(), png.read_bytes()))

    @classmethod
    def of(cls, figure: "Figure", title: str, caption: str, alt: str = "") -> "Picture":
        """Return a matplotlib figure as a picture: sharp as SVG, or as PNG where the SVG would be large."""
        return cls(title, caption, compact(figure), alt)


@dataclass(frozen=True)
class Interactive:
    """A plotly figure: one can hover, zoom and choose. It is drawn when the reader comes to it."""

    title: str
    caption: str
    figure: Drawable = field(repr=False)


@dataclass(frozen=True)
class Section:
    """A chapter of the report.

    Attributes
    ----------
    title : also its line in the table of contents
    text : paragraphs, parted by empty lines
    items : what it shows, in order
    collapsed : whether the reader has to open it, as for appendices
    """

    title: str
    text: str = ""
    items: Sequence[Table | Picture | Interactive] = ()
    collapsed: bool = False


@dataclass(frozen=True)
class Report:
    """Everything that the page says.

    Attributes
    ----------
    title, question : what was done, and to learn what
    summary : what was found, in plain words, one text a paragraph
    claims, sections : see `Claim` and `Section`
    experiment : the experiment's JSON form
    command : the line to type to get the same again
    metadata : versions, machine, dates: name -> text
    again : what the command does
    """

    title: str
    question: str
    summary: Sequence[str]
    claims: Sequence[Claim]
    sections: Sequence[Section]
    experiment: Mapping[str, Any]
    command: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    again: str = "This command trains the same networks again and writes this report."


def verdict(claims: Sequence[Claim]) -> str:
    """Return in words how many claims hold.

    Examples
    --------
    >>> found = [True, True, False, None]
    >>> verdict([Claim(str(n), "", "", 0, 0, 0, holds) for n, holds in enumerate(found)])
    '2 of 4 statements hold, 1 does not hold, 1 could not be checked.'
    """
    if not claims:
        return "No statements were checked."
    holding, failing, unchecked = (sum(claim.holds is state for claim in claims) for state in (True, False, None))
    noun = "statement" if len(claims) == 1 else "statements"
    words = [f"{holding} of {len(claims)} {noun} {'holds' if 1 in (holding, len(claims)) else 'hold'}"]
    if failing:
        words.append(f"{failing} {'does' if failing == 1 else 'do'} not hold")
    if unchecked:
        words.append(f"{unchecked} could not be checked")
    return ", ".join(words) + "."
