"""Which files a path stands for, and the sentences for those that cannot be read."""

import re
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from lrscope.errors import InputError, StoreError

MAGIC = b"root"
Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
"""A file, several files, or a folder of ``records*.root``."""


def record_files(paths: Paths) -> list[Path]:
    """Return the files that `paths` stands for: itself, its members, or the ``records*.root`` of a folder.

    The files of a folder come in natural order: ``records.root``, ``records-1.root``, ..., ``records-10.root``.

    Raises
    ------
    InputError : nothing is there.
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
    files = sorted(folder.glob("records*.root"), key=_natural)
    if not files:
        raise InputError(f"{folder} holds no records*.root. Give the folder that a run has written.")
    return files


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts numbers by value, and a name before the same name with more behind it."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]


def check_magic(path: Path) -> None:
    """Raise an `InputError` if the file is empty or does not begin like a ROOT file."""
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
    except OSError as error:
        raise unreadable(path, error) from error
    if not head:
        raise InputError(f"{path} must be a file of records; got an empty file. Remove it.")
    if head != MAGIC:
        raise InputError(f"{path} must be a ROOT file; got something else. Give a records*.root of a run.")


def unreadable(path: Path, error: OSError) -> StoreError:
    """Return the error for a file that the system does not hand out."""
    return StoreError(f"{path} cannot be read ({error.strerror}). Check that it is still there and may be read.")


def damaged(path: Path) -> InputError:
    """Return the error for a file that begins like ROOT and cannot be read to its end."""
    return InputError(f"{path} must be a whole ROOT file; got one that is cut off or damaged. Copy or record it again.")


def foreign(path: Path) -> InputError:
    """Return the error for a ROOT file of somebody else."""
    return InputError(f"{path} must be written by lrscope; got another ROOT file. Give a records*.root of a run.")
