"""Claims and tables as files for other programs. A file is there as a whole or not at all."""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrscope.errors import StoreError
from lrscope.report._parts import ClaimResult

if TYPE_CHECKING:
    import pandas as pd


def write_claims(path: str | Path, claims: Sequence[ClaimResult]) -> Path:
    """Write ``claims.json``: a list with one object a claim, its fields in the order of `ClaimResult`.

    A number that is not finite becomes null.

    Raises
    ------
    StoreError : the file cannot be written
    """
    text = json.dumps([plain(asdict(claim)) for claim in claims], indent=2, ensure_ascii=False, allow_nan=False)
    return write_file(path, f"{text}\n".encode())


def write_table(path: str | Path, frame: "pd.DataFrame") -> Path:
    """Write the cells of a table as CSV (RFC 4180 with line feeds, UTF-8), numbers in full precision.

    Raises
    ------
    StoreError : the file cannot be written
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False))
    return write_file(path, text.getvalue().encode())


def write_file(path: str | Path, content: bytes) -> Path:
    """Write a file so that nobody ever sees half of it; folders that are missing are made."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"{path} could not be written: {reason}. Free space or choose another folder.") from error
    return path


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
