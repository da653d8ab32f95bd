"""What a report is made of: declarations without markup. Every text is plain text and is escaped on the page.

`Figure`, `Animation` and `Table` say how they are made from the results of a study, an `xarray.DataTree`; nothing is
drawn or computed before a report is written.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from lrscope.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True)
class PointCommand:
    """The command that the page shows for a point of a figure that is clicked.

    Attributes
    ----------
    command : with ``{x}`` and ``{y}``, where the values of the point stand
    x, y : values at both ends of the axes
    box : left, bottom, width and height of the axes, as shares of the picture, as in matplotlib
    logarithmic : whether x and y are
    """

    command: str
    x: tuple[float, float]
    y: tuple[float, float]
    box: tuple[float, float, float, float]
    logarithmic: tuple[bool, bool] = (True, True)


@dataclass(frozen=True)
class Figure:
    """A figure that matplotlib draws.

    Attributes
    ----------
    name : of its file, ``figures/<name>.svg`` or ``.png``
    title, caption : what is shown; how to read it
    draw : returns the matplotlib figure of the results; any callable
    appendix : if true, only `lrscope figures` draws it, and the page names it
    point : the command for a point that is clicked
    """

    name: str
    title: str
    caption: str
    draw: "Callable[[xr.DataTree], Drawing]" = field(repr=False)
    appendix: bool = False
    point: PointCommand | None = None


@dataclass(frozen=True)
class Animation:
    """A film, written beside the figures as MP4 (or GIF, without ffmpeg); the page names its file.

    Attributes
    ----------
    name : of its file, ``figures/<name>.mp4`` or ``.gif``
    title, caption : what is shown; how to read it
    draw : returns the frames for the results, pictures of one size (height, width, 3) of bytes; any callable
    appendix : if true, only `lrscope figures` draws it
    """

    name: str
    title: str
    caption: str
    draw: Callable[[xr.DataTree], Iterable[np.ndarray]] = field(repr=False)
    appendix: bool = True


@dataclass(frozen=True)
class Table:
    """A table, in the page and as ``tables/<name>.csv``.

    Attributes
    ----------
    name : of its file
    title : what it lists
    of : path in the results, or a callable that returns a Dataset, DataArray or DataFrame of the results
    index : dimensions whose combinations are the rows, outermost first; all dimensions by default
    columns : variable, dimension or other coordinate -> heading, in the order of the columns; dimensions that are not
        named come first, under their own names. By default all variables, under their ``long_name``
    note : how to read it

    Rows without any value are left out, unless all are.
    """

    name: str
    title: str
    of: "str | Callable[[xr.DataTree], Any]" = field(repr=False)
    index: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def frame(self, results: xr.DataTree) -> "pd.DataFrame":
        """Return the rows under their headings; None where there is no number, or none that is finite.

        Raises
        ------
        InputError : a column or path does not exist.
        """
        data = _at(results, self.of) if isinstance(self.of, str) else self.of(results)
        data = data.to_dataset() if isinstance(data, xr.DataTree) else data
        if isinstance(data, xr.DataArray):
            data = data.to_dataset(name=data.name or "value")
        headings = dict(self.columns)
        known = [*map(str, data.variables), *map(str, data.dims)] if isinstance(data, xr.Dataset) else list(data)
        for name in headings:
            if name not in known:
                raise unknown(f"a column of the table {self.name!r}", name, known)
        if isinstance(data, xr.Dataset):
            names = {str(name): str(array.attrs.get("long_name", name)) for name, array in data.data_vars.items()}
            headings = headings or {name: text.replace("_", " ") for name, text in names.items()}
            dims = [*self.index, *(str(dim) for dim in data.dims if dim not in self.index)]
            headings = {dim: dim for dim in dims if dim in data.coords and dim not in headings} | headings
            data = _rows(data, [str(name) for name in data if name in headings], dims)
        if not headings:
            return _plain(data)
        return _plain(data[list(headings)]).set_axis(list(headings.values()), axis=1)


def array_of(results: xr.DataTree, path: str) -> xr.DataArray:
    """Return the variable at a path of the results: ``rates/score``.

    Raises
    ------
    InputError : there is none; the nearest path is given.
    """
    item = _at(results, path)
    if not isinstance(item, xr.DataArray):
        raise unknown("a variable of the results", path, _paths(results))
    return item


def dataset_of(results: xr.DataTree, path: str) -> xr.Dataset:
    """Return the variables of the node at a path of the results: ``rates``.

    Raises
    ------
    InputError : there is none; the nearest path is given.
    """
    item = _at(results, path)
    if not isinstance(item, xr.DataTree):
        raise unknown("a node of the results", path, _paths(results))
    return item.to_dataset()


def _at(results: xr.DataTree, path: str) -> xr.DataTree | xr.DataArray:
    try:
        return results[path]
    except KeyError:
        raise unknown("a path of the results", path, _paths(results)) from None


def _paths(results: xr.DataTree) -> list[str]:
    nodes = {node.path.strip("/"): node for node in results.subtree}
    return [*filter(None, nodes), *(f"{path}/{name}".strip("/") for path in nodes for name in nodes[path].data_vars)]


def _rows(data: xr.Dataset, values: Sequence[str], dims: list[str]) -> "pd.DataFrame":
    """Return a row for each combination of the dimensions at which some variable has a value."""
    chosen = data[list(values)]
    frame = chosen.to_dataframe(dim_order=dims) if dims else chosen.expand_dims("row").to_dataframe()
    known = frame[list(values)].notna().any(axis=1)
    return (frame[known] if known.any() else frame).reset_index()


_COUNTS = 2.0**53
"""Floats from here on are all whole numbers: they are no counts."""


def _plain(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return Python's own numbers and texts: whole ones as int, None where there is none."""
    cells = frame.astype(object).where(frame.notna(), None)
    for place in range(cells.shape[1]):
        column = [None if isinstance(cell, float) and not isfinite(cell) else cell for cell in cells.iloc[:, place]]
        numbers = [cell for cell in column if isinstance(cell, float)]
        if numbers and all(number.is_integer() and abs(number) < _COUNTS for number in numbers):
            column = [int(cell) if isinstance(cell, float) else cell for cell in column]
        cells.isetitem(place, np.array([*column, None], dtype=object)[:-1])
    return cells


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    title : also its line in the table of contents
    text : paragraphs, separated by empty lines
    items : what it shows, in order
    collapsed : whether the reader has to open it
    """

    title: str
    text: str = ""
    items: Sequence[Figure | Animation | Table] = ()
    collapsed: bool = False


@dataclass(frozen=True)
class ClaimResult:
    """One statement of the source that can be checked, and the result of the check.

    Attributes
    ----------
    id : short, unique in its report: ``counts-encoder``
    source : where it is stated: ``section 4.1, table 2``
    statement : in words, as the source means it
    published, measured : the two numbers, or texts, or lists of them
    tolerance : how far they may differ, a number or in words
    holds : whether it holds here; None if it could not be checked
    note : what a reader must know, such as why it could not be checked
    agree : how many repetitions agree: ``3 of 4 seeds``
    rule : how many must agree: ``more than half of the seeds``
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
    rule: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that the page says.

    Attributes
    ----------
    title, question : what was done, and to learn what
    summary : the result in plain words, one text a paragraph
    claims, sections : see `ClaimResult` and `Section`
    results : what figures and tables are made of
    experiment : the experiment's JSON form
    command : the line to type to get the same again
    metadata : versions, machine, dates: name -> text
    again : what the command does
    draw : the command that draws the figures of the appendix
    source : reference of what is reproduced

    Raises
    ------
    InputError : two items have one name.
    """

    title: str
    question: str
    summary: Sequence[str]
    claims: Sequence[ClaimResult]
    sections: Sequence[Section]
    results: xr.DataTree = field(default_factory=xr.DataTree)
    experiment: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    again: str = "This command trains the same networks again and writes this report."
    draw: str = "lrscope figures DIR"
    source: str = ""

    def __post_init__(self) -> None:
        names = [(isinstance(item, Table), item.name) for item in self.items]
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated:
            raise InputError(f"Two items of the report are named {repeated[1]!r}. Give each a name of its own.")

    @property
    def items(self) -> list[Figure | Animation | Table]:
        """Everything that the sections show."""
        return [item for section in self.sections for item in section.items]
