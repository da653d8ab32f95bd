"""The folder of one run: what is in it, and whether a run may start or go on there."""

import errno
import importlib.metadata
import itertools
import json
import os
import platform
import shlex
import shutil
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lrscope import __version__
from lrscope.errors import InputError, LrscopeError, StoreError

_LIBRARIES = ("torch", "numpy", "xarray", "uproot")
_DESCRIPTION = "experiment.json"
_PARTIAL = f".{_DESCRIPTION}.part"
_LOCK = ".lock"
_CHECKSUM = "crc32"
_RESULTS = ("records*.root", "histograms.root", "claims.json", "report.html")
_PASSING = (
    *("records*.state.npz", "records*.part", "histograms.root.part", _PARTIAL),
    *(".claims.json.*", ".report.html.*", "tables/.*.csv.*", "figures/.*.png.*", "figures/.*.svg.*"),
    *("figures/.*.mp4.*", "figures/.*.gif.*"),
)
"""What stands in the folder while it is written, and is left behind by what is killed."""
_TRAININGS = "trainings"
"""Folder of the trainings by command, each with a folder of its own."""
_FOLDERS_OF_RESULTS = ("tables", "figures", "tensorboard", _TRAININGS)
_PIECES = "pieces"
"""Folder of what a replication has summed so far."""
_SLURM = "slurm"
"""Folder of the files of workers that are jobs of Slurm."""
_FIELDS = {
    "study": str,
    "options": dict,
    "experiments": dict,
    "command": str,
    "versions": dict,
    "machine": dict,
    "finished": bool,
}


@dataclass(frozen=True)
class Folder:
    """The folder that a study writes: records, ``experiment.json``, tables, claims, figures, histograms, report.

    Attributes
    ----------
    path : it need not exist yet
    """

    path: Path

    @property
    def report(self) -> Path:
        """The page with the results."""
        return self.path / "report.html"

    def description(self) -> dict[str, Any]:
        """Return ``experiment.json``: study, options, experiments by name, command, versions, machine, finished.

        Raises
        ------
        InputError : the folder is missing, or holds no run of lrscope.
        """
        if not self.path.is_dir():
            raise InputError(f"{self.path} must be a folder that a study has written; there is none. Check the path.")
        file = self.path / _DESCRIPTION
        try:
            description: Any = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            remedy = "Give the folder that `lrscope run` has written."
            raise InputError(f"{self.path} must hold an {_DESCRIPTION}; it has none. {remedy}") from None
        except (OSError, ValueError, RecursionError):
            description = None
        fields = description if isinstance(description, dict) else {}
        checksum = fields.pop(_CHECKSUM, None)  # who edits the file leaves it out
        if (
            not all(isinstance(fields.get(field), kind) for field, kind in _FIELDS.items())
            or not all(Path(name).name == name and name.isprintable() for name in fields["experiments"])
            or (set(fields) != set(_FIELDS) if checksum is None else checksum != _checksum(fields))
        ):
            raise InputError(f"{file} must be JSON as a study writes it; got a damaged file. Give another folder.")
        return fields

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder until the ``with`` or the process ends; the folder is made if need be.

        Raises
        ------
        InputError : another run is going on there; the folder cannot be written.
        """
        new = [path for path in (self.path, *self.path.parents) if not path.exists()]
        with self._as_sentences():
            if not new and not self.path.is_dir():
                raise InputError(f"out must be a folder; {self.path} is a file. Give another --out.")
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / _LOCK, timeout=0)  # of the system, which lifts it when the process ends
            try:
                lock.acquire()
            except Timeout:
                remedy = "Wait for its end, or give another --out."
                raise InputError(
                    f"out must be a folder without a run; one is going on in {self.path}. {remedy}"
                ) from None
        try:
            yield
        finally:
            with suppress(OSError):  # the folder may be gone
                (self.path / _LOCK).unlink()
                for path in new:
                    path.rmdir()  # unless something was written
            lock.release()

    def check_new(self, study: str, overwrite: bool) -> None:
        """Make sure that a run may start here.

        Raises
        ------
        InputError : the folder holds the results of another study, of this one (without `overwrite`), or other files.
        """
        with self._as_sentences():
            held_names = {entry.name for entry in self.path.iterdir()} if self.path.exists() else set()
        if held_names <= {_PARTIAL, _LOCK, _SLURM}:  # all that a run which was killed at once leaves behind
            return
        if _DESCRIPTION not in held_names:
            raise InputError(f"out must be a new or empty folder; {self.path} holds other files. Give another --out.")
        held = self.description()
        if held["study"] != study:
            got = f"{self.path} holds results of {held['study']}"
            raise InputError(f"out must be a folder of the study {study}; {got}. Give another --out.")
        if not overwrite:
            remedy = "Give another --out or --overwrite" + ("." if held["finished"] else ", or --resume to go on.")
            raise InputError(f"out must be a new folder; {self.path} holds results of {study} already. {remedy}")

    def check_resumable(
        self, study: str, options: Mapping[str, Any], experiments: Mapping[str, Any], free: Collection[str] = ()
    ) -> None:
        """Make sure that there is an unfinished run of the same study, with the same options and experiments.

        It may have more experiments: those that followed from the records of the first ones. The options of `free` may
        be others.

        Raises
        ------
        InputError : there is none; the options that differ are named.
        """
        if not (self.path / _DESCRIPTION).exists():
            raise InputError(f"--resume must continue a run; {self.path} holds none. Start it without --resume.")
        held = self.description()
        if held["study"] != study:
            raise InputError(f"--resume must continue the study {study}; {self.path} holds results of {held['study']}.")
        earlier = held["options"]
        differing = [
            f"{name} was {_words(earlier.get(name))}, is {_words(value)}"
            for name, value in options.items()
            if name not in free and earlier.get(name) != value
        ]
        if differing:
            got = ", ".join(differing)
            raise InputError(f"--resume must have the options of the run; {got}. Give the same options again.")
        if {name: held["experiments"].get(name) for name in experiments} != experiments:
            remedy = f"Install lrscope {held['versions'].get('lrscope')} to go on, or start anew with --overwrite."
            raise InputError(f"--resume must continue the same experiments; this lrscope makes others. {remedy}")
        if held["finished"] and not held.get("failed"):
            remedy = f"Its report is written again by `lrscope report {self.path}`."
            raise InputError(f"--resume must continue an unfinished run; that in {self.path} is complete. {remedy}")

    def begin(self, description: Mapping[str, Any]) -> None:
        """Make the folder, without anything that an earlier run wrote into it, and describe the new run there.

        Raises
        ------
        InputError : the folder cannot be written.
        StoreError : the disk is full.
        """
        with self._as_sentences():
            self.path.mkdir(parents=True, exist_ok=True)
            self._empty()
            self._describe(description)

    def abandon(self) -> None:
        """Remove what a run has written that turned out not to be allowed; the folder, too, unless it holds more."""
        with self._as_sentences():
            self._empty()
            if not any(self.path.iterdir()):
                self.path.rmdir()

    def _empty(self) -> None:
        self._remove(*_RESULTS, *_PASSING)
        for name in (*_FOLDERS_OF_RESULTS, _PIECES):
            shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / _DESCRIPTION).unlink(missing_ok=True)  # last: until then the folder is known as ours

    def describe(self, description: Mapping[str, Any]) -> None:
        """Write what the run is now, as a whole or not at all.

        Raises
        ------
        StoreError : the disk is full; `--resume` does this again.
        """
        try:
            self._describe(description)
        except OSError as error:
            file, remedy = self.path / _DESCRIPTION, "Check the folder and its disk, and run again with --resume."
            raise StoreError(f"{file} could not be written: {error.strerror}. {remedy}") from error

    def finish(self, description: Mapping[str, Any]) -> None:
        """Write that the run is complete, and remove what is needed only to go on with it; raises as `describe`."""
        self.describe({**description, "finished": True})
        self.tidy()

    def tidy(self) -> None:
        """Remove from a finished run what a killed process has left."""
        self._remove(*_PASSING)
        for name in (_PIECES, _SLURM):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def _remove(self, *patterns: str) -> None:
        for pattern in patterns:
            for file in self.path.glob(pattern):
                file.unlink(missing_ok=True)

    def _describe(self, description: Mapping[str, Any]) -> None:
        partial = self.path / _PARTIAL
        try:
            sealed = {**description, _CHECKSUM: _checksum(description)}
            partial.write_text(json.dumps(sealed, indent=2) + "\n", encoding="utf-8")
            partial.replace(self.path / _DESCRIPTION)
        finally:
            partial.unlink(missing_ok=True)

    def records(self, experiment: str) -> list[Path]:
        """Return the files with the records of an experiment that are there, in the order in which they were written.

        Those of the experiment `records` are ``records.root`` and, after a resume, ``records-1.root``; those of any
        other ``records-<experiment>.root`` and ``records-<experiment>-1.root``.
        """
        return list(itertools.takewhile(Path.exists, self._record_files(experiment)))

    def pieces(self, experiment: str) -> Path:
        """Return the folder for what a replication has summed so far; it is removed when the run is complete."""
        return self.path / _PIECES / experiment

    @property
    def slurm(self) -> Path:
        """The folder for the files of workers that are jobs of Slurm; it is removed when the run is complete."""
        return self.path / _SLURM

    @property
    def trainings(self) -> Path:
        """The folder with a folder for each training by command."""
        return self.path / _TRAININGS

    def next_records(self, experiment: str) -> Path:
        """Return the file that a run writes now: the first of an experiment's that is not there."""
        return next(file for file in self._record_files(experiment) if not file.exists())

    def _record_files(self, experiment: str) -> Iterator[Path]:
        stem = "records" if experiment == "records" else f"records-{experiment}"
        yield self.path / f"{stem}.root"
        yield from (self.path / f"{stem}-{number}.root" for number in itertools.count(1))

    @contextmanager
    def _as_sentences(self) -> Iterator[None]:
        """Turn what the system says about the folder into our sentences."""
        try:
            yield
        except LrscopeError:
            raise
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreError(f"No space left on the disk of {self.path}. Free some space and try again.") from error
            got = f"{self.path} cannot: {error.strerror}"
            raise InputError(f"out must be a folder that can be written; {got}. Give another --out.") from error


def _checksum(description: Mapping[str, Any]) -> int:
    """Return the CRC-32 of a description, however it is laid out."""
    return zlib.crc32(json.dumps(dict(description), sort_keys=True, separators=(",", ":")).encode())


def _words(value: Any) -> str:
    if value is None:
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def resuming(command: str) -> str:
    """Return the line that continues the run which a line began.

    Examples
    --------
    >>> resuming("lrscope run sweep --seeds 2 -- python train.py --lr {lr}")
    "lrscope run sweep --seeds 2 --resume -- python train.py --lr '{lr}'"
    """
    words = shlex.split(command)
    place = words.index("--") if "--" in words else len(words)
    return shlex.join([*words[:place], "--resume", *words[place:]])


def versions() -> dict[str, str]:
    """Return the versions of lrscope, Python and the libraries that the numbers depend on."""
    libraries = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"lrscope": __version__, "python": platform.python_version(), **libraries}


def machine() -> dict[str, str]:
    """Return what the run ran on: system, processor, number of cores."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }


def _processor() -> str:
    """Return the model of the processor, which `platform` does not know on Linux."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
