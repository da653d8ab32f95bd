"""Which files are meant by a folder or by names of files: those of one experiment, and the rounds of its grid."""

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from lrscope import store
from lrscope.errors import InputError, must_be, unknown
from lrscope.studies._folder import Folder

GRID, ROUND = "grid", re.compile(r"round\d+")
"""The experiment that is taken where there are several, and what belongs to it: further rounds of the same grid."""


def grid_files(paths: Sequence[str | PathLike[str]], experiment: str | None = None) -> list[list[Path]]:
    """Return the files of an experiment, and those of the further rounds of its grid: a list for each.

    Parameters
    ----------
    paths : the folder of a run, a file of records, or several files that are read together
    experiment : name of an experiment of the folder; by default the only one, or ``grid`` with its further rounds

    Raises
    ------
    InputError : nothing was recorded there, an experiment that does not exist, or several and none of them ``grid``.
    """
    folder = Folder(Path(paths[0])) if len(paths) == 1 and (Path(paths[0]) / "experiment.json").exists() else None
    there = [name for name in folder.description()["experiments"] if folder.records(name)] if folder else []
    if folder is None or not there:
        if experiment is not None:
            raise must_be("experiment", "left out for files", experiment, "It names one in the folder of a run.")
        return [store.record_files(paths)]
    return [folder.records(name) for name in _named(there, experiment)]


def _named(there: list[str], experiment: str | None) -> list[str]:
    """Return the names of the experiments that are meant."""
    if experiment is None and len(there) > 1 and GRID not in there:
        raise InputError(f"experiment must be one of {', '.join(there)}; got none. Choose one.")
    if experiment not in (None, *there):
        raise unknown("experiment", str(experiment), there)
    if experiment is None and GRID in there:
        return [GRID, *filter(ROUND.fullmatch, there)]
    return [experiment or there[0]]
