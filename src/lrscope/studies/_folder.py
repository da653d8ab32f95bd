"""The folder of one run: what is in it, and whether a run may start or go on there."""

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope import __version__
from lrscope.errors import InputError, StoreError

_LIBRARIES = ("torch", "numpy", "xarray", "uproot")
_OURS = ("records", "experiment.json", "tables", "claims.json", "figures", "report.html")


@dataclass(frozen=True)
class Folder:
    """The folder that a study writes: records, ``experiment.json``, tables, claims, figures, report.

    Attributes
    ----------
    path : it need not exist yet
    """

    path: Path

    @property
    def report(self) -> Path:
        """The page that tells what was found."""
        return self.path / "report.html"

    def description(self) -> dict[str, Any]:
        """Return ``experiment.json``: study, options, experiment, command, versions, machine, finished.

        Raises
        ------
        InputError : the folder is missing, or holds no run of lrscope.
        """
        if not self.path.is_dir():
            raise InputError(f"{self.path} must be a folder that a study has written; there is none. Check the path.")
        file = self.path / "experiment.json"
        try:
            description: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return {key: description[key] for key in ("study", "options", "experiment", "command", *description)}
        except FileNotFoundError:
            remedy = "Give the folder that `lrscope run` has written."
            raise InputError(f"{self.path} must hold an experiment.json; it has none. {remedy}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{file} must be JSON as a study writes it; got a damaged file.") from error

    def check_new(self, study: str, overwrite: bool) -> None:
        """Make sure that a run may start here.

        Raises
        ------
        InputError : the folder holds the results of another study, of this one (without `overwrite`), or other files.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"out must be a folder; {self.path} is a file. Give another --out.")
        if not self.path.exists() or not any(self.path.iterdir()):
            return
        if not (self.path / "experiment.json").exists():
            raise InputError(f"out must be a new or empty folder; {self.path} holds other files. Give another --out.")
        held = self.description()
        if held["study"] != study:
            raise InputError(
                f"out must be a folder of the study {study}; {self.path} holds results of {held['study']}. "
                "Give another --out."
            )
        if not overwrite:
            remedy = "Give another --out or --overwrite" + ("." if held.get("finished") else ", or --resume to go on.")
            raise InputError(f"out must be a new folder; {self.path} holds results of {study} already. {remedy}")

    def check_resumable(self, study: str, options: Mapping[str, Any]) -> None:
        """Make sure that there is an unfinished run of the same study with the same options.

        Raises
        ------
        InputError : there is none; the options that differ are named.
        """
        held = self.description()
        if held["study"] != study:
            raise InputError(f"--resume must continue the study {study}; {self.path} holds results of {held['study']}.")
        differing = [name for name, value in options.items() if held["options"].get(name) != value]
        if differing:
            changes = ", ".join(f"{name} was {held['options'].get(name)}, is {options[name]}" for name in differing)
            raise InputError(f"--resume must have the options of the run; {changes}. Give the same options again.")
        if held.get("finished"):
            raise InputError(f"--resume must have something to go on with; the run in {self.path} is complete.")

    def clear(self) -> None:
        """Make the folder, without anything that an earlier run wrote into it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for entry in self.path.iterdir():
            if entry.name.startswith(_OURS):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def describe(self, description: Mapping[str, Any]) -> None:
        """Write ``experiment.json``, as a whole or not at all.

        Raises
        ------
        StoreError : it cannot be written.
        """
        file = self.path / "experiment.json"
        partial = file.with_name(".experiment.json.part")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            partial.write_text(json.dumps(dict(description), indent=2) + "\n", encoding="utf-8")
            partial.replace(file)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise StoreError(
                f"{file} could not be written: {error.strerror}. Check the folder and its disk."
            ) from error

    def next_records(self) -> Path:
        """Return the file that a run writes now: ``records.root``, or ``records-1.root`` after a resume."""
        taken = {file.name for file in self.path.glob("records*.root")}
        names = ("records.root", *(f"records-{number}.root" for number in range(1, len(taken) + 2)))
        return next(self.path / name for name in names if name not in taken)


def versions() -> dict[str, str]:
    """Return the versions of lrscope, Python and the libraries that the numbers depend on."""
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"lrscope": __version__, "python": platform.python_version(), **found}


def machine() -> dict[str, str]:
    """Return what the run ran on: system, processor, number of cores."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": platform.processor() or "unknown",
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }
