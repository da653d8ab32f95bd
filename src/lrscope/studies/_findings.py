"""What a study found, before it is written down."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import hist
from matplotlib.figure import Figure

from lrscope.report._old import Claim, Interactive, Table


@dataclass(frozen=True)
class Still:
    """A matplotlib figure, the name of its files, and the words that go with it.

    It is drawn when it is written, in a process of its own if there are many: `draw` must be picklable.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Moving:
    """A film and the name of its file; it is not part of the page. `draw` must be picklable, as that of a `Still`."""

    name: str
    draw: Callable[[], Any]


@dataclass(frozen=True)
class Listed:
    """A table and the name of its file.

    Attributes
    ----------
    name, table : of the file
    shown : what stands in the page instead, where the columns of the file are made for programs
    """

    name: str
    table: Table
    shown: Table | None = None


@dataclass(frozen=True)
class Chapter:
    """A section of the report, its figures and tables still to be written."""

    title: str
    text: str = ""
    items: Sequence[Still | Listed | Interactive] = ()
    collapsed: bool = False


@dataclass(frozen=True)
class Findings:
    """Everything that a study found.

    Attributes
    ----------
    title, question : of the report
    summary : in plain words, one text a paragraph
    claims : each statement of the source, checked
    chapters : what is shown
    films : written beside the figures
    histograms : name -> histogram, for ``histograms.root``
    """

    title: str
    question: str
    summary: Sequence[str]
    claims: Sequence[Claim]
    chapters: Sequence[Chapter]
    films: Sequence[Moving] = ()
    histograms: Mapping[str, hist.Hist[Any]] = field(default_factory=dict)
