"""The stores of MLflow and trackio, read as the plain files and SQLite tables that they are."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lrscope.errors import InputError
from lrscope.logs._rows import Curves, Run, curves_of, value_of

_DELETED = re.compile(r"^lifecycle_stage: *['\"]?deleted", re.MULTILINE)
_LARGEST = np.finfo(np.float64).max
"""What MLflow writes into its database for an infinite value."""


def is_mlflow(folder: Path) -> bool:
    """Tell whether a folder is an MLflow file store, or a part of one."""
    return any((file.parent / "metrics").is_dir() for file in folder.rglob("meta.yaml"))


def mlflow_files(folder: Path) -> Iterator[Run]:
    """Yield the runs of an MLflow file store: a file for each parameter, lines ``time value step`` of each metric."""
    for meta in sorted(folder.rglob("meta.yaml")):
        run = meta.parent
        is_deleted = ".trash" in run.parts or _DELETED.search(meta.read_text("utf-8"))
        if is_deleted or not (run / "metrics").is_dir():
            continue
        config = {file.name: value_of(file.read_text("utf-8").strip()) for file in _files(run / "params")}
        curves: Curves = {}
        for file in _files(run / "metrics"):
            words = [line.split() for line in file.read_text("utf-8").splitlines() if line.strip()]
            metric = file.relative_to(run / "metrics").as_posix()
            curves |= curves_of([{"step": row[2] if len(row) > 2 else 0, metric: row[1]} for row in words])
        yield Run(run.name, config, curves)


def _files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file()]


def tracked(path: Path) -> Iterator[Run]:
    """Yield the runs of a database of MLflow or trackio.

    Raises
    ------
    InputError : it is no database, or one of another program.
    """
    try:
        with closing(sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True)) as database:
            names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            if {"runs", "params", "metrics"} <= set(names):
                yield from _mlflow(database)
            elif {"metrics", "configs"} <= set(names):
                yield from _trackio(database)
            else:
                raise InputError(
                    f"{path} must be a database of MLflow or trackio; it has {', '.join(names) or 'nothing'}."
                )
    except sqlite3.DatabaseError as error:
        raise InputError(f"{path} must be a database of MLflow or trackio; {error}.") from error


def _mlflow(database: sqlite3.Connection) -> Iterator[Run]:
    metrics = pd.read_sql("SELECT run_uuid, key, value, step, is_nan FROM metrics ORDER BY timestamp", database)
    finite = metrics["value"].abs() < _LARGEST
    metrics["value"] = metrics["value"].where(finite, np.sign(metrics["value"]) * np.inf)
    metrics["value"] = metrics["value"].where(~metrics["is_nan"].astype(bool))
    params = pd.read_sql("SELECT run_uuid, key, value FROM params", database)
    for run, name, stage in database.execute("SELECT run_uuid, name, lifecycle_stage FROM runs"):
        if stage == "deleted":
            continue
        own = params[params["run_uuid"] == run]
        config = {key: value_of(value) for key, value in zip(own["key"], own["value"], strict=True)}
        curves: Curves = {}
        for key, rows in metrics[metrics["run_uuid"] == run].groupby("key"):
            curves |= curves_of(pd.DataFrame({"step": rows["step"].values, str(key): rows["value"].values}))
        yield Run(str(name or run), config, curves)


def _trackio(database: sqlite3.Connection) -> Iterator[Run]:
    configs = {run: json.loads(config) for run, config in database.execute("SELECT run_name, config FROM configs")}
    rows: dict[str, list[dict[str, Any]]] = {}
    for run, step, metrics in database.execute("SELECT run_name, step, metrics FROM metrics ORDER BY step, timestamp"):
        rows.setdefault(run, []).append({**json.loads(metrics), "step": step})
    for run, own in rows.items():
        config = {key: value for key, value in configs.get(run, {}).items() if not key.startswith("_")}
        yield Run(run, config, curves_of(own))
