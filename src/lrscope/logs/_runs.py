"""Runs that exist: their configuration and their curves, from folders, tables and the databases of trackers."""

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from lrscope.errors import InputError
from lrscope.logs._files import EVENTS, FORMATS, hyperparameters, metric_files, read, read_folder, read_table
from lrscope.logs._rows import STEPS, Run, curves_of, steps_of, value_of
from lrscope.logs._trackers import is_mlflow, mlflow_files, tracked
from lrscope.logs._wandb import PATTERN as WANDB
from lrscope.logs._wandb import wandb_runs

DATABASES = ("*.db", "*.sqlite", "*.sqlite3")
TABLES = ("*.csv", "*.tsv", "*.parquet", "*.jsonl", "*.ndjson")
NAMES = ("run_id", "run", "run_name", "Name", "name", "ID", "id", "trial")
"""Columns that name a run; the first one that there is."""
RATES = ("lr", "learning_rate", "base_lr", "max_lr")
SEEDS = ("seed", "random_seed", "random_state", "manual_seed")
_PAIR = re.compile(r"(?<![A-Za-z0-9])([A-Za-z][A-Za-z_]*?)[=_-]?(\d[\d.]*(?:e[+-]?\d+)?)(?![A-Za-z0-9.])")
_YAML = re.compile(r"^([\w./-]+): *([^#\n{\[]+?) *$", re.MULTILINE)


def runs_of(source: Path, lr: str | None = None, seed: str | None = None) -> list[Run]:
    """Return the runs of a folder, a table or a database.

    A folder has a run for each of its folders with files of metrics (TensorBoard, Lightning, Hugging Face, CSV, JSON),
    or for each run of wandb or of an MLflow file store. The configuration is that of ``hparams.yaml``, ``config.json``,
    the hyperparameters in event files, and of the path: ``lr=0.1,seed=2`` or ``lr_0.1_seed_2``. A table has rows of
    several runs; a database is that of MLflow or trackio.

    Parameters
    ----------
    lr, seed : columns of a table; by default one of `RATES` and of `SEEDS`

    Raises
    ------
    InputError : there is no such file or folder, it has no runs, or nothing tells the runs of a table apart.
    """
    if not source.exists():
        raise InputError(f"SOURCE must be a folder or a file of runs; there is no {source}.")
    if source.match(WANDB) or any(source.rglob(WANDB)):
        _warn_of_others(source)
        runs = list(wandb_runs(source))
    elif source.is_dir():
        runs = list(mlflow_files(source) if is_mlflow(source) else _folders(source))
    elif any(source.match(pattern) for pattern in DATABASES):
        runs = list(tracked(source))
    elif any(source.match(pattern) for pattern in TABLES):
        runs = list(_rows(read_table(source), lr, seed))
    else:
        raise InputError(f"SOURCE must be a folder, or one of {', '.join((WANDB, *TABLES, *DATABASES))}; got {source}.")
    runs = [run for run in runs if run.curves]
    if not runs:
        raise InputError(
            f"SOURCE must hold runs; {source} has none. Known: {', '.join(FORMATS)}, wandb, MLflow, trackio."
        )
    named, seen = [], Counter[str]()
    for run in runs:
        seen[run.name] += 1
        named.append(replace(run, name=f"{run.name} ({seen[run.name]})") if seen[run.name] > 1 else run)
    return named


def _warn_of_others(source: Path) -> None:
    """Warn if a folder with runs of wandb has metrics beside theirs, which are left out."""
    own = {file.parent / "files" for file in source.rglob(WANDB)}
    others = [file for file in metric_files(source, 0.0) if not own & set(file.parents)]
    if others or is_mlflow(source):
        left_out = f"other metrics, such as {others[0]}," if others else "the runs of MLflow"
        message = f"{source} has runs of wandb; {left_out} are left out. Give their own folder to import them."
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def _folders(source: Path) -> Iterator[Run]:
    """Yield a run for each folder with files of metrics, or for each of several files that lie in the source itself."""
    files = list(metric_files(source, 0.0))
    own = [file for file in files if file.parent == source and not file.match(EVENTS)]
    if len(own) > 1 and len(own) == len(files):
        for file in own:
            yield Run(file.stem, _pairs(file.stem), read(file))
        return
    folders = (file.parent for file in files)
    holding = {folder.parent if folder.name.startswith("checkpoint-") else folder for folder in folders}
    for folder in sorted(holding):
        if not holding & set(folder.parents):
            name = folder.relative_to(source).as_posix()
            config = _pairs(name) | _written(folder)
            if not (named_as(config, RATES) and named_as(config, SEEDS)) and any(folder.rglob(EVENTS)):
                config |= hyperparameters(folder)  # which reads all events again
            yield Run(name, config, read_folder(folder))


def _pairs(text: str) -> dict[str, Any]:
    """Return what a path says: ``lr=0.1,seed=2``, ``lr_0.1_seed_2`` or ``lr0.1-seed2``."""
    return {name.strip("_"): value_of(value) for name, value in _PAIR.findall(text)}


def _written(folder: Path) -> dict[str, Any]:
    """Return the configuration that lies in the folder of a run."""
    config: dict[str, Any] = {}
    for name in ("config.json", "params.json", "args.json", "hparams.json"):
        try:
            loaded = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        config |= {key: value for key, value in loaded.items() if isinstance(value, str | int | float)}
    if (folder / "hparams.yaml").exists():
        config |= {key: value_of(value) for key, value in _YAML.findall((folder / "hparams.yaml").read_text("utf-8"))}
    return config


def _rows(table: pd.DataFrame, lr: str | None, seed: str | None) -> Iterator[Run]:
    """Yield the runs of a table: a row or several for each, or a column for each as charts of wandb are exported."""
    charts = [str(name).rpartition(" - ") for name in table.columns]
    if any(between for _, between, _ in charts) and not {lr, *RATES} & set(table.columns):
        steps = table[[name for name in table.columns if str(name).lower() in STEPS]]
        for run in dict.fromkeys(name for name, between, _ in charts if between):
            own = {f"{run} - {metric}": metric for name, _, metric in charts if name == run}
            kept = {column: metric for column, metric in own.items() if not metric.endswith(("__MIN", "__MAX"))}
            yield Run(run, _pairs(run), curves_of(pd.concat([steps, table[list(kept)].rename(columns=kept)], axis=1)))
        return
    for name, rows in _grouped(table, lr or named_as(table, RATES), seed or named_as(table, SEEDS)):
        constant = rows.loc[:, rows.astype(str).nunique() == 1]
        config = {str(key): _plain(column.iloc[0]) for key, column in constant.items()}
        yield Run(name, config, curves_of(rows.reset_index(drop=True)))


def _grouped(table: pd.DataFrame, lr: str | None, seed: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and rows of each run: those of one name, else of one rate and seed; a row each, if there is no step.

    Raises
    ------
    InputError : rows of one run have several seeds, or several values of a metric at one step.
    """
    named = next((name for name in NAMES if name in table), None)
    if not any(str(name).lower() in STEPS and table[name].nunique() > 1 for name in table):
        names = table[named] if named else [f"row {number + 1}" for number in range(len(table))]
        yield from ((str(name), table.iloc[[place]]) for place, name in enumerate(names))
        return
    keys = [named] if named else [name for name in (lr, seed) if name in table]
    groups: Any = table.groupby(keys, sort=False, dropna=False) if keys else [((), table)]
    for values, rows in groups:
        name = str(values[0]) if named else ", ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        sign = _of_several(rows, seed)
        if sign is not None:
            remedy = "Add a column `run` with the name of each run." if named is None else "Give each run its own name."
            raise InputError(f"the rows of {name} must be those of one run; {sign}. {remedy}")
        yield name, rows


def _of_several(rows: pd.DataFrame, seed: str | None) -> str | None:
    """Return what shows that rows are of several runs: two seeds, or two values at one step; None if nothing does."""
    if seed in rows and rows[seed].nunique() > 1:
        return f"they have several values of {seed}"
    steps = steps_of(rows.reset_index(drop=True))
    if len(set(steps)) == len(steps):
        return None
    for name in (name for name in rows.columns if str(name).lower() not in STEPS):
        cells = pd.DataFrame({"step": steps, "value": rows[name].astype(str).values})
        cells = cells[(rows[name].notna() & (rows[name] != "")).values].drop_duplicates()
        if cells["step"].duplicated().any():
            return f"{name} has several values at one step"
    return None


def named_as(names: Any, known: tuple[str, ...]) -> str | None:
    """Return which of some names is meant by a known one, also as the end of a longer one: ``optimizer.lr``."""
    words = list(map(str, names))
    exact = next((one for one in known if one in words), None)
    ends = [word for word in words if re.split(r"[./]", word.lower())[-1].replace("-", "_") in known]
    return exact or (ends[0] if ends else None)


def _plain(cell: Any) -> Any:
    return value_of(cell) if isinstance(cell, str) else getattr(cell, "item", lambda: cell)()
