"""Files that hold metrics: which there are in a folder, and how each is read."""

import importlib
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from lrscope import store
from lrscope.errors import InputError, LrscopeError
from lrscope.logs._rows import Curves, curves_of, table_of
from lrscope.records import MEMBER, STEP

EVENTS = "events.out.tfevents.*"
_POINT, _COMMA = (re.compile(rf"\s*[+-]?\d*{mark}\d+(e[+-]?\d+)?\s*", re.IGNORECASE) for mark in (r"\.", ","))
"""A number with a decimal point, or with a decimal comma."""


def read(path: Path) -> Curves:
    """Return the curves of one file; of an event file those of all event files beside it.

    Raises
    ------
    InputError : there is no such file, its name is of no known format, or it is not what its name says.
    """
    reader = next((reader for pattern, reader in FORMATS.items() if path.match(pattern)), None)
    if reader is None:
        raise InputError(f"a file of metrics must be one of {', '.join(FORMATS)}; got {path}.")
    with _readable(path):
        return reader(path)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what reading a file raises into an `InputError`."""
    try:
        yield
    except LrscopeError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path} must be a file of metrics; there is none.") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as its name says: {reason or type(error).__name__}.") from error


def read_folder(folder: Path, since: float = 0.0) -> Curves:
    r"""Return the curves of all files of metrics below a folder; files that cannot be read are left out.

    Where several files have the same metric, that which comes farther counts, such as the last of several checkpoints.

    Parameters
    ----------
    since : seconds since the epoch; files that were not changed after it are left out

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "metrics.csv").write_text("step,val_loss\n1,0.5\n2,0.25\n")
    ...     read_folder(Path(folder))["val_loss"].tolist()
    [0.5, 0.25]
    """
    curves: Curves = {}
    for path in metric_files(folder, since):
        try:
            more = read(path)
        except LrscopeError:  # a file of that name that holds something else
            continue
        for name, curve in more.items():
            known = curves.get(name)
            if known is None or (curve.index[-1], len(curve)) >= (known.index[-1], len(known)):
                curves[name] = curve
    return curves


def metric_files(folder: Path, since: float) -> Iterator[Path]:
    """Yield the files of metrics below a folder; of event files one for each folder."""
    seen: set[Path] = set()
    for pattern in SEARCHED:
        for path in sorted(folder.rglob(pattern)):
            group = path.parent if pattern == EVENTS else path
            if group not in seen and path.is_file() and path.stat().st_mtime >= since:
                seen.add(group)
                yield path


def read_table(path: Path) -> pd.DataFrame:
    """Return a file of rows as a table: CSV, JSON lines or Parquet.

    Raises
    ------
    InputError : it is not what its name says, or the library that reads it is missing.
    """
    with _readable(path):
        if path.suffix in (".csv", ".tsv"):
            return _csv(path.read_text(encoding="utf-8-sig"))
        if path.suffix == ".parquet":
            try:
                return pd.read_parquet(path)
            except ImportError:
                raise InputError(f"{path} needs the library pyarrow. Install it: pip install pyarrow") from None
        return table_of(json_rows(path.read_text(encoding="utf-8")))


def _csv(text: str) -> pd.DataFrame:
    """Return a table of texts, separated by what its head has most of; lines that begin with # are comments."""
    lines, quoted = [], False  # a cell in quotes may have several lines
    for line in text.splitlines(keepends=True):
        if quoted or not line.startswith("#"):
            lines.append(line)
            quoted ^= line.count('"') % 2 == 1
    head = re.sub(r'"[^"]*"', "", next(filter(str.strip, lines), ""))
    separator = max(",;\t", key=head.count)
    own = io.StringIO("".join(lines))
    table = pd.read_csv(own, sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True)
    table = table.rename(columns=str.strip)
    return table if separator == "," else _with_points(table)


def _with_points(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with points for decimal commas, unless a number with a point says that they are none."""
    if any(_POINT.fullmatch(str(cell)) for cell in table.to_numpy().ravel()):
        return table
    return table.map(lambda cell: cell.replace(",", ".") if _COMMA.fullmatch(str(cell)) else cell)


def _rows(path: Path) -> Curves:
    return curves_of(read_table(path))


def json_rows(text: str) -> list[dict[str, Any]]:
    """Return the objects of JSON lines; a last line that was cut off is left out."""
    lines = [line for line in text.splitlines() if line.strip()]
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError:
            if number < len(lines):
                raise
    return [row for row in rows if isinstance(row, dict)]


def _json(path: Path) -> Curves:
    """Return the curves of JSON: one object, a list of them, lines of them, or a Hugging Face trainer's state."""
    text = path.read_text(encoding="utf-8")
    try:
        whole = json.loads(text)
    except ValueError:
        return curves_of(json_rows(text))
    if isinstance(whole, dict) and isinstance(whole.get("log_history"), list):
        whole = whole["log_history"]
    return curves_of([row for row in (whole if isinstance(whole, list) else [whole]) if isinstance(row, dict)])


def _events(path: Path) -> Curves:
    curves: Curves = _tensorboard().scalars(path.parent)
    return curves


def hyperparameters(folder: Path) -> dict[str, Any]:
    """Return the hyperparameters in the event files below a folder, as TensorBoard's plugin of that name has them."""
    config: dict[str, Any] = {}
    for path in sorted({file.parent for file in folder.rglob(EVENTS)}):
        config |= _tensorboard().hyperparameters(path)
    return config


def _tensorboard() -> Any:
    """Return the file that imports TensorBoard, which is an extra."""
    try:
        module = importlib.import_module("lrscope.logs._events")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "tensorboard":
            raise
        remedy = 'Install it: pip install "lrscope[tensorboard]"'
        raise InputError(f"TensorBoard's event files need the library tensorboard. {remedy}") from None
    return module


def _records(path: Path) -> Curves:
    """Return what a Recorder's file has as one number a step for the whole network."""
    records = store.open_records(path)
    if records.sizes[MEMBER] != 1:
        raise InputError(f"{path} must hold one training; it has {records.sizes[MEMBER]}.")
    curves: Curves = {}
    for name, array in records.isel({MEMBER: 0}).data_vars.items():
        if len(array.dims) == 1 and str(array.dims[0]).startswith(STEP) and array.dtype.kind == "f":
            curves[str(name)] = pd.Series(array.values.astype(float), index=array[array.dims[0]].values)
    return curves


FORMATS: dict[str, Callable[[Path], Curves]] = {
    "*.csv": _rows,
    "*.tsv": _rows,
    "*.jsonl": _rows,
    "*.ndjson": _rows,
    "*.json": _json,
    "*.parquet": _rows,
    EVENTS: _events,
    "*.root": _records,
}
"""Pattern of a file's name -> what reads it."""
SEARCHED = (
    *("*.csv", "*.tsv", "*.jsonl", "*.ndjson", "*.parquet", EVENTS, "*.root"),
    *("trainer_state.json", "*metrics*.json", "*results*.json", "*history*.json", "*log*.json"),
)
"""What is looked for in a folder: of JSON only what is not likely a configuration."""
