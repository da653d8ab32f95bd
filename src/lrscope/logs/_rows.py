"""From the rows of a log to a curve for each metric."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

Curves = dict[str, "pd.Series[float]"]
"""Metric -> its values (float64) by step (int64), ascending; NaN is a value that was not a number."""
STEPS = ("step", "global_step", "_step", "iteration", "iter", "update", "updates", "epoch")
"""Columns that number the rows; the first one that there is."""


@dataclass(frozen=True)
class Run:
    """A training that exists, as its tools have logged it.

    Attributes
    ----------
    name : of the run in its source; of several with the same name the later ones are numbered
    config : numbers and texts
    curves : metric -> values by step
    """

    name: str
    config: Mapping[str, Any]
    curves: Curves


def curves_of(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> Curves:
    """Return the curve of each column that holds numbers.

    An empty cell is no value; ``nan`` and ``inf`` are values. Of several values of a metric at one step the last one
    counts. A row without a step belongs to the step before it; where no column numbers the rows, their positions do.

    Parameters
    ----------
    rows : one a line of the log; cells are numbers or texts

    Examples
    --------
    >>> curves_of([{"step": 5, "loss": "0.5"}, {"step": 10, "loss": "nan", "model": "tiny"}])["loss"].to_dict()
    {5: 0.5, 10: nan}
    """
    table = rows if isinstance(rows, pd.DataFrame) else table_of(rows)
    steps = steps_of(table)
    curves: Curves = {}
    for name in map(str, table.columns):
        column = _numbers(table[name]) if name.lower() not in STEPS else None
        if column is not None:
            values = pd.Series(column.values, index=steps[column.index])
            curves[name] = values[~values.index.duplicated(keep="last")].sort_index()
    return curves


def table_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table; None, not NaN, stands where a row has no such value."""
    flat = [flattened(row) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return pd.DataFrame({name: pd.Series([row.get(name) for row in flat], dtype=object) for name in names})


def flattened(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a row with the names of nested values joined by a dot."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def steps_of(table: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the step of each row; its position, where no column numbers the rows."""
    for name in STEPS:
        own = next((column for column in table.columns if str(column).lower() == name), None)
        column = None if own is None else _numbers(table[own])
        if column is not None and np.isfinite(column).all() and (column % 1 == 0).all():
            return np.asarray(column.reindex(range(len(table))).ffill().fillna(0), dtype=np.int64)
    return np.arange(len(table), dtype=np.int64)


def _numbers(column: "pd.Series[Any]") -> "pd.Series[float] | None":
    """Return the cells that are not empty as numbers, by their place; None if there are none, or one is no number."""
    cells = column.reset_index(drop=True)
    if cells.dtype.kind in "fiu":
        numbers = cells.astype(np.float64)
        return numbers if len(numbers) else None
    try:
        known = {place: _number(cell) for place, cell in enumerate(cells) if cell is not None and cell != ""}
    except ValueError:
        return None
    return pd.Series(known, dtype=np.float64) if known else None


def _number(cell: Any) -> float:
    if isinstance(cell, bool) or not isinstance(cell, str | float | int | np.number):
        raise ValueError("not a number")
    try:
        return float(cell)  # of a text, too: "1e-3", " NaN ", "-Infinity"
    except OverflowError:  # an integer beyond float64, as infinite as its text
        return float(str(cell))


def value_of(text: str) -> Any:
    """Return a text as the number that it is, or without its quotes."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("'\"")
