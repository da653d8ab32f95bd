"""A grid of trainings by command, described."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from lrscope.commands._process import Place
from lrscope.commands._records import diverged_at
from lrscope.commands._template import filled, placeholders
from lrscope.errors import InputError, unknown
from lrscope.logs import Curves, compiled, printed, read, read_folder
from lrscope.records import MEMBER
from lrscope.specification import specification, to_json
from lrscope.sweep import Sweep

OUT, SEED, LR = "out", "seed", "lr"
STDOUT = "stdout:"
NO = "no"
"""How the end of a training begins that lacks what it is compared by."""


@specification
class Trainings:
    """Trainings by command, one for each combination of a grid.

    Attributes
    ----------
    command : program and arguments; ``{lr}``, ``{seed}`` and other axes of the sweep are filled in, and ``{out}``, a
        folder of the training's own
    sweep : the grid, with the axis ``lr``
    metric : by what trainings are compared
    read : where metrics are: None for all files of metrics in ``{out}``, a file or folder whose path has placeholders,
        or ``stdout:`` and a regular expression
    step : whose value of the metric counts; None for the last or best one, whichever it is
    timeout : seconds after which a training is ended; None for no limit
    jobs : trainings at a time; None for one, or one a GPU

    Raises
    ------
    InputError : a placeholder that is no axis, one that is missing, or a pattern that is none.
    """

    command: tuple[str, ...]
    sweep: Sweep
    metric: str
    read: str | None = None
    step: int | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    jobs: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "Trainings":
        check_command(self.command, {name: len(values) for name, values in self.sweep.axes.items()}, self.read)
        return self

    def __len__(self) -> int:
        return len(self.sweep)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, without what only says how it is run."""
        form: dict[str, Any] = to_json(self)
        return {name: value for name, value in form.items() if name not in ("timeout", "jobs")}

    def labels(self) -> list[dict[str, Any]]:
        """Return the value of each axis for each training."""
        columns = self.sweep.members()
        axes = {name: columns[name].tolist() for name in self.sweep.axes}
        return [{name: values[number] for name, values in axes.items()} for number in range(len(columns[MEMBER]))]

    def arguments(self, labels: Mapping[str, Any], out: Path) -> list[str]:
        """Return the command line of one training."""
        values = texts(labels, out)
        return [filled(argument, values) for argument in self.command]

    def curves(self, labels: Mapping[str, Any], place: Place, folder: Path, since: float) -> Curves:
        """Return the metrics that a training has left.

        Parameters
        ----------
        place : its folder
        folder : where the command was started
        since : when it began; older files are not its own

        Raises
        ------
        InputError : the file of `read` cannot be read.
        """
        out = place.out.resolve()
        if self.read is None:
            return read_folder(out, since)
        if self.read.startswith(STDOUT):
            pattern = compiled(self.read.removeprefix(STDOUT))
            return printed(place.output.read_text(encoding="utf-8", errors="replace"), pattern, self.metric)
        path = Path(folder, filled(self.read, texts(labels, out)))
        if path.is_dir():
            return read_folder(path, since)
        if not path.exists() or path.stat().st_mtime < since:
            return {}
        return read(path)

    def missing(self, curves: Curves) -> str:
        """Say what the metrics of a training lack to be compared; empty if nothing."""
        if self.metric not in curves:
            return f"{NO} metric {self.metric}"
        curve = curves[self.metric]
        if self.step is None or self.step in curve.index or 0 <= diverged_at(curve) <= self.step:
            return ""
        return f"{NO} {self.metric} at step {self.step}"


def texts(labels: Mapping[str, Any], out: Path) -> dict[str, str]:
    """Return what is filled in for each placeholder."""
    return {OUT: str(out), **{name: str(value) for name, value in labels.items()}}


def name_of(labels: Mapping[str, Any]) -> str:
    """Return the name of a training's folder.

    Examples
    --------
    >>> name_of({"lr": 0.001, "schedule": "cosine", "seed": 0})
    'lr=0.001,schedule=cosine,seed=0'
    """
    return re.sub(r"[^\w.,=+-]", "_", ",".join(f"{name}={value}" for name, value in labels.items()))


def check_command(command: tuple[str, ...], axes: Mapping[str, int], read: str | None) -> None:
    """Raise an `InputError` if placeholders of a command do not fit the axes (name -> number of values)."""
    known = [*axes, OUT]
    used = {name for argument in command for name in placeholders(argument)}
    reading = set(placeholders(read or ""))
    printing = (read or "").startswith(STDOUT)
    for name in used if printing else used | reading:
        if name not in known:
            raise unknown("a placeholder of the command", name, known)
    for name, count in axes.items():
        if name not in used and (name == LR or count > 1):
            example = "Write for example: -- python train.py --lr {lr} --seed {seed} --out {out}"
            raise InputError(f"the command must contain {{{name}}}, where the value goes; got none. {example}")
    if printing:
        compiled((read or "").removeprefix(STDOUT))
    elif read is None and OUT not in used:
        remedy = "Or say where its metrics are: --read 'runs/{lr}-{seed}/metrics.csv', --read 'stdout:PATTERN'."
        raise InputError(f"the command must contain {{out}}, the folder of the training's files; got none. {remedy}")
    elif read is not None and OUT not in reading and not {name for name, count in axes.items() if count > 1} <= reading:
        lacking = ", ".join(f"{{{name}}}" for name in axes)
        raise InputError(f"read must differ for each training; got {read!r}. Give it {{out}}, or {lacking}.")


def check_program(command: tuple[str, ...]) -> None:
    """Raise an `InputError` if there is no such program."""
    if not placeholders(command[0]) and shutil.which(command[0]) is None:
        raise InputError(f"the command must be a program that can be run; there is no {command[0]!r}. Check its name.")
