"""Which files a path stands for, and the sentences for those that cannot be read."""

import re
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO

from lrscope.errors import InputError, StoreError

MAGIC = b"root"
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
"""A file, several files, or a folder of ``records*.root``."""


def record_files(paths: Paths) -> list[Path]:
    """Return the files that `paths` stands for: itself, its members, or the ``records*.root`` of a folder.

    The files of a folder come in natural order: ``records.root``, ``records-1.root``, ..., ``records-10.root``.

    Raises
    ------
    InputError : nothing is there, or a folder has the records of several experiments.
    """
    if not isinstance(paths, (str, PathLike)):
        files = [file for path in paths for file in record_files(path)]
        if not files:
            raise InputError("paths must name at least one file of records; got none.")
        return files
    path = Path(fspath(paths))
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise InputError(f"{path} does not exist. Give a file of records or the folder that a run has written.")
    return [path]


def _of_folder(folder: Path) -> list[Path]:
    by_experiment: dict[str, list[Path]] = {}
    for file in files_in(folder):
        # both records-quick.root and records-quick-1.root are of the experiment `quick`
        name = re.sub(r"-\d+$", "", file.stem).removeprefix("records-")
        by_experiment.setdefault(name, []).append(file)
    if not by_experiment:
        raise InputError(f"{folder} holds no records*.root. Give the folder that a run has written.")
    if len(by_experiment) > 1:
        remedy = f"Give the files of one of them, for example {next(iter(by_experiment.values()))[0]}."
        raise InputError(
            f"{folder} must hold the records of one experiment; got those of {', '.join(by_experiment)}. {remedy}"
        )
    return next(iter(by_experiment.values()))


def files_in(folder: Path) -> list[Path]:
    """Return the ``records*.root`` of a folder in natural order, whatever experiment they are of."""
    return sorted(folder.glob("records*.root"), key=_natural)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts numbers by value, and a name before the same name with more after it."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]


def opened(path: Path) -> BinaryIO:
    """Return a file that is open for reading."""
    try:
        return path.open("rb")
    except OSError as error:
        remedy = "Check that it is still there and may be read."
        raise StoreError(f"{path} cannot be read ({error.strerror}). {remedy}") from error


def check_magic(path: Path, head: bytes) -> None:
    """Raise an `InputError` if the file is empty or does not begin like a ROOT file."""
    if not head:
        raise InputError(f"{path} must be a file of records; got an empty file. Remove it.")
    if head != MAGIC:
        raise InputError(f"{path} must be a ROOT file; got something else. Give a records*.root of a run.")


def no_file(path: Path) -> InputError:
    """Return the error for a path at which there is no file: nothing, or a folder, whose files are named."""
    names = [file.name for file in files_in(path)] if path.is_dir() else []
    got, remedy = ("a folder", f"one of {', '.join(names)} in it") if names else ("none", "a records*.root of a run")
    return InputError(f"{path} must be a file of records; got {got}. Give {remedy}.")


def damaged(path: Path) -> InputError:
    """Return the error for a file that begins like ROOT and cannot be read to its end."""
    return InputError(f"{path} must be a whole ROOT file; got one that is cut off or damaged. Copy or record it again.")
